"""The rows of the store of answers: samples, predictions and answers."""

from collections.abc import Iterable
from dataclasses import dataclass

from alframe.core.answer_counting import PAGE_REVIEW, TAKEN_BACK, is_on_page


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A row of the table of samples: an image's index and what identifies it.

    Attributes:
        number: the index in the trial.
        name: the path of the file, relative to the data's folder; None for arrays.
        size: of the file when it was last seen, in bytes. mtime_ns, ctime_ns: when its content and its
            directory entry last changed, in nanoseconds. All are None for arrays.
        digest: of the content; None for a file that was never asked about.
        member: False if `data.limit` left it out. present: False if it is no longer in the data.
    """

    number: int
    name: str | None
    size: int | None
    mtime_ns: int | None
    ctime_ns: int | None
    digest: str | None
    member: bool = True
    present: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Prediction:
    """What the classifier predicted for a sample before people were asked about it.

    Attributes:
        number: the class. confidence: in [0, 1].
        blind: True if the sample must be answered without this prediction in sight.
    """

    number: int
    confidence: float
    blind: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class NewAnswer:
    """An answer before it is stored.

    Attributes:
        sample: the index.
        answer: a class number, `CANNOT_TELL` or `NO_CLASS`; `NO_ANSWER` takes back the one before.
        way: how it was given, such as "to_label.csv".
        seconds: of the person, None if not measured; of a grid, each answer has an equal share.
        suggestion: the class that the classifier suggested, None without one.
        shown: when it was shown, "off", "before" or "after" the answer; None if nothing was suggested.
        grid: the grid in which it was given, None for a single answer.
    """

    sample: int
    answer: int
    way: str
    seconds: float | None = None
    suggestion: int | None = None
    shown: str | None = None
    grid: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """A row of the table of answers.

    Attributes:
        id: ascending in time. who: the name of the person, empty if unknown.
        at: the time in UTC, ISO 8601. The others are those of `NewAnswer`.
    """

    id: int
    sample: int
    answer: int
    way: str
    who: str
    at: str
    seconds: float | None = None
    suggestion: int | None = None
    shown: str | None = None
    grid: str | None = None


def last_to_undo(newest_first: Iterable[Answer]) -> list[Answer]:
    """Return the newest answer on the page that was not taken back, with those of the same grid.

    Args:
        newest_first: all answers of one person. It is read only as far as needed.
    """
    last: list[Answer] = []
    seen: set[tuple[int, bool]] = set()
    for each in newest_first:
        what = (each.sample, each.way == PAGE_REVIEW)  # a review and a vote are taken back apart
        if what in seen or not is_on_page(each.way):
            continue
        seen.add(what)
        if each.answer == TAKEN_BACK:
            continue
        if last and each.grid != last[0].grid:
            break
        last.append(each)
        if each.grid is None:
            break
    return last
