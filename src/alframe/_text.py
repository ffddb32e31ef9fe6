"""Numbers as people read them, on the terminal and in a report; the order and the comparison of names."""

import math
import re
import unicodedata


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
