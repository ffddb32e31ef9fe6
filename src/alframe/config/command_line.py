"""Says in one line what is wrong with a command line, before Hydra runs anything."""

import argparse
import contextlib
import io
import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra._internal.utils import get_args_parser
from omegaconf import DictConfig

from alframe.config.compose import composed_whole
from alframe.config.overrides import CommandOverride, check_launch, check_values, read_override
from alframe.config.validate import check
from alframe.core.errors import ConfigError, UserError

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
    """Compose and check what was typed; of a sweep, each value by itself and what is common to its trials.

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
    if typed.cfg and typed.multirun:
        raise UserError("--cfg: expected one trial, whose config it prints, got a sweep. Leave out -m.")
    search_path = _search_path(typed.config_dir)
    each = [read_override(text, multirun=typed.multirun) for text in typed.overrides]
    if typed.multirun:
        each = _with_files(each, search_path)
    overrides = _first(each) + search_path
    config, node = composed_whole(overrides)
    if typed.multirun:
        check_launch(node, each)
    elif not typed.cfg:
        _check_one_trial(each, node, arguments)
    check_values(each)
    _check_whole(config, each, search_path)
    _check_other_options(each, search_path)
    if typed.cfg:
        return None
    return CommandLine(
        overrides=overrides,
        swept=[override.text for override in each if len(override.each) != 1],
        n_trials=math.prod(len(override.each) for override in each) or None,
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


def _with_files(typed: Sequence[CommandOverride], search_path: list[str]) -> list[CommandOverride]:
    """Return what was typed and what files sweep over beside it; as in Hydra, a key's last value counts."""
    by_key = {override.key: override for override in typed}
    for text in _swept_by_files(_first(list(by_key.values())) + search_path):
        override = read_override(text, multirun=True)
        by_key.setdefault(override.key, override)
    return list(by_key.values())


def _first(overrides: Sequence[CommandOverride]) -> list[str]:
    """Return each override with its first value, without those whose values only the sweeper knows."""
    return [override.each[0] for override in overrides if override.each]


def _swept_by_files(overrides: list[str]) -> list[str]:
    """Return the overrides of `hydra.sweeper.params`, as an experiment or a sweep sets them."""
    _, node = composed_whole(overrides)
    return [f"{key}={value}" for key, value in (node.sweeper.get("params") or {}).items()]


def _check_other_options(overrides: Sequence[CommandOverride], search_path: list[str]) -> None:
    """Compose the other options of a group, each beside the first values of the rest.

    Any value of a key composes.
    """
    first = _first(overrides)
    for override in overrides:
        for other in override.each[1:MAX_CHECKED] if override.chooses else []:
            composed_whole([other if text == override.each[0] else text for text in first] + search_path)


def _check_whole(
    config: dict[str, Any], overrides: Sequence[CommandOverride], search_path: list[str]
) -> None:
    """Check the first trial as a whole; what is wrong with it alone, and not with the last, fails alone."""
    try:
        check(config)
    except ConfigError as error:
        last = [override.each[-1] for override in overrides if override.each] + search_path
        if last == _first(overrides) + search_path or _said_of(last) == str(error):
            raise


def _said_of(overrides: list[str]) -> str:
    try:
        check(composed_whole(overrides)[0])
    except UserError as error:
        return str(error)
    return ""


def _check_one_trial(typed: Sequence[CommandOverride], node: DictConfig, arguments: list[str]) -> None:
    """Refuse to run one trial where a file asks for several, unless what it sweeps over was typed."""
    if str(node.mode) == "RunMode.MULTIRUN":
        return
    swept = {str(key) for key in node.sweeper.get("params") or {}}
    searches = not str(node.sweeper.get("_target_")).endswith("BasicSweeper")
    if swept - {override.key for override in typed} or (searches and not swept):
        raise UserError(
            "hydra.sweeper: expected a sweep, got one trial, where a file asks for several. "
            f"Write alframe -m {shlex.join(arguments)}."
        )
