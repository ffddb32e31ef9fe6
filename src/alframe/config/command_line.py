"""Checks a command line before Hydra runs anything. The error for a mistake is one line."""

import argparse
import contextlib
import io
import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from alframe.config.compose import composed_whole
from alframe.config.overrides import CommandOverride, check_launch, check_values, read_override
from alframe.config.validate import check
from alframe.core.errors import ConfigError, UserError

MAX_CHECKED = 50  # options of one group in a sweep that are composed before it starts


@dataclass(frozen=True, kw_only=True)
class CommandLine:
    """A checked command line.

    Attributes:
        overrides: each with its first value if it sweeps.
        swept: the overrides that sweep, as text, in order.
        n_trials: the size of their grid, or None if only the sweeper knows it.
        multirun: True with the flag -m.
        config: the config of the first trial. hydra: Hydra's own part of it.
    """

    overrides: list[str]
    swept: list[str]
    n_trials: int | None
    multirun: bool
    config: dict[str, Any]
    hydra: DictConfig


def check_command_line(arguments: list[str]) -> CommandLine | None:
    """Compose and check a command line: of a sweep, each value of a key and the first trial as a whole.

    Returns:
        The checked command line. None if there is nothing to run, or if Hydra alone handles the flags.

    Raises:
        UserError: an unknown key, group or option (with the closest known one), a value out of range,
            settings in conflict, or a line that cannot be parsed.
    """
    flags = hydra_arguments(arguments)
    if flags.help or flags.hydra_help or flags.shell_completion or flags.info:
        return None
    if flags.config_path or flags.config_name:
        return None
    if flags.resolve and not flags.cfg:
        raise UserError("--resolve: expected --cfg with it, got none. Write --cfg job --resolve.")
    if flags.cfg and flags.multirun:
        raise UserError("--cfg: expected one trial, whose config it prints, got a sweep. Leave out -m.")
    search_path = _search_path(flags.config_dir)
    each = [read_override(text, multirun=flags.multirun) for text in flags.overrides]
    if flags.multirun:
        each = _with_files(each, search_path)
    overrides = _first(each) + search_path
    config, node = composed_whole(overrides)
    if flags.multirun:
        check_launch(node, each)
    elif not flags.cfg:
        _check_one_trial(each, node, arguments)
    check_values(each)
    _check_whole(config, each, search_path)
    _check_other_options(each, search_path)
    if flags.cfg:
        return None
    return CommandLine(
        overrides=overrides,
        swept=[override.text for override in each if len(override.each) != 1],
        n_trials=math.prod(len(override.each) for override in each) or None,
        multirun=bool(flags.multirun),
        config=config,
        hydra=node,
    )


def hydra_arguments(arguments: list[str]) -> argparse.Namespace:
    """Return Hydra's flags and the overrides of a command line.

    Hydra's own parser has no public form. This function is the only place that uses it; its test names the
    attributes that alframe reads.

    Raises:
        UserError: the line has an unknown flag.
    """
    from hydra._internal.utils import get_args_parser

    try:
        with contextlib.redirect_stderr(io.StringIO()):  # argparse would print its usage
            return get_args_parser().parse_args(arguments)
    except SystemExit as error:
        if error.code in (0, None):
            raise
        raise UserError(
            "expected key=value, group=choice or one of Hydra's flags; see alframe --help."
        ) from None


def with_overrides(arguments: list[str], added: list[str]) -> list[str]:
    """Return a command line with further overrides. They follow the last one, because Hydra refuses overrides
    on both sides of a flag.

    >>> with_overrides(["data=digits", "-m"], ["seed=1"])
    ['data=digits', 'seed=1', '-m']
    """
    given = hydra_arguments(arguments).overrides
    end = len(arguments) - arguments[::-1].index(given[-1]) if given else len(arguments)
    return [*arguments[:end], *added, *arguments[end:]]


def _search_path(config_dir: str | None) -> list[str]:
    """Return the override that has the effect of `--config-dir`, or an empty list without that flag."""
    if not config_dir:
        return []
    folder = Path(config_dir).absolute()
    if not folder.is_dir():
        raise ConfigError("--config-dir", "a folder", config_dir)
    return [f"hydra.searchpath=['file://{folder}']"]


def _with_files(given: Sequence[CommandOverride], search_path: list[str]) -> list[CommandOverride]:
    """Return the overrides of the command line and the sweeps of config files; the former have priority.

    If a key is given twice, its last value counts, as in Hydra.
    """
    by_key = {override.key: override for override in given}
    _, node = composed_whole(_first(list(by_key.values())) + search_path)
    for key, value in (node.sweeper.get("params") or {}).items():
        override = read_override(f"{key}={value}", multirun=True)
        by_key.setdefault(override.key, override)
    return list(by_key.values())


def _first(overrides: Sequence[CommandOverride]) -> list[str]:
    """Return each override with its first value; those whose values only the sweeper knows are left out."""
    return [override.each[0] for override in overrides if override.each]


def _check_other_options(overrides: Sequence[CommandOverride], search_path: list[str]) -> None:
    """Compose each further option of a group in a sweep, with the first values of the other keys.

    Other keys are not composed: any value of a key can be composed.
    """
    first = _first(overrides)
    for override in overrides:
        for other in override.each[1:MAX_CHECKED] if override.chooses else []:
            composed_whole([other if text == override.each[0] else text for text in first] + search_path)


def _check_whole(
    config: dict[str, Any], overrides: Sequence[CommandOverride], search_path: list[str]
) -> None:
    """Check the first trial as a whole. An error that the last trial does not have fails in its own trial."""
    try:
        check(config)
    except ConfigError as error:
        last = [override.each[-1] for override in overrides if override.each] + search_path
        if last == _first(overrides) + search_path or _error_of(last) == str(error):
            raise


def _error_of(overrides: list[str]) -> str:
    try:
        check(composed_whole(overrides)[0])
    except UserError as error:
        return str(error)
    return ""


def _check_one_trial(given: Sequence[CommandOverride], node: DictConfig, arguments: list[str]) -> None:
    """Raise `UserError` if a file asks for a sweep, -m is missing, and a swept key is not given."""
    if str(node.mode) == "RunMode.MULTIRUN":
        return
    swept = {str(key) for key in node.sweeper.get("params") or {}}
    searches = not str(node.sweeper.get("_target_")).endswith("BasicSweeper")
    if swept - {override.key for override in given} or (searches and not swept):
        raise UserError(
            "hydra.sweeper: expected a sweep, got one trial, although a file sets several. "
            f"Write alframe -m {shlex.join(arguments)}."
        )
