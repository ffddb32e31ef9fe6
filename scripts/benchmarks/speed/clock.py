"""One clock for every contestant: set-up and steps are timed apart, contestants are measured in turns."""

import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch

FIRST_LENGTH = 6
LONGEST = 200_000
MAX_TRIES = 6


@dataclass(frozen=True, kw_only=True)
class Timing:
    """One measurement.

    Attributes:
        steps: steps that were timed. seconds: their time.
        rest_seconds: time of the run beyond its steps: start, capture, the first batches of a loader, a
            checkpoint at the end. None if the steps were not timed apart.
    """

    steps: int
    seconds: float
    rest_seconds: float | None


class Stopwatch:
    """Times the steps of a fit from one mark to another.

    A Trainer's start, a loader's first batches, an engine's capture and the checkpoint at the end take as
    long as dozens of steps and occur once per fit. The whole time of a short fit would therefore not predict
    that of a long one. The clock is read after `warm` steps and after the last one, when the device's queue
    is empty. The time of the run beyond its steps is reported separately.

    Args:
        device: the device of the fit. steps: number to time. warm: steps before them; 0 times the whole run.
    """

    def __init__(self, device: torch.device, steps: int, warm: int = 0) -> None:
        self.total = warm + steps
        self._device = device
        self._warm = warm
        self._marks: list[tuple[int, float]] = []

    def mark(self, done: int) -> None:
        """Record that `done` steps have been run; the clock is read only at the first and the last mark."""
        if (not self._marks and done >= self._warm) or (len(self._marks) == 1 and done >= self.total):
            self._marks.append((done, self._now()))

    def run(self, work: Callable[[], object]) -> Timing:
        """Run a fit that marks its steps and return their time."""
        start = self._now()
        if self._warm == 0:
            self._marks.append((0, start))
        work()
        end = self._now()
        if not self._marks or self._marks[0][0] >= self.total:
            return Timing(steps=self.total, seconds=end - start, rest_seconds=None)
        first, last = self._marks[0], (*self._marks[1:], (self.total, end))[0]
        steps, seconds = last[0] - first[0], last[1] - first[1]
        rest = end - start - seconds * self.total / steps
        return Timing(steps=steps, seconds=seconds, rest_seconds=max(0.0, rest))

    def _now(self) -> float:
        synchronize(self._device)
        return time.perf_counter()


def synchronize(device: torch.device) -> None:
    """Wait until the device's queue is empty."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


class Contestant(Protocol):
    """A way to train a recipe and to score with its network.

    Attributes:
        recipe, precision: names.
        images_per_step, images_per_batch: images in a training step, and in a batch of scoring.
    """

    recipe: str
    precision: str
    images_per_step: int
    images_per_batch: int

    @property
    def engine(self) -> str:
        """The name in the report."""
        ...

    def train(self, steps: int) -> Timing:
        """Train fresh weights and time `steps` steps."""
        ...

    def score(self, batches: int) -> Timing:
        """Score, and time `batches` batches."""
        ...


@dataclass(kw_only=True, eq=False)
class Record:
    """The measurements of one contestant.

    Attributes:
        contestant: the measured one.
        first_seconds: of the whole first fit of the process, with imports, compilation and capture.
        train_length, score_length: steps and batches per measurement.
        trained, scored: the measurements.
    """

    contestant: Contestant
    first_seconds: float
    train_length: int
    score_length: int
    trained: list[Timing] = field(default_factory=list)
    scored: list[Timing] = field(default_factory=list)

    @property
    def train_rates(self) -> list[float]:
        """Images per second of each training measurement."""
        return [self.contestant.images_per_step * each.steps / each.seconds for each in self.trained]

    @property
    def score_rates(self) -> list[float]:
        """Images per second of each scoring measurement."""
        return [self.contestant.images_per_batch * each.steps / each.seconds for each in self.scored]

    @property
    def rest_seconds(self) -> float | None:
        """Median seconds of a fit beyond its steps."""
        known = [each.rest_seconds for each in self.trained if each.rest_seconds is not None]
        return statistics.median(known) if known else None


def warm_up(contestant: Contestant, seconds: float) -> Record:
    """Run a contestant for the first time and find how many steps and batches fill `seconds`."""
    start = time.perf_counter()
    contestant.train(FIRST_LENGTH)
    first_seconds = time.perf_counter() - start
    return Record(
        contestant=contestant,
        first_seconds=first_seconds,
        train_length=fitting_length(contestant.train, seconds, least=FIRST_LENGTH),
        score_length=fitting_length(contestant.score, seconds, least=1),
    )


def fitting_length(run: Callable[[int], Timing], seconds: float, least: int) -> int:
    """Return how many steps fill `seconds`, from longer and longer runs until one takes half of `seconds`.

    An engine may report only after each block of steps. A fit must be longer than a block, so that its steps
    can be timed apart from its set-up; `least` then becomes the first length at which that worked.
    """
    length = least
    for _ in range(MAX_TRIES):
        timing = run(length)
        if timing.rest_seconds is None:
            length = least = min(LONGEST, 8 * length)
            continue
        if timing.seconds >= seconds / 2:
            break
        wanted = math.ceil(length * seconds / timing.seconds)
        length = min(LONGEST, 16 * length, max(wanted, length + 1))
    return min(LONGEST, max(least, round(timing.steps * seconds / timing.seconds)))


def take_turns(records: Sequence[Record], repeats: int, show_progress: Callable[[str], None]) -> None:
    """Measure every contestant once per round; each round starts with another contestant.

    A machine that is slow for a minute then slows all contestants, and the ratios of medians stay right.
    """
    for repeat in range(repeats):
        shift = repeat % len(records)
        for record in (*records[shift:], *records[:shift]):
            record.trained.append(record.contestant.train(record.train_length))
            record.scored.append(record.contestant.score(record.score_length))
        show_progress(f"round {repeat + 1} of {repeats}")
