"""One override of a command line: its key, and its values if it sweeps over several.

Hydra documents the grammar of overrides, but not its parser in `hydra.core.override_parser`. Sweeper plug-ins
import that module too; here `parse` is the only function that uses the parser.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override, ValueType
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from alframe.config.checks import Check, number, whole
from alframe.config.compose import first_line, options_of
from alframe.config.ranges import RANGES
from alframe.config.validate import conf_directory
from alframe.core.errors import ConfigError, UserError


@dataclass(frozen=True, kw_only=True)
class CommandOverride:
    """An override of the command line, or of `hydra.sweeper.params` in a file.

    Attributes:
        text: the whole override. key: with a leading + if the override adds it.
        each: the override once for each of its values; empty if only the sweeper knows them.
        ends: both ends of an interval; empty for other values.
    """

    text: str
    key: str
    each: list[str]
    ends: tuple[Any, ...] = ()

    @property
    def chooses(self) -> bool:
        """True if it chooses an option of a group."""
        key = self.key.lstrip("+~").partition("@")[0]
        return key.startswith("hydra/") or (conf_directory() / key).is_dir() or "/" in key


def parse(text: str, config_loader: Any = None) -> Override:
    """Return Hydra's own form of an override. Its values need Hydra's config loader if it is a glob(*)."""
    return OverridesParser.create(config_loader).parse_override(text)


def read_override(text: str, *, multirun: bool) -> CommandOverride:
    """Return an override of the command line.

    Raises:
        UserError: it cannot be parsed, it sweeps although `multirun` is False, or it has no values.
    """
    try:
        override = parse(text)
    except HydraException as error:
        raise UserError(
            f"{text or repr(text)}: expected key=value or group=choice. {first_line(error)} "
            "Quote values with spaces or special characters: 'key=\"a value\"'."
        ) from error
    _check_choice(text, override)
    if override.is_sweep_override() and not multirun:
        raise UserError(f"{text}: expected one value, got several. Add -m (or --multirun) to run them all.")
    value = override.value()
    ends = (value.start, value.end) if isinstance(value, IntervalSweep) else ()
    return CommandOverride(text=text, key=override.get_key_element(), each=_each(text, override), ends=ends)


def _check_choice(text: str, override: Override) -> None:
    """Raise `UserError` if the choice for a group of alframe is not the name of one option."""
    group, value = override.key_or_group, override.value()
    if override.is_delete() or group.startswith("hydra") or not (conf_directory() / group).is_dir():
        return
    if isinstance(value, list):
        names = ",".join(map(str, value))
        raise UserError(f"{text}: expected one option, got several. For one trial each: -m {group}={names}")
    if value is None or isinstance(value, (dict, bool, int, float)):
        none = (conf_directory() / group / "none.yaml").is_file()
        way_out = f"{group}=none" if value is None and none else f"{group}=OPTION"
        raise UserError(
            f"{text}: expected the name of an option. Write {way_out}, or leave it out. There are: "
            f"{', '.join(options_of(group))}."
        )


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


def check_values(overrides: Iterable[CommandOverride]) -> None:
    """Check each value of a swept key by itself. A conflict between values fails in its own trial.

    Raises:
        ConfigError: one is out of range.
    """
    for override in overrides:
        key = override.key.lstrip("+")
        rule = None if override.chooses else RANGES.get(key)
        if rule is None:
            continue
        for value in override.ends or (parse(text).value() for text in override.each):
            # A reference is resolved later, and a mapping may have a part of the keys.
            if not (isinstance(value, dict) or (isinstance(value, str) and "${" in value)):
                rule(key, value)


def _directions(key: str, value: Any) -> None:
    for each in value if isinstance(value, list) else [value]:
        if each not in ("minimize", "maximize"):
            raise ConfigError(key, "minimize, maximize or a list of them", each)


def _processes(key: str, value: Any) -> None:
    if value == 0:
        raise ConfigError(key, "a number of processes, or -1 for one for each core", value)


def _batch(key: str, value: Any) -> None:
    if not (value == "auto" or (str(value).isdecimal() and int(value) > 0)):
        raise ConfigError(key, "auto or a whole number of at least 1", value)


_RULES: dict[str, Check] = {
    "sweeper.max_batch_size": whole(1, optional=True),
    "sweeper.n_trials": whole(1),
    "sweeper.n_jobs": whole(1),
    "sweeper.max_failure_rate": number(least=0, most=1),
    "sweeper.direction": _directions,
    "launcher.n_jobs": _processes,
    "launcher.batch_size": _batch,
}


def check_launch(node: DictConfig, overrides: Sequence[CommandOverride]) -> None:
    """Check the settings of the launcher and the sweeper.

    Args:
        node: Hydra's part of the config. overrides: of the command line and of files.

    Raises:
        UserError: a setting is out of range, or an interval is given without a search.
    """
    for key, rule in _RULES.items():
        group, _, name = key.partition(".")
        if name in node[group]:
            rule(f"hydra.{key}", _plain(node[group][name]))
    if str(node.sweeper.get("_target_")).endswith("BasicSweeper"):
        for override in overrides:
            if override.ends:
                raise UserError(
                    f"{override.text}: expected values such as {override.key}=1,2, got an interval, which is "
                    "for a search. Write hydra/sweeper=search or +sweep=search."
                )


def _plain(value: Any) -> Any:
    if isinstance(value, DictConfig) or OmegaConf.is_list(value):
        return OmegaConf.to_container(value, resolve=True, enum_to_str=True)
    return getattr(value, "name", value)  # an enum's


def value_text(value: Any) -> str:
    """Return a value as it is typed after key= on a command line.

    >>> value_text([1e-3, None, True]), value_text({"path": "a b"})
    ('[0.001,null,true]', "{path:'a b'}")
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace("'", "\\'")
        return f"'{escaped}'"
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{value_text(each)}" for key, each in value.items()) + "}"
    if isinstance(value, Sequence):
        return "[" + ",".join(value_text(each) for each in value) + "]"
    return str(value)
