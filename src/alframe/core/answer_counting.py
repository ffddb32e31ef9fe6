"""Which answer to a sample counts if it was answered more than once. Imports no torch.

- An answer that was not given on the page (in a file, by a function) replaces all answers before it.
- On the page each person has one vote, the newest answer; an answer taken back is none.
- A review decides: the newest one counts, whatever the votes are.
- Without a review, the answer of all counts, or that of more than half of at least three people. Otherwise
  people differ, and the sample has no answer yet.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

from alframe.core.answer_codes import NO_ANSWER

# Ways of answering on the page.
PAGE = "page"
PAGE_GRID = "page grid"  # confirmed with others of one predicted class
PAGE_BROKEN = "page broken"  # the image is broken
PAGE_REVIEW = "page review"  # an answer was changed or a difference decided
TAKEN_BACK = NO_ANSWER  # the answer of a row that takes back the one before


class AnswerRow(Protocol):
    """A row of the store of answers."""

    @property
    def answer(self) -> int:
        """A class number or another answer."""
        ...

    @property
    def way(self) -> str:
        """How it was given."""
        ...

    @property
    def who(self) -> str:
        """By whom; empty if unknown."""
        ...


A = TypeVar("A", bound=AnswerRow)

SECOND_LOOK = "second look"  # the purpose of a question about answers that contradict an audited label
AUDIT = "audit"  # the purpose of an audit's questions
DOUBTFUL = "doubtful"  # the purpose of a question about labels from grids that the classifier doubts
# Purposes of questions whose answers prove something.
_PROOFS = ("check", AUDIT, "estimate", "prove", DOUBTFUL)


def serves(purpose: str, way: str) -> bool:
    """Return True if an answer that was given in a way is one to a question of a purpose.

    What was confirmed in a grid is a label but no proof, so that an audit asks about it again. A second look
    compares two answers, so that only a decision ends it.

    >>> serves("query", "page grid"), serves("audit", "page grid"), serves("second look", "page")
    (True, False, False)
    """
    if purpose == SECOND_LOOK:
        return way == PAGE_REVIEW
    return way != PAGE_GRID or purpose not in _PROOFS


def is_on_page(way: str) -> bool:
    """Return True for an answer that was given on the page.

    >>> is_on_page("page grid"), is_on_page("to_label.csv")
    (True, False)
    """
    return way == PAGE or way.startswith(f"{PAGE} ")


def counted(rows: Sequence[A]) -> A | None:
    """Return the row that counts, or None if people differ or have taken their answers back.

    If several rows give the answer that counts, it is the newest single answer, or else the newest of a grid.

    Args:
        rows: all rows of one sample in the order of time, at least one.
    """
    if len(rows) == 1:
        return rows[0] if rows[0].answer != TAKEN_BACK else None
    rows = _since_other_way(rows)
    review = next((row for row in reversed(rows) if row.way == PAGE_REVIEW), None)
    if review is not None and review.answer != TAKEN_BACK:
        return review
    votes = _votes(rows)
    winner = _winner([row.answer for row in votes])
    agreeing = [row for row in votes if row.answer == winner]
    singly = [row for row in agreeing if row.way != PAGE_GRID]
    return (singly or agreeing)[-1] if agreeing else None


def votes(rows: Iterable[A]) -> dict[str, A]:
    """Return the vote of each person by name: the newest row of each that was not taken back.

    Args:
        rows: of one sample in the order of time.
    """
    return {row.who: row for row in _votes(_since_other_way(list(rows)))}


def differ(rows: Sequence[A]) -> bool:
    """Return True if a sample has votes but no answer that counts."""
    return counted(rows) is None and bool(votes(rows))


def _since_other_way(rows: Sequence[A]) -> Sequence[A]:
    """Return the rows from the newest one on that was not given on the page."""
    start = max((n for n, row in enumerate(rows) if not is_on_page(row.way)), default=0)
    return rows[start:]


def _votes(rows: Sequence[A]) -> list[A]:
    """Return the newest row of each person, ascending in time. An unknown person gives way to known ones."""
    newest: dict[str, A] = {}
    for row in rows:
        if row.way != PAGE_REVIEW:
            newest.pop(row.who, None)
            if row.answer != TAKEN_BACK:
                newest[row.who] = row
    if len(newest) > 1:
        newest.pop("", None)
    return list(newest.values())


def _winner(answers: Sequence[int]) -> int | None:
    """Return the answer of all, or of more than half of at least three; None without one."""
    if not answers:
        return None
    [(answer, n)] = Counter(answers).most_common(1)
    enough = n == len(answers) or (len(answers) >= 3 and 2 * n > len(answers))
    return answer if enough else None
