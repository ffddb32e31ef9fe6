"""Checks that many keys share; no torch.

Each check takes the key as typed and the value, and raises `ConfigError`.
"""

from collections.abc import Callable
from typing import Any

from alframe.core.errors import ConfigError

Check = Callable[[str, Any], None]


def whole(least: int, *, most: int | None = None, optional: bool = False) -> Check:
    """Return a check for a whole number from `least` to `most`, or null if `optional`."""
    expected = f"a whole number of at least {least}"
    expected += f" and at most {most}" if most is not None else ""
    expected += " or null" if optional else ""

    def check(key: str, value: Any) -> None:
        if value is None and optional:
            return
        fits = isinstance(value, int) and not isinstance(value, bool) and value >= least
        if not fits or (most is not None and value > most):
            raise ConfigError(key, expected, value)

    return check


def number(
    *,
    above: float | None = None,
    least: float | None = None,
    most: float | None = None,
    optional: bool = False,
) -> Check:
    """Return a check for a finite number within bounds, or null if `optional`."""
    parts = [
        f"above {above:g}" if above is not None else "",
        f"of at least {least:g}" if least is not None else "",
        f"of at most {most:g}" if most is not None else "",
    ]
    expected = "a number " + " and ".join(part for part in parts if part)
    expected += " or null" if optional else ""

    def check(key: str, value: Any) -> None:
        if value is None and optional:
            return
        fits = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < float("inf")
        fits = fits and (above is None or value > above)
        fits = fits and (least is None or value >= least)
        if not (fits and (most is None or value <= most)):
            raise ConfigError(key, expected, value, _percent_hint(value, most))

    return check


def share(*, zero: bool = False, one: bool = True) -> Check:
    """Return a check for a share or null; `zero` allows 0 and `one` allows 1."""
    low, high = ("[0" if zero else "(0"), ("1]" if one else "1)")
    expected = f"a share in {low}, {high} or null"

    def check(key: str, value: Any) -> None:
        if value is None:
            return
        fits = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not (fits and (value >= 0 if zero else value > 0) and (value <= 1 if one else value < 1)):
            raise ConfigError(key, expected, value, _percent_hint(value, 1))

    return check


def probability(key: str, value: Any) -> None:
    """Check for a probability strictly between 0 and 1."""
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 < value < 1:
        raise ConfigError(key, "a probability strictly between 0 and 1", value, _percent_hint(value, 1))


def one_of(*choices: Any) -> Check:
    """Return a check for one of a few values."""

    def check(key: str, value: Any) -> None:
        alike = [each for each in choices if isinstance(each, bool) == isinstance(value, bool)]
        if value not in alike:
            shown = " or ".join("null" if choice is None else str(choice).lower() for choice in choices)
            raise ConfigError(key, shown, value)

    return check


def text(key: str, value: Any) -> None:
    """Check for a non-empty text."""
    if not isinstance(value, str) or not value.strip():
        raise ConfigError(key, "a text", value)


def optional_text(key: str, value: Any) -> None:
    """Check for a non-empty text or null."""
    if value is not None and (not isinstance(value, str) or not value.strip()):
        raise ConfigError(key, "a text or null", value)


def positive(key: str, value: Any) -> None:
    """Check for a number above 0, or null."""
    if value is not None:
        number(above=0)(key, value)


def _percent_hint(value: Any, most: float | None) -> str:
    fits = isinstance(value, (int, float)) and not isinstance(value, bool) and most == 1
    return f"Write {value / 100:g}." if fits and 1 < value < 100 else ""
