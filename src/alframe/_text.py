"""Numbers as people read them, on the terminal and in a report; the order and the comparison of names."""

import math
import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alframe.core.answer_times import AnswerTimes


def count(n: int | None) -> str:
    """Return a count with commas, or an empty text for None.

    >>> count(12345), count(None)
    ('12,345', '')
    """
    return "" if n is None else f"{n:,}"


def counted(n: int, noun: str) -> str:
    """Return a count and its noun, with an s if it is not one.

    >>> counted(1, "round"), counted(1200, "trial")
    ('1 round', '1,200 trials')
    """
    return f"{n:,} {noun}{'s' * (n != 1)}"


def one_line(error: BaseException) -> str:
    """Return an error's text on one line, or the name of its class if it has no text.

    >>> one_line(ValueError("two\\n  lines")), one_line(ValueError())
    ('two lines', 'ValueError')
    """
    return " ".join(str(error).split()) or type(error).__name__


def percent(share: float | None, digits: int = 2) -> str:
    """Return a share in percent, or an empty text for None; a small share keeps two significant digits.

    >>> percent(0.0345), percent(0.0), percent(0.0000123), percent(0.95, 0)
    ('3.45 %', '0 %', '0.0012 %', '95 %')
    """
    if share is None:
        return ""
    if share == 0:
        return "0 %"
    needed = 1 - math.floor(math.log10(abs(100 * share)))
    return f"{100 * share:.{max(digits, needed)}f} %"


def percent_cell(share: float | None) -> str:
    """Return a share in percent for a column of width 8, a dash if the share is unknown.

    >>> percent_cell(0.0213), percent_cell(None)
    ('    2.13', '       -')
    """
    return "       -" if share is None else f"{100 * share:8.2f}"


def duration(seconds: float) -> str:
    """Return a time in seconds, in minutes and seconds, or in hours and minutes.

    >>> duration(4.87), duration(59.96), duration(75), duration(7325)
    ('4.9 s', '1 min 00 s', '1 min 15 s', '2 h 02 min')
    """
    if seconds < 59.95:  # 59.95 would be printed as 60.0
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def answer_seconds(times: "AnswerTimes") -> str:
    """Return how long people took for their answers, and what grids saved.

    >>> from alframe.core.answer_times import AnswerTimes
    >>> answer_seconds(AnswerTimes(n_single=10, single_seconds=6.0, n_grid=0, n_grids=0, grid_seconds=0.0))
    '6.0 s: 10 images one at a time in 6.0 s'
    >>> print(answer_seconds(
    ...     AnswerTimes(n_single=10, single_seconds=6.0, n_grid=120, n_grids=2, grid_seconds=9.0)
    ... ))
    15.0 s: 10 images one at a time in 6.0 s, 120 images in 2 grids in 9.0 s; grids saved 1 min 03 s
    """
    parts = []
    if times.n_single:
        parts.append(f"{counted(times.n_single, 'image')} one at a time in {duration(times.single_seconds)}")
    if times.n_grid:
        grids = f"{counted(times.n_grid, 'image')} in {counted(times.n_grids, 'grid')}"
        parts.append(f"{grids} in {duration(times.grid_seconds)}")
    text = f"{duration(times.seconds)}: {', '.join(parts)}"
    saved = times.saved_seconds if times.n_grid else None
    if saved is None:
        return text
    return f"{text}; grids {'saved' if saved >= 0 else 'cost'} {duration(abs(saved))}"


def natural(name: str) -> list[tuple[int, int, str]]:
    """Return a sort key that compares the numbers in names by value; different names have different keys.

    >>> sorted(["img10.png", "img2.png", "10", "9"], key=natural)
    ['9', '10', 'img2.png', 'img10.png']
    """
    parts = re.findall(r"\d+|\D+", name)
    key = [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]
    return [*key, (-1, 0, name)]  # so that 1 and 01 have an order


def nfc(name: str) -> str:
    """Return a name in the form in which names are compared: accents joined with their letters.

    >>> nfc("Ka\\u0308se") == "K\\u00e4se"
    True
    """
    return unicodedata.normalize("NFC", name)
