"""Recording what a function does on the device, so that it is replayed without Python."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import torch

WARM_UP = 3  # eager runs before a capture, as torch advises

Replay = Callable[[], None]


class CaptureError(Exception):
    """A step could not be recorded. Nothing was trained."""


class Capture(Protocol):
    """Records work and returns a function that replays it."""

    def __call__(
        self, work: Callable[[], None], generators: Sequence[torch.Generator], device: torch.device
    ) -> Replay:
        """Return a function that does on the device what `work` does, with the memory that it used.

        Args:
            work: reads and writes tensors that exist before and after. None of their values may reach
                Python. It has been run before, so nothing in it is set up for the first time.
            generators: those that it draws from, besides the device's own generator.
            device: where it runs.
        """
        ...


def as_it_is(work: Callable[[], None], generators: Sequence[torch.Generator], device: torch.device) -> Replay:
    """Return `work`: where launching an operation costs little, nothing is recorded."""
    return work


def cuda_graph(
    work: Callable[[], None], generators: Sequence[torch.Generator], device: torch.device
) -> Replay:
    """Capture `work` in a CUDA graph with a memory pool of its own.

    Replays draw the same random numbers as the same number of eager runs: each advances the generators.
    """
    graph = torch.cuda.CUDAGraph()
    for generator in generators:
        graph.register_generator_state(generator)
    stream = torch.cuda.Stream(device)
    # The outer block restores the current stream: a capture that fails leaves its own stream in place.
    with torch.cuda.stream(torch.cuda.current_stream(device)), torch.cuda.graph(graph, stream=stream):
        work()
    # A capture writes seeds on its own stream. A replay before that write would draw from an old seed.
    torch.cuda.current_stream(device).wait_stream(stream)
    replay: Replay = graph.replay
    return replay


def run_aside(work: Callable[[], None], times: int, device: torch.device) -> None:
    """Run `work` eagerly, on CUDA on a stream of its own, as a capture requires before it.

    On CUDA the last run raises an error for each operation that waits for the device. So the error comes
    before the capture: a capture that fails leaves generators and streams in disorder.

    Raises:
        RuntimeError: the work waits for the device.
    """
    with outside_a_capture():
        if device.type != "cuda":
            for _ in range(times):
                work()
            return
        stream = torch.cuda.Stream(device)
        stream.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(stream):
            for run in range(times):
                mode = torch.cuda.get_sync_debug_mode()
                torch.cuda.set_sync_debug_mode("error" if run == times - 1 else mode)
                try:
                    work()
                finally:
                    torch.cuda.set_sync_debug_mode(mode)
        torch.cuda.current_stream(device).wait_stream(stream)


@contextmanager
def outside_a_capture() -> Iterator[None]:
    """Silence torch's warnings about running a step for a capture eagerly, and about the debug mode."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*capturable=True.*")
        warnings.filterwarnings("ignore", message="Synchronization debug mode is a prototype.*")
        yield


def device_generator(device: torch.device) -> torch.Generator:
    """Return the device's default generator, which dropout and initial weights draw from."""
    if device.type == "cuda":
        return torch.cuda.default_generators[device.index or 0]
    return torch.default_generator


def reason_of(error: Exception) -> str:
    """Return the first 40 words of an error's message, in one line."""
    return " ".join(str(error).split()[:40])


def repeat(work: Callable[[], None], times: int) -> None:
    """Call `work` `times` times."""
    for _ in range(times):
        work()
