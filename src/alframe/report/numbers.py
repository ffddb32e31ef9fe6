"""Numbers and names as a report writes them."""

import math
import re
import unicodedata
from collections.abc import Sequence

_NUMERIC = re.compile(r"[<>≤≥~]*[-−+]?[\d,.]+(e[-+]?\d+)?( ?(%|s|min|h))?( ?(\(|±|to |\[|to |min ).*)?")


def count(n: int | None) -> str:
    """Return a count with commas, empty for None.

    >>> count(12345)
    '12,345'
    """
    return "" if n is None else f"{n:,}"


def percent(share: float | None, digits: int = 2) -> str:
    """Return a share in percent, empty for None; what is too small for the digits keeps two that count.

    >>> percent(0.0345), percent(0.0), percent(0.0000123)
    ('3.45 %', '0 %', '0.0012 %')
    """
    if share is None:
        return ""
    if share == 0:
        return "0 %"
    needed = 1 - math.floor(math.log10(abs(100 * share)))
    return f"{100 * share:.{max(digits, needed)}f} %"


def percent_tick(share: float) -> str:
    """Return a share of an axis in percent, never in the notation of powers of ten.

    >>> percent_tick(0.3), percent_tick(1e-7)
    ('30 %', '0.00001 %')
    """
    return f"{100 * share:.12f}".rstrip("0").rstrip(".") + " %"


def probability(p: float) -> str:
    """Return a probability with as many digits as tell it from 1, "by hand" for NaN.

    >>> probability(0.75), probability(0.99996), probability(1 - 1e-12), probability(float("nan"))
    ('0.75', '0.999960', '>0.999999999', 'by hand')
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


def shortened(name: str, width: int) -> str:
    """Return a name on one line of at most `width` letters, wide ones counted twice, with … where it was cut.

    The cut is at two thirds: names that begin alike often differ at their ends.

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
    """Return names in a line: the first n, and how many more there are.

    >>> some(["a", "b", "c"], 2), some(["a", "b", "c"], 1, "more settings"), some(["a"], 1)
    ('a, b and 1 more', 'a and 2 more settings', 'a')
    """
    rest = f" and {len(names) - n} {more}" if len(names) > n else ""
    return ", ".join(names[:n]) + rest


def width_of(name: str) -> int:
    """Return the letters that a text is wide where each takes the same room; those of East Asia take two."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in name)


def seconds(value: float) -> str:
    """Return a duration for people.

    >>> seconds(4.25), seconds(59.96), seconds(150), seconds(7300)
    ('4.2 s', '1 min 0 s', '2 min 30 s', '2 h 1 min')
    """
    if value < 59.95:  # what would be written as 60.0
        return f"{value:.1f} s"
    whole = round(value)
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def is_numeric(cells: Sequence[str]) -> bool:
    """Return whether a column holds figures, which are set to the right.

    >>> is_numeric(["1,234", ""]), is_numeric(["0.5 (0.1 to 0.9)", "<0.1 %"]), is_numeric(["12", "fast"])
    (True, True, False)
    """
    said = [cell for cell in cells if cell.strip()]
    return bool(said) and all(_NUMERIC.fullmatch(cell.strip()) for cell in said)
