"""Which person answers which sample of the open question: one at a time or in grids."""

import threading
import time
from collections.abc import Sequence
from itertools import chain
from typing import Any

from alframe.core.answer_times import USUAL, Pace
from alframe.page.desk import Desk, Question
from alframe.page.grids import Grid, Grids
from alframe.page.pace import grid_errors, overlooked_share, pace_of
from alframe.page.queue import Item, Queue, Work
from alframe.page.stores import Stores

_PACE_SECONDS = 5.0


class Assignments:
    """Gives out the samples of the open question. Its methods are called by the threads of the server."""

    def __init__(self, desk: Desk, stores: Stores) -> None:
        """Take the desk of a trial and its stores."""
        self._desk, self._stores = desk, stores
        self._lock = threading.RLock()
        self._queue = Queue()
        self._grids = Grids(self._queue)
        self._work: tuple[Question, Work] | None = None
        self._paces: dict[str, tuple[float, Pace]] = {}

    def question(self) -> tuple[Question, Work] | None:
        """Return the open question and what is left of it; None if people have nothing to answer."""
        question, store = self._desk.now.question, self._stores.found
        if question is None or store is None:
            return None
        with self._lock:
            if self._work is None or self._work[0] is not question:  # an audit adds samples to its question
                order = store.question(question.purpose, question.round)
                self._work = (question, Work(order, purpose=question.purpose))
            work = self._work[1]
            work.read(store)
        return question, work

    def next(self, who: str, n: int) -> tuple[Question | None, list[Item]]:
        """Return the open question, and its next n samples for a person to answer one at a time."""
        found, options = self.question(), self._desk.now.options
        if found is None:
            return None, []
        question, work = found
        with self._lock:
            return question, self._queue.next(work, who, n, options.both_share, time.monotonic())

    def grid(self, who: str) -> Grid | None:
        """Return a grid of one predicted class for a person, or None."""
        found, size = self.question(), self._desk.now.options.grid
        if found is None or not size:
            return None
        question, work = found
        now, pace = time.monotonic(), self.pace(who)
        with self._lock:
            return self._grids.next(work, who, question.predicted, question.blind, size, now, pace)

    def left(self, who: str) -> dict[str, int]:
        """Return how much of the open question is left: in all, for a person, in grids, and blind."""
        found, options = self.question(), self._desk.now.options
        if found is None:
            return {"open": 0, "left_for_you": 0, "n_grid": 0, "n_single": 0, "blind": 0}
        question, work = found
        now, pace = time.monotonic(), self.pace(who)
        with self._lock:
            mine = self._queue.left(work, who, options.both_share, now)
            in_grids = (
                self._grids.n_left(work, who, question.predicted, question.blind, now, pace)
                if options.grid
                else 0
            )
        return {
            "open": len(work.open),
            "left_for_you": mine,
            "n_grid": in_grids,
            "n_single": max(0, mine - in_grids),
            "blind": sum(question.is_blind(index) for index in question.order),
        }

    def pace(self, who: str) -> Pace:
        """Return the pace of a person, found anew every few seconds."""
        until, pace = self._paces.get(who, (0.0, USUAL))
        if until < time.monotonic():
            store = self._stores.open
            rows = list(chain.from_iterable(store.rows().values()))
            pace = pace_of(store, who, overlooked_share(rows, grid_errors(rows)))
            self._paces[who] = time.monotonic() + _PACE_SECONDS, pace
        return pace

    def release(self, who: str, samples: Sequence[int]) -> None:
        """Take samples from a person who has answered them."""
        with self._lock:
            self._queue.release(who, samples)

    def skip(self, who: str, index: int) -> None:
        """Show a sample to a person after all others."""
        with self._lock:
            self._queue.skip(who, index)


def item_json(question: Question, item: Item) -> dict[str, Any]:
    """Return a sample to answer as the page shows it."""
    decide = item.decide or question.choices.get(item.index)
    return {
        "index": item.index,
        "blind": question.is_blind(item.index),
        "suggestion": _suggestion(question, item.index),
        **({"decide": dict(decide)} if decide else {}),
    }


def _suggestion(question: Question, index: int) -> dict[str, Any] | None:
    if question.is_blind(index):
        return None
    number, confidence = question.predicted[index]
    return {"class": number, "confidence": confidence}
