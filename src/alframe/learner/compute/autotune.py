"""What `auto` leaves to a measurement: bfloat16 or float32, and how many images a scoring pass takes.

A probe takes a second or two, once for a network on a machine; its answer is kept there, and in the trial's
config, so that a resumed trial computes the same bits.
"""

import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from alframe._machine import processor, recall, remember
from alframe.learner.compute.device import Compute

SCORING_BATCHES = (128, 256, 512, 1024, 2048)
DEFAULT_SCORING_BATCH = {"cpu": 512, "cuda": 4096, "mps": 1024}
REPEATS = 7
BUDGET_SECONDS = 2.0  # per question; a network too slow for it gets the default


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What is to be run.

    Attributes:
        network: makes it. config: its settings, by which it is known again.
        image_shape: (channels, height, width). n_classes: C. batch_size: images of a training step.
    """

    network: Callable[..., nn.Module]
    config: dict[str, Any]
    image_shape: tuple[int, int, int]
    n_classes: int
    batch_size: int

    def make(self) -> nn.Module:
        """Return a network; the global random state is left alone."""
        n_channels, height, width = self.image_shape
        with torch.random.fork_rng(devices=[]):
            return self.network(in_channels=n_channels, image_size=(height, width), n_classes=self.n_classes)


def choose_precision(device: torch.device, asked: str, subject: Subject) -> Compute:
    """Return the compute for a trial; on a processor that multiplies in bfloat16, the faster of the two."""
    compute = Compute.choose(str(device), asked)
    if asked != "auto" or device.type != "cpu" or compute.precision == "float32":
        return compute
    answer = _remembered("precision", subject, lambda: _faster_precision(device, subject))
    return Compute(device=device, precision=answer["precision"])


def choose_scoring_batch(compute: Compute, asked: int | None, subject: Subject) -> int:
    """Return images per scoring pass; on a CPU the fastest of a few, which is where the caches end."""
    if asked is not None:
        return asked
    if compute.device.type != "cpu":
        return DEFAULT_SCORING_BATCH[compute.device.type]
    name = f"scoring batch in {compute.precision}"
    return int(_remembered(name, subject, lambda: _fastest_batch(compute, subject))["images"])


def _remembered(question: str, subject: Subject, ask: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    shape = "x".join(map(str, subject.image_shape))
    key = " | ".join(
        [
            question,
            processor()[0],
            f"{torch.get_num_threads()} threads",
            f"torch {torch.__version__}",
            json.dumps(subject.config, sort_keys=True),
            f"{shape}, {subject.n_classes} classes, batch {subject.batch_size}",
        ]
    )
    answer = recall(key)
    if answer is None or not _fits(question, answer):
        with torch.random.fork_rng(devices=[]):
            answer = ask()
        remember(key, answer)
    return answer


def _fits(question: str, answer: dict[str, Any]) -> bool:
    if question == "precision":
        return answer.get("precision") in ("float32", "bfloat16")
    return isinstance(answer.get("images"), int) and answer["images"] > 0


def _faster_precision(device: torch.device, subject: Subject) -> dict[str, Any]:
    steps = {
        precision: _training_step(Compute(device=device, precision=precision), subject)
        for precision in ("float32", "bfloat16")
    }
    seconds = _interleaved(steps)
    if not seconds:
        return {"precision": "bfloat16"}
    return {"precision": min(seconds, key=lambda each: seconds[each]), "seconds": seconds}


def _fastest_batch(compute: Compute, subject: Subject) -> dict[str, Any]:
    network = _made(subject).eval()
    x = _images(subject, max(SCORING_BATCHES))

    def passes(batch_size: int) -> Callable[[], None]:
        def run() -> None:
            with torch.inference_mode(), compute.autocast():
                for x_B in x.split(batch_size):
                    network(x_B)

        return run

    seconds = _interleaved({str(n): passes(n) for n in SCORING_BATCHES})
    if not seconds:
        return {"images": DEFAULT_SCORING_BATCH["cpu"]}
    return {"images": int(min(seconds, key=lambda each: seconds[each])), "seconds": seconds}


def _training_step(compute: Compute, subject: Subject) -> Callable[[], None]:
    network = _made(subject)
    x_B = _images(subject, subject.batch_size)
    label_B = torch.arange(subject.batch_size) % subject.n_classes

    def run() -> None:
        with compute.autocast():
            loss = F.cross_entropy(network(x_B), label_B)
        loss.backward()

    return run


def _made(subject: Subject) -> nn.Module:
    channels_last: nn.Module = subject.make().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return channels_last


def _images(subject: Subject, n: int) -> Tensor:
    return torch.randn(n, *subject.image_shape).to(memory_format=torch.channels_last)


def _interleaved(contestants: dict[str, Callable[[], None]]) -> dict[str, float]:
    """Return each one's median seconds, taken in turns after a warm-up; nothing when time runs short."""
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    begun = time.perf_counter()
    for repeat in range(REPEATS + 1):
        for name, run in contestants.items():
            start = time.perf_counter()
            run()
            if repeat:
                seconds[name].append(time.perf_counter() - start)
            if not repeat and time.perf_counter() - begun > BUDGET_SECONDS:
                return {}
        if repeat and time.perf_counter() - begun > BUDGET_SECONDS:
            break
    return {name: statistics.median(times) for name, times in seconds.items()}
