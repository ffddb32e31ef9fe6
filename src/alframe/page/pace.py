"""How fast people answer, alone and in grids, and how often a grid is wrong: from the store of answers.

The seconds of an answer are those that the page measured. A pause is no work, so that no answer counts for
more than `PAUSE_SECONDS`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from statistics import median

from alframe.audit.binomial import exact_interval
from alframe.core.answer_counting import PAGE, PAGE_BROKEN, TAKEN_BACK
from alframe.core.answer_times import USUAL, AnswerTimes, Pace
from alframe.oracle.answer_records import Answer
from alframe.oracle.answer_store import AnswerStore

PAUSE_SECONDS = 60.0
_RECENT = 500  # answers of a person that tell the pace, since people get faster
# So many are measured before they take the place of the usual figures.
_ENOUGH_ALONE, _ENOUGH_GRIDS, _ENOUGH_WRONG = 10, 3, 20
_ALONE = (PAGE, PAGE_BROKEN)


@dataclass(frozen=True, kw_only=True)
class GridErrors:
    """How often an answer that was given in a grid differs from a later one to the same image alone.

    Attributes:
        n: images answered both ways. wrong: those whose answers differ.
        low, high: the exact 95 % interval of the share, as if the images were drawn at random.
    """

    n: int
    wrong: int
    low: float
    high: float

    @property
    def share(self) -> float | None:
        """Wrong over n, None without any."""
        return self.wrong / self.n if self.n else None


def answer_times(rows: Iterable[Answer]) -> AnswerTimes | None:
    """Return how long all answers took; None if nothing was measured.

    Args:
        rows: all rows of the store.
    """
    timed = [row for row in rows if row.seconds is not None]
    if not timed:
        return None
    alone = [row for row in timed if row.grid is None]
    in_grids = [row for row in timed if row.grid is not None]
    return AnswerTimes(
        n_single=len(alone),
        single_seconds=sum(map(_seconds, alone)),
        n_grid=len(in_grids),
        n_grids=len({(row.who, row.grid) for row in in_grids}),
        grid_seconds=sum(map(_seconds, in_grids)),
    )


def pace_of(store: AnswerStore, who: str, overlooked: float = USUAL.overlooked) -> Pace:
    """Return the pace of a person by the last answers; the usual one as long as there are few.

    Args:
        overlooked: the share of the wrong images in grids that people overlook.
    """
    rows = list(islice(store.of_person(who), _RECENT))
    seconds = median_seconds(rows, at_least=_ENOUGH_ALONE)
    pace = replace(USUAL, single_seconds=seconds or USUAL.single_seconds, overlooked=overlooked)
    grids = _grids(rows)
    plain = [_per_image(each) for each in grids if not _n_corrected(each)]
    if len(plain) >= _ENOUGH_GRIDS:
        pace = replace(pace, image_seconds=median(plain))
    corrections = [
        (_per_image(each) - pace.image_seconds) * len(each) / _n_corrected(each)
        for each in grids
        if _n_corrected(each)
    ]
    if len(corrections) >= _ENOUGH_GRIDS:
        pace = replace(pace, correction_seconds=max(0.0, median(corrections)))
    return pace


def median_seconds(rows: Iterable[Answer], at_least: int = 1) -> float | None:
    """Return the median of the seconds of single answers; None if there are fewer than `at_least`."""
    seconds = [_seconds(row) for row in rows if row.seconds is not None and row.way in _ALONE]
    return median(seconds) if len(seconds) >= at_least else None


def grid_errors(rows: Iterable[Answer]) -> GridErrors:
    """Return how often the answer in a grid differs from the next single answer to the same image.

    Args:
        rows: all rows of the store, in the order of time.
    """
    confirmed: dict[int, Answer] = {}  # the answers in grids that stand, until there is a single answer
    n = wrong = 0
    for row in rows:
        if row.grid is not None:
            confirmed.pop(row.sample, None)
            if row.answer != TAKEN_BACK:
                confirmed[row.sample] = row
        elif row.way in _ALONE and row.answer != TAKEN_BACK and row.sample in confirmed:
            n += 1
            wrong += confirmed.pop(row.sample).answer != row.answer
    low, high = exact_interval(wrong, n)
    return GridErrors(n=n, wrong=wrong, low=low, high=high)


def overlooked_share(rows: Sequence[Answer], errors: GridErrors) -> float:
    """Return the share of the wrong images in grids that were confirmed; the usual one if too few are known.

    The images that were corrected in a grid were wrong too.

    Args:
        rows: all rows of the store. errors: as `grid_errors` returns them.
    """
    given = [row for row in rows if row.grid is not None and row.answer != TAKEN_BACK]
    corrected = _n_corrected(given)
    confirmed = (errors.share or 0.0) * (len(given) - corrected)
    if min(errors.n, corrected + confirmed) < _ENOUGH_WRONG:
        return USUAL.overlooked
    return confirmed / (corrected + confirmed)


def _seconds(row: Answer) -> float:
    return min(row.seconds or 0.0, PAUSE_SECONDS)


def _grids(rows: Iterable[Answer]) -> list[list[Answer]]:
    """Return the rows of each grid whose time was measured."""
    found: dict[str, list[Answer]] = {}
    for row in rows:
        if row.grid is not None and row.seconds is not None:
            found.setdefault(row.grid, []).append(row)
    return list(found.values())


def _per_image(grid: Sequence[Answer]) -> float:
    return sum(map(_seconds, grid)) / len(grid)


def _n_corrected(rows: Iterable[Answer]) -> int:
    """Return how many answers in grids are not the class that the grid showed."""
    return sum(row.suggestion is not None and row.answer != row.suggestion for row in rows)
