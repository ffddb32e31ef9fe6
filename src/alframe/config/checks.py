"""Checks of single values: each takes the key as typed and the value, and raises `ConfigError`; no torch."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from alframe.core.errors import ConfigError

Check = Callable[[str, Any], None]


def whole(least: int, *, most: int | None = None, optional: bool = False) -> Check:
    """Return a check for a whole number from `least` to `most`, or null where optional."""
    expected = f"a whole number of at least {least}"
    expected += f" and at most {most}" if most is not None else ""
    expected += " or null" if optional else ""

    def rule(key: str, value: Any) -> None:
        if value is None and optional:
            return
        fits = isinstance(value, int) and not isinstance(value, bool) and value >= least
        if not fits or (most is not None and value > most):
            raise ConfigError(key, expected, value)

    return rule


def number(*, above: float | None = None, least: float | None = None, most: float | None = None) -> Check:
    """Return a check for a finite number within bounds."""
    parts = [
        f"above {above:g}" if above is not None else "",
        f"of at least {least:g}" if least is not None else "",
        f"of at most {most:g}" if most is not None else "",
    ]
    expected = "a number " + " and ".join(part for part in parts if part)

    def rule(key: str, value: Any) -> None:
        fits = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < float("inf")
        fits = fits and (above is None or value > above)
        fits = fits and (least is None or value >= least)
        if not (fits and (most is None or value <= most)):
            raise ConfigError(key, expected, value, _percent_hint(value, most))

    return rule


def share(*, zero: bool = False, one: bool = True) -> Check:
    """Return a check for a share of something or null; `zero` and `one` say whether they are allowed."""
    low, high = ("[0" if zero else "(0"), ("1]" if one else "1)")
    expected = f"a share in {low}, {high} or null"

    def rule(key: str, value: Any) -> None:
        if value is None:
            return
        fits = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not (fits and (value >= 0 if zero else value > 0) and (value <= 1 if one else value < 1)):
            raise ConfigError(key, expected, value, _percent_hint(value, 1))

    return rule


def probability(key: str, value: Any) -> None:
    """Check for a probability strictly between 0 and 1."""
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 < value < 1:
        raise ConfigError(key, "a probability strictly between 0 and 1", value, _percent_hint(value, 1))


def one_of(*choices: Any) -> Check:
    """Return a check for one of a few values."""

    def rule(key: str, value: Any) -> None:
        if value not in choices or isinstance(value, bool) != isinstance(choices[0], bool):
            shown = " or ".join("null" if choice is None else str(choice).lower() for choice in choices)
            raise ConfigError(key, shown, value)

    return rule


def text(key: str, value: Any) -> None:
    """Check for a non-empty text."""
    if not isinstance(value, str) or not value.strip():
        raise ConfigError(key, "a text", value)


def optional_text(key: str, value: Any) -> None:
    """Check for a non-empty text or null."""
    if value is not None and (not isinstance(value, str) or not value.strip()):
        raise ConfigError(key, "a text or null", value)


def tags(key: str, value: Any) -> None:
    """Check for a list of texts that W&B takes as tags: 1 to 64 characters each."""
    if not isinstance(value, list) or not all(isinstance(tag, str) and 1 <= len(tag) <= 64 for tag in value):
        raise ConfigError(key, "a list of texts of 1 to 64 characters, such as [nightly,paper]", str(value))


def project(key: str, value: Any) -> None:
    """Check for the name of a W&B project."""
    if not isinstance(value, str) or not re.fullmatch(r"[^/\\#?%:]{1,128}", value) or not value.strip():
        raise ConfigError(key, "at most 128 characters without any of / \\ # ? % :", value)


def class_thresholds(key: str, value: Any) -> None:
    """Check for a probability for each class: a list, a mapping from class to probability, or null."""
    named = value if isinstance(value, Mapping) else dict(enumerate(value or [])) if _lists(value) else None
    if named is None or (value is not None and not named):
        raise ConfigError(key, "a list such as [0.9, 0.99], a mapping such as {3: 0.99}, or null", str(value))
    for each, threshold in named.items():
        if not re.fullmatch(r"\d+", str(each)):
            raise ConfigError(key, "classes as whole numbers, such as {3: 0.99}", str(each))
        probability(f"{key}[{each}]", threshold)


def _lists(value: Any) -> bool:
    return value is None or (isinstance(value, Sequence) and not isinstance(value, str))


def positive(key: str, value: Any) -> None:
    """Check for a number above 0, or null."""
    if value is not None:
        number(above=0)(key, value)


def _percent_hint(value: Any, most: float | None) -> str:
    fits = isinstance(value, (int, float)) and not isinstance(value, bool) and most == 1
    return f"Write {value / 100:g}." if fits and 1 < value < 100 else ""
