"""Answers as the page sends them, and the rows of the store that they become."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alframe.core.answer_counting import PAGE, PAGE_BROKEN, PAGE_GRID
from alframe.core.ledger import CANNOT_TELL, NO_CLASS
from alframe.oracle.answer_records import NewAnswer

SPECIAL = {"cannot_tell": CANNOT_TELL, "none_of_these": NO_CLASS, "broken": NO_CLASS}


@dataclass(frozen=True, kw_only=True)
class Given:
    """An answer as the page sends it.

    Attributes:
        index: of the sample. answer: a class number, or a key of `SPECIAL`.
        seconds: of the person. suggestion, shown, grid: as in `NewAnswer`.
    """

    index: int
    answer: int | str
    seconds: float | None
    suggestion: int | None
    shown: str | None
    grid: str | None


def row_of(given: Given) -> NewAnswer:
    """Return the row of the store for an answer."""
    number = SPECIAL[given.answer] if isinstance(given.answer, str) else given.answer
    way = PAGE_BROKEN if given.answer == "broken" else PAGE_GRID if given.grid is not None else PAGE
    return NewAnswer(
        sample=given.index,
        answer=number,
        way=way,
        seconds=given.seconds,
        suggestion=given.suggestion,
        shown=given.shown,
        grid=given.grid,
    )


def without_repeats(given: Sequence[Given]) -> list[list[Given]]:
    """Return answers in groups that name each sample once, in their order.

    >>> one = lambda index: Given(index=index, answer=0, seconds=None, suggestion=None, shown=None, grid=None)
    >>> [[each.index for each in part] for part in without_repeats([one(1), one(2), one(1)])]
    [[1, 2], [1]]
    """
    groups: list[list[Given]] = []
    for each in given:
        seen: Mapping[int, Given] = {one.index: one for one in groups[-1]} if groups else {}
        if not groups or each.index in seen:
            groups.append([])
        groups[-1].append(each)
    return groups
