"""Frozen records from plain values and from text, checked against the types of their fields."""

import math
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from functools import cache
from types import NoneType
from typing import Any, Literal, TypeVar, cast, get_args, get_origin, get_type_hints

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class _Field:
    """A field of a record: its type without None, and whether it may be None or missing."""

    kind: Any
    optional: bool
    may_be_missing: bool


def record_from_values(record: type[T], values: Mapping[str, Any]) -> T:
    """Return a record of plain values; unknown keys are ignored.

    Args:
        record: a dataclass. Fields of type int, float, bool, str and Literal are checked.
        values: by the name of the field; fields with a default may be missing.

    Raises:
        ValueError: a value is missing or of another type; the text names its field.
    """
    found: dict[str, Any] = {}
    for name, field in _fields(cast("Any", record)).items():
        if name not in values and field.may_be_missing:
            continue
        value = values.get(name)
        if not (value is None and field.optional and name in values) and not _is_of(field.kind, value):
            raise ValueError(f"expected {_expected(field.kind)} as {name}, got {value!r}")
        found[name] = value
    return record(**found)


def record_from_text(record: type[T], cells: Mapping[str, str]) -> T:
    """Return a record of the texts of its fields; an empty text is None.

    Raises:
        ValueError: a text cannot be read as its field's type; the text of the error names the field.
    """
    known = _fields(cast("Any", record))
    return record_from_values(
        record, {name: _parsed(known[name].kind, text) for name, text in cells.items() if name in known}
    )


@cache
def _fields(record: Any) -> dict[str, _Field]:
    hints = get_type_hints(record)
    found = {}
    for field in fields(record):
        hint = hints[field.name]
        optional = NoneType in get_args(hint)
        found[field.name] = _Field(
            kind=get_args(hint)[0] if optional else hint,  # X | None
            optional=optional,
            may_be_missing=field.default is not MISSING,
        )
    return found


def _is_of(kind: Any, value: Any) -> bool:
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if isinstance(kind, type):
        return isinstance(value, kind)
    return get_origin(kind) is not Literal or value in get_args(kind)


def _expected(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return " or ".join(get_args(kind))
    return {int: "a number", float: "a number", str: "a text", bool: "true or false"}.get(kind, "a value")


def _parsed(kind: Any, text: str) -> Any:
    """Return the value of a text, or the text if it is no number; the check then refuses it."""
    if text == "":
        return None
    try:
        return kind(text) if kind in (int, float) else text
    except ValueError:
        return text
