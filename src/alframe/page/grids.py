"""Grids: images of one predicted class that a person confirms at once.

A grid has only samples of the open question that nobody has answered, that need no blind answer, and of which
a grid removes more errors a second than single answers do. The class with most of them comes first, and in
each class the most confident prediction.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from hashlib import sha256

from alframe.core.answer_counting import PAGE_GRID, serves
from alframe.core.answer_times import USUAL, Pace
from alframe.page.queue import Queue, Work

# By predicted class: a confirmation takes about 2 s and a single answer 0.6 s, so that fewer images are
# faster one by one.
SMALLEST = 4

Predictions = Mapping[int, tuple[int, float]]  # class and confidence in [0, 1], by sample


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Images to confirm as one class. `id`: the same for the same person and images."""

    id: str
    number: int
    indices: tuple[int, ...]


class Grids:
    """Gives out grids. One grid belongs to one person until it is answered or its lease ends."""

    def __init__(self, queue: Queue) -> None:
        """Take the queue, which knows who has which sample."""
        self._queue = queue
        self._of_person: dict[str, Grid] = {}

    def next(
        self,
        work: Work,
        who: str,
        predicted: Predictions,
        blind: Set[int],
        size: int,
        now: float,
        pace: Pace = USUAL,
    ) -> Grid | None:
        """Return a grid of at most `size` images, the same one until it is answered; None without enough.

        Args:
            predicted: class and confidence of the samples that have a prediction.
            blind: samples that must be answered singly, without a suggestion.
            now: in seconds, of the queue's clock. pace: of the person.
        """
        last = self._of_person.get(who)
        if last is None or not all(self._queue.has(work, who, index) for index in last.indices):
            last = _grid(who, self._by_class(work, who, predicted, blind, now, pace), size)
        if last is None:
            self._of_person.pop(who, None)
            return None
        self._of_person[who] = last
        self._queue.hold(who, last.indices, now)
        return last

    def n_left(
        self, work: Work, who: str, predicted: Predictions, blind: Set[int], now: float, pace: Pace = USUAL
    ) -> int:
        """Return how many images could be confirmed in grids."""
        groups = self._by_class(work, who, predicted, blind, now, pace).values()
        return sum(len(each) for each in groups if len(each) >= SMALLEST)

    def _by_class(
        self, work: Work, who: str, predicted: Predictions, blind: Set[int], now: float, pace: Pace
    ) -> dict[int, list[tuple[float, int]]]:
        """Return (-confidence, index) of the images for grids by predicted class."""
        groups: dict[int, list[tuple[float, int]]] = {}
        if not serves(work.purpose, PAGE_GRID):
            return groups
        least = 1.0 - pace.most_wrong_in_grid
        for index in self._queue.free(work, who, now):
            if index in predicted and index not in blind:
                number, confidence = predicted[index]
                if confidence >= least:
                    groups.setdefault(number, []).append((-confidence, index))
        return groups


def _grid(who: str, groups: Mapping[int, list[tuple[float, int]]], size: int) -> Grid | None:
    largest = max(groups, key=lambda number: (len(groups[number]), -number), default=None)
    if largest is None or len(groups[largest]) < SMALLEST:
        return None
    indices = tuple(index for _, index in sorted(groups[largest])[:size])
    text = f"{who}\n{largest}\n{indices}"
    return Grid(id=sha256(text.encode()).hexdigest()[:16], number=largest, indices=indices)
