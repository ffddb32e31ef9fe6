"""The values in requests: each is read and checked here, and nothing else is taken."""

import math
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from alframe.core.errors import UserError
from alframe.page.desk import Options
from alframe.page.given import SPECIAL, Given

MAX_ANSWERS = 1000  # in a request
_MAX_NAME = 40
_MAX_CLASS_NAME = 100
_MAX_SECONDS = 86_400.0
_KEY = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


class Bad(UserError):
    """A request that the page does not make."""


def person_of(value: Any, *, optional: bool = False) -> str:
    """Return a person's name, 1 to 40 signs; an empty one if it is `optional`."""
    if value is None and optional:
        return ""
    name = _plain(value)
    if not (name or optional) or len(name) > _MAX_NAME:
        raise Bad("Expected a name of 1 to 40 signs.")
    return name


def class_name_of(value: Any) -> str:
    """Return the name of a class, 1 to 100 signs."""
    name = _plain(value)
    if not name or len(name) > _MAX_CLASS_NAME:
        raise Bad("Expected the name of a class of 1 to 100 signs.")
    return name


def _plain(value: Any) -> str:
    """Return a text in NFC with single spaces; one with control signs is refused."""
    if not isinstance(value, str) or any(unicodedata.category(sign) in ("Cc", "Cs") for sign in value):
        raise Bad("Expected a text.")
    return " ".join(unicodedata.normalize("NFC", value).split())


def key_of(value: Any) -> str:
    """Return the key of a request."""
    if not isinstance(value, str) or not _KEY.fullmatch(value):
        raise Bad("Expected a key of 1 to 64 letters, digits or -.")
    return value


def optional_key(value: Any) -> str | None:
    """Return the key of a request, or None without one."""
    return None if value is None else key_of(value)


def whole(what: str, value: Any, least: int, most: int) -> int:
    """Return a whole number within bounds."""
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,12}", value):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise Bad(f"{what}: expected a whole number of {least} to {most}.")
    return value


def number(what: str, value: Any, least: float, most: float) -> float:
    """Return a finite number within bounds."""
    fits = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if not fits or not least <= value <= most:
        raise Bad(f"{what}: expected a number of {least:g} to {most:g}.")
    return float(value)


def seconds_of(value: Any) -> float | None:
    """Return how long an answer took, a day at most, or None if it was not measured.

    A page may be left open over a weekend; its next answer is taken.
    """
    return None if value is None else min(number("seconds", value, 0.0, 1e8), _MAX_SECONDS)


def one_answer(value: Any) -> int | str:
    """Return a class number, or one of the other answers."""
    if isinstance(value, str) and value in SPECIAL:
        return value
    if isinstance(value, str):
        raise Bad(f"answer: expected a class number or one of {', '.join(SPECIAL)}.")
    return whole("answer", value, 0, 10**6)


def answers_of(value: Any) -> list[Given]:
    """Return the answers of a request, 1 to 1000."""
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_ANSWERS:
        raise Bad(f"answers: expected a list of 1 to {MAX_ANSWERS} answers.")
    return [_answer(each) for each in value]


def _answer(value: Any) -> Given:
    if not isinstance(value, dict):
        raise Bad("answers: expected objects.")
    seconds, suggestion, shown, grid = (value.get(key) for key in ("seconds", "suggestion", "shown", "grid"))
    if shown not in (None, "off", "before", "after"):
        raise Bad("shown: expected off, before or after.")
    return Given(
        index=whole("index", value.get("index"), 0, 2**31),
        answer=one_answer(value.get("answer")),
        seconds=seconds_of(seconds),
        suggestion=None if suggestion is None else whole("suggestion", suggestion, 0, 10**6),
        shown=shown,
        grid=optional_key(grid),
    )


def options_of(body: Mapping[str, Any], now: Options) -> Options:
    """Return the options with those of a request changed."""
    suggestions = body.get("suggestions", now.suggestions)
    if suggestions not in ("off", "after", "before"):
        raise Bad("suggestions: expected off, after or before.")
    size = whole("grid", body.get("grid", now.grid), 0, 200)
    if 0 < size < 20:
        raise Bad("grid: expected 0, or 20 to 200.")
    share = number("both_share", body.get("both_share", now.both_share), 0.0, 1.0)
    return Options(suggestions=suggestions, both_share=share, grid=size)
