"""Text for the tables and pictures of a report; counts, percents and durations are in `alframe._text`."""

import math
import re
import unicodedata
from collections.abc import Collection, Sequence

from alframe.report.stats.statistics import FEWEST

_NUMERIC = re.compile(r"[<>≤≥~]*[-−+]?[\d,.]+(e[-+]?\d+)?( ?(%|s|min|h))?( ?(\(|±|to |\[|to |min ).*)?")


def percent_tick(share: float) -> str:
    """Return a share on an axis in percent, never in scientific notation.

    >>> percent_tick(0.3), percent_tick(1e-7)
    ('30 %', '0.00001 %')
    """
    return f"{100 * share:.12f}".rstrip("0").rstrip(".") + " %"


def confidence_text(p: float) -> str:
    """Return a probability with enough digits to differ from 1, "by hand" for NaN.

    >>> [confidence_text(p) for p in (0.75, 0.99996, 1 - 1e-12, float("nan"))]
    ['0.75', '0.999960', '>0.999999999', 'by hand']
    """
    if math.isnan(p):
        return "by hand"
    if 1 - p < 1e-9:
        return ">0.999999999"
    return f"{p:.{max(2, 1 - math.floor(math.log10(1 - p)))}f}"


def edge(p: float) -> str:
    """Return the edge of a bin of confidence.

    >>> edge(0.75), edge(1 - 1e-7)
    ('0.75', '0.9999999')
    """
    return f"{p:.9f}".rstrip("0").rstrip(".")


def spread_note(n_trials: Collection[int]) -> str:
    """Return a sentence on the bounds that are shown around means, given the number of trials of each mean.

    >>> spread_note([5, 5])
    "Means with 95 % intervals (Student's t)."
    >>> spread_note([2])
    'Means with the range of both trials; a 95 % interval needs three.'
    >>> spread_note([5, 2])
    "Means with 95 % intervals (Student's t); groups of two trials with their range."
    >>> spread_note([1])
    'One trial per group.'
    """
    if max(n_trials, default=0) >= FEWEST:
        rest = "; groups of two trials with their range" if 2 in n_trials else ""
        return f"Means with 95 % intervals (Student's t){rest}."
    if 2 in n_trials:
        return "Means with the range of both trials; a 95 % interval needs three."
    return "One trial per group."


def shortened(name: str, width: int) -> str:
    """Return a name on one line of at most `width` columns, with … in place of what is cut.

    Wide letters take two columns. Two thirds of the line show the beginning and one third the end, because
    names with the same beginning often differ at the end.

    >>> shortened("a long name 12", 9), shortened("数字数字数字", 7)
    ('a long…12', '数字…字')
    """
    name = " ".join(name.split())
    if width_of(name) <= width:
        return name
    last = name[-1:] if width > 3 else ""
    while last and width_of(name[-len(last) - 1 :]) <= (width - 1) // 3:
        last = name[-len(last) - 1 :]
    first = name
    while width_of(first) + 1 + width_of(last) > width:
        first = first[:-1]
    return f"{first}…{last}"


def some(names: Sequence[str], n: int, more: str = "more") -> str:
    """Return the first n names in a line, and the number of the others.

    >>> some(["a", "b", "c"], 2), some(["a", "b", "c"], 1, "more settings"), some(["a"], 1)
    ('a, b and 1 more', 'a and 2 more settings', 'a')
    """
    rest = f" and {len(names) - n} {more}" if len(names) > n else ""
    return ", ".join(names[:n]) + rest


def width_of(name: str) -> int:
    """Return the columns that a text takes in a fixed-width font; letters of East Asia take two."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in name)


def is_numeric(cells: Sequence[str]) -> bool:
    """Return whether a column holds numbers, which are aligned to the right.

    >>> is_numeric(["1,234", ""]), is_numeric(["0.5 (0.1 to 0.9)", "<0.1 %"]), is_numeric(["12", "fast"])
    (True, True, False)
    """
    filled = [cell for cell in cells if cell.strip()]
    return bool(filled) and all(_NUMERIC.fullmatch(cell.strip()) for cell in filled)
