"""Checks a command line before Hydra runs anything. The error for a mistake is one line."""

import argparse
import contextlib
import io
import math
import re
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
_FOR_HYDRA_ALONE = ("shell_completion", "info", "config_path", "config_name", "experimental_rerun")


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
    if flags.hydra_help:
        return None
    if flags.help or flags.info:
        with contextlib.suppress(ConfigError):  # a value may be missing
            composed_whole(flags.overrides + _search_path(flags.config_dir))
    if flags.help:
        return None
    _check_flags(flags)
    if any(getattr(flags, name) for name in _FOR_HYDRA_ALONE):
        return None
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
    _check_added(config, each)
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
    """Return Hydra's flags and the overrides of a command line. They may be mixed in any order.

    Everything after `--` is an override. Hydra's own parser has no public form. This function is the only
    place that uses it; its test names the attributes that alframe reads.

    Raises:
        UserError: the line has an unknown flag, or a flag has a wrong value.
    """
    from hydra._internal.utils import get_args_parser

    end = arguments.index("--") if "--" in arguments else len(arguments)
    printed = io.StringIO()
    try:
        with contextlib.redirect_stderr(printed):  # argparse would print its usage
            flags = get_args_parser().parse_intermixed_args(arguments[:end])
    except SystemExit as error:
        if error.code in (0, None):
            raise
        raise _wrong_flag(printed.getvalue()) from None
    flags.overrides = [*flags.overrides, *arguments[end + 1 :]]
    return flags


def _wrong_flag(printed: str) -> UserError:
    """Return the error for a line that argparse refuses. Its reason is the last line that it printed."""
    reason = printed.strip().splitlines()[-1].partition(" error: ")[2]
    unknown = reason.removeprefix("unrecognized arguments: ")
    if unknown == reason:
        return UserError(f"{reason.removeprefix('argument ')}. See alframe --help.")
    key = re.match(r"--?([A-Za-z][\w./@]*)[= ]*(.*)", unknown)
    hint = f" Keys have no dashes: write {key[1]}={key[2] or 'VALUE'}." if key else ""
    return UserError(
        f"{unknown}: expected key=value, group=choice or one of Hydra's flags.{hint} See alframe --help."
    )


def _check_flags(flags: argparse.Namespace) -> None:
    """Raise `UserError` for flags that exclude each other or need another one."""
    if flags.resolve and not flags.cfg:
        raise UserError("--resolve: expected --cfg with it, got none. Write --cfg job --resolve.")
    if flags.package and not flags.cfg:
        raise UserError("--package: expected --cfg with it, got none. Write --cfg job --package KEY.")
    if flags.cfg and flags.multirun:
        raise UserError("--cfg: expected one trial, whose config it prints, got a sweep. Leave out -m.")
    names = ("run", "multirun", "cfg", "shell_completion", "info")
    given = [f"--{name.replace('_', '-')}" for name in names if getattr(flags, name)]
    if len(given) > 1:
        raise UserError(f"{given[0]}: expected no other command with it, got {given[1]}. Leave out one.")


def with_overrides(arguments: list[str], added: list[str]) -> list[str]:
    """Return a command line with further overrides, in an order that Hydra's parser takes: flags first.

    >>> with_overrides(["data=digits", "-m", "query=margin", "--config-dir", "mine"], ["seed=1"])
    ['--multirun', '--config-dir=mine', 'data=digits', 'query=margin', 'seed=1']
    """
    given = vars(hydra_arguments(arguments))
    overrides = given.pop("overrides")
    flags = [
        f"--{name.replace('_', '-')}" + ("" if value is True else f"={value}")
        for name, value in given.items()
        if value not in (None, False)
    ]
    return [*flags, *overrides, *added]


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


def _check_added(config: dict[str, Any], overrides: Sequence[CommandOverride]) -> None:
    """Raise `UserError` for a key that is added to a group whose option makes no object, such as none."""
    for override in overrides:
        group, _, key = override.key.removeprefix("+").partition(".")
        node = config.get(group)
        if (
            override.key.startswith("+")
            and key
            and isinstance(node, dict)
            and node.get("_target_", 1) is None
        ):
            others = ", ".join(name for name in node if name not in ("_target_", key.partition(".")[0]))
            raise UserError(
                f"{override.text}: the choice made for {group} has no such key"
                + (f"; it has {others}." if others else " and no other.")
            )


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
