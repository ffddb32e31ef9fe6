"""Says in one line what is wrong with a command line, before Hydra runs anything."""

import argparse
import contextlib
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig

from alframe.compose import composed_whole, first_line
from alframe.config import check, conf_directory
from alframe.errors import ConfigError, UserError

MAX_CHECKED = 50  # values of one sweep key that are composed ahead


@dataclass(frozen=True, kw_only=True)
class CommandLine:
    """What was typed, once it is known to be right.

    Attributes:
        overrides: with the first value of each that sweeps. swept: those that sweep, as text, in their order.
        n_trials: in a grid of them, None where only the sweeper knows. multirun: whether -m was typed.
        config: what the overrides come to. hydra: Hydra's own part of it.
    """

    overrides: list[str]
    swept: list[str]
    n_trials: int | None
    multirun: bool
    config: dict[str, Any]
    hydra: DictConfig


def check_command_line(arguments: list[str]) -> CommandLine | None:
    """Compose what was typed and check it; in a sweep, each value once, those that a file sweeps over too.

    Returns:
        What was typed; None where nothing is to be run or it is not for alframe to say.

    Raises:
        UserError: an unknown key, group or option (with the closest there is), a value out of range,
            settings in conflict, or a line that cannot be read.
    """
    typed = _parsed(arguments)
    if typed.help or typed.hydra_help or typed.shell_completion or typed.info:
        return None
    if typed.config_path or typed.config_name:
        return None
    search_path = _search_path(typed.config_dir)
    values = {text: _values(text, typed.multirun) for text in typed.overrides}
    if typed.multirun:
        values |= {text: _values(text, True) for text in _swept_by_files(_first(values) + search_path)}
    overrides = _first(values) + search_path
    config, node = composed_whole(overrides)
    if not typed.multirun:
        check(config)
    _check_other_options(values, search_path)
    if typed.cfg:
        return None
    return CommandLine(
        overrides=overrides,
        swept=[text for text, choices in values.items() if len(choices) != 1],
        n_trials=math.prod(len(choices) for choices in values.values()) or None,
        multirun=bool(typed.multirun),
        config=config,
        hydra=node,
    )


def _parsed(arguments: list[str]) -> argparse.Namespace:
    """Return Hydra's flags and the overrides among them."""
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # argparse would print its usage
            return get_args_parser().parse_args(arguments)
    except SystemExit as error:
        if error.code in (0, None):
            raise
        raise UserError(
            "expected key=value, group=choice or one of Hydra's flags; see alframe --help."
        ) from None


def _search_path(config_dir: str | None) -> list[str]:
    """Return the override that stands for `--config-dir`, none where it was not typed."""
    if not config_dir:
        return []
    folder = Path(config_dir).absolute()
    if not folder.is_dir():
        raise ConfigError("--config-dir", "a folder", config_dir)
    return [f"hydra.searchpath=['file://{folder}']"]


def _first(values: Mapping[str, list[str]]) -> list[str]:
    """Return each override with its first value, without those whose values only the sweeper knows."""
    return [choices[0] for choices in values.values() if choices]


def _check_other_options(values: Mapping[str, list[str]], search_path: list[str]) -> None:
    """Compose the other options of a group, each beside the first values of the rest.

    Any value of a key composes.
    """
    first = _first(values)
    for choices in values.values():
        for other in choices[1:MAX_CHECKED] if choices and _chooses(choices[0]) else []:
            composed_whole([other if text == choices[0] else text for text in first] + search_path)


def _chooses(override: str) -> bool:
    """Return whether an override chooses an option of a group."""
    key = override.partition("=")[0].lstrip("+~").partition("@")[0]
    return key.startswith("hydra/") or (conf_directory() / key).is_dir() or "/" in key


def _swept_by_files(overrides: list[str]) -> list[str]:
    """Return the overrides of `hydra.sweeper.params`, as an experiment or a sweep sets them."""
    _, node = composed_whole(overrides)
    return [f"{key}={value}" for key, value in (node.sweeper.get("params") or {}).items()]


def _values(text: str, multirun: bool) -> list[str]:
    """Return an override once for each value it sweeps over; none where only the sweeper knows them."""
    try:
        override = OverridesParser.create().parse_override(text)
    except HydraException as error:
        raise UserError(
            f"{text}: expected key=value or group=choice. {first_line(error)} "
            "Quote values with spaces or special characters: 'key=\"a value\"'."
        ) from error
    if not override.is_sweep_override():
        return [text]
    if not multirun:
        raise UserError(f"{text}: expected one value, got several. Add -m (or --multirun) to run them all.")
    prefix = text[: text.index("=")]
    try:
        return [f"{prefix}={value}" for value in override.sweep_string_iterator()]
    except HydraException:  # glob(*) and interval(a,b)
        return []
