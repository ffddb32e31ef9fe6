"""One override of a command line: what it sets, and its values where it sweeps over several."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override, ValueType
from hydra.errors import HydraException

from alframe.compose import first_line
from alframe.config import conf_directory
from alframe.errors import UserError
from alframe.rules import RULES


@dataclass(frozen=True, kw_only=True)
class Typed:
    """An override, as typed or as a file of `hydra.sweeper.params` sets it.

    Attributes:
        text: the whole. key: what it sets, with a leading + where it adds that.
        each: the override once for each of its values; none where only the sweeper knows them.
        ends: both ends of an interval, none where it is none.
    """

    text: str
    key: str
    each: list[str]
    ends: tuple[Any, ...] = ()

    @property
    def chooses(self) -> bool:
        """Whether it chooses an option of a group."""
        key = self.key.lstrip("+~").partition("@")[0]
        return key.startswith("hydra/") or (conf_directory() / key).is_dir() or "/" in key


def read_override(text: str, *, multirun: bool) -> Typed:
    """Return an override that was typed.

    Raises:
        UserError: it cannot be read, sweeps where `multirun` is False, or sweeps over nothing.
    """
    try:
        override = OverridesParser.create().parse_override(text)
    except HydraException as error:
        raise UserError(
            f"{text}: expected key=value or group=choice. {first_line(error)} "
            "Quote values with spaces or special characters: 'key=\"a value\"'."
        ) from error
    if override.is_sweep_override() and not multirun:
        raise UserError(f"{text}: expected one value, got several. Add -m (or --multirun) to run them all.")
    value = override.value()
    ends = (value.start, value.end) if isinstance(value, IntervalSweep) else ()
    return Typed(text=text, key=override.get_key_element(), each=_each(text, override), ends=ends)


def _each(text: str, override: Override) -> list[str]:
    if not override.is_sweep_override():
        return [text]
    if override.value_type in (ValueType.GLOB_CHOICE_SWEEP, ValueType.INTERVAL_SWEEP):
        return []
    try:
        each = [f"{text[: text.index('=')]}={value}" for value in override.sweep_string_iterator()]
    except (HydraException, ValueError) as error:
        raise UserError(f"{text}: expected a range of numbers with a step other than 0.") from error
    if not each:
        raise UserError(f"{text}: expected at least one value, got a range without any.")
    return each


def check_values(overrides: Iterable[Typed]) -> None:
    """Check each value of the keys that sweep by itself; what only shows beside others is left to its trial.

    Raises:
        ConfigError: one is out of range.
    """
    for override in overrides:
        key = override.key.lstrip("+")
        rule = None if override.chooses else RULES.get(key)
        if rule is None:
            continue
        for value in override.ends or map(_value, override.each):
            if not (isinstance(value, str) and "${" in value):  # known once composed
                rule(key, value)


def _value(text: str) -> Any:
    return OverridesParser.create().parse_override(text).value()
