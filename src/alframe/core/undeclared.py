"""One clear line for a component that reads a score which it did not name in `needs`.

Such a score is None, so that the component stops with a TypeError or an AttributeError about None. The call
is then repeated with records that notice which scores are read.
"""

from dataclasses import replace
from typing import Any, TypeVar

from alframe.core.errors import ConfigError
from alframe.core.records import Labelled, PoolScores, Validation

NEED_OF = {
    "margin_P": "margin",
    "entropy_P": "entropy",
    "log_probs_PC": "log_probs",
    "members_PKC": "members",
    "features_PD": "features",
    "last_layer": "last_layer",
    "features_LD": "labelled_features",
    "log_probs_LC": "labelled_log_probs",
}

T = TypeVar("T")


def checked_call(group: str, component: Any, method: str, *arguments: Any) -> Any:
    """Return the result of a method of a component.

    Args:
        group: the component's config group. component: its object. method: the name of the method.
        arguments: of the method.

    Raises:
        ConfigError: the method fails because it reads a score that is None.
    """
    try:
        return getattr(component, method)(*arguments)
    except Exception as error:
        # Assertions of a user's own that a score is there may have no text.
        read = _read_although_none(component, method, arguments) if _may_be_none(error) else set()
        if not read:
            raise
        raise _undeclared(group, component, method, read) from error


def _may_be_none(error: Exception) -> bool:
    return isinstance(error, AssertionError) or "None" in str(error)


def _undeclared(group: str, component: Any, method: str, read: set[str]) -> ConfigError:
    needs = {NEED_OF[name] for name in read}
    name, fields = type(component).__name__, " and ".join(sorted(read))
    if needs <= component.needs:
        return ConfigError(
            group,
            f"{name}.{method} to read only the scores that cost nothing extra, margin and entropy",
            fields,
            "Read it in select.",
        )
    missing, wanted = (
        ", ".join(f'"{need}"' for need in sorted(names)) for names in (needs, needs | component.needs)
    )
    return ConfigError(
        group,
        f"{missing} in the needs of {name}, since it reads {fields}",
        hint=f"Write needs = frozenset({{{wanted}}}) in its class.",
    )


def _read_although_none(component: Any, method: str, arguments: tuple[Any, ...]) -> set[str]:
    """Return the fields that the method reads although they are None, from a second call."""
    read: set[str] = set()
    try:
        getattr(component, method)(*(_watched(argument, read) for argument in arguments))
    except Exception:
        return read
    return set()  # it failed for another reason


def _watched(record: T, read: set[str]) -> T:
    """Return a record that adds the name of an optional field to `read` when it is read and is None."""
    if isinstance(record, Validation):
        return replace(record, scores=_watched(record.scores, read))
    if not isinstance(record, (PoolScores, Labelled)):
        return record

    def noticed(self: object, name: str) -> Any:
        value = object.__getattribute__(self, name)
        if value is None and name in NEED_OF:
            read.add(name)
        return value

    kind = type(record)
    watching: T = type(kind.__name__, (kind,), {"__getattribute__": noticed})(**vars(record))
    return watching
