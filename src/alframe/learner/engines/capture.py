"""Recording a function's work on the device once, to be replayed without Python."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import torch

Replay = Callable[[], None]


class CaptureError(Exception):
    """A step could not be recorded; nothing was trained."""


class Capture(Protocol):
    """Records work and returns what replays it."""

    def __call__(
        self, work: Callable[[], None], generators: Sequence[torch.Generator], device: torch.device
    ) -> Replay:
        """Return a function that does on the device what `work` does, with the memory that it used.

        Args:
            work: reads and writes tensors that exist before and after; no value of theirs may reach
                Python. It has been run before, so that nothing is set up in it for the first time.
            generators: what it draws from, besides the device's own generator.
            device: where the work is done.
        """
        ...


def cuda_graph(
    work: Callable[[], None], generators: Sequence[torch.Generator], device: torch.device
) -> Replay:
    """Capture `work` in a CUDA graph with a memory pool of its own.

    Replays draw what as many eager runs would have drawn: a generator's offset is counted on.
    """
    graph = torch.cuda.CUDAGraph()
    for generator in generators:
        graph.register_generator_state(generator)
    stream = torch.cuda.Stream(device)
    # The outer block puts the current stream back: a capture that fails leaves its own in place.
    with torch.cuda.stream(torch.cuda.current_stream(device)), torch.cuda.graph(graph, stream=stream):
        work()
    # A capture writes seeds on its own stream; a replay that overtook that would draw from an old one.
    torch.cuda.current_stream(device).wait_stream(stream)
    replay: Replay = graph.replay
    return replay


def run_aside(work: Callable[[], None], times: int, device: torch.device) -> None:
    """Run `work` eagerly, on CUDA on a stream of its own as a capture wants it before.

    The last run on CUDA refuses whatever waits for the device, so that a capture does not fail at it: one
    that fails leaves generators and streams in disorder.

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
    """Silence advice against running eagerly what is made for a capture, and about how it is tried out."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*capturable=True.*")
        warnings.filterwarnings("ignore", message="Synchronization debug mode is a prototype.*")
        yield


def device_generator(device: torch.device) -> torch.Generator:
    """Return the generator that dropout and weights draw from."""
    if device.type == "cuda":
        return torch.cuda.default_generators[device.index or 0]
    return torch.default_generator
