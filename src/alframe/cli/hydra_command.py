"""What the commands have in common that run their jobs through Hydra."""

import os
import signal
import sys
from collections.abc import Callable
from importlib import metadata
from typing import Any

import hydra
from omegaconf import DictConfig

from alframe.cli.exit_codes import exit_code, print_error
from alframe.cli.sweep import Launch
from alframe.config.command_line import CommandLine, check_command_line, with_overrides
from alframe.config.compose import VERSION_BASE, first_line
from alframe.config.validate import conf_directory
from alframe.core.errors import Terminated, UserError

RunJob = Callable[[DictConfig, Launch], Any]
"""Runs the job of a composed config and returns what Hydra's sweeper wants to know."""


def begin_command(name: str, arguments: list[str] | None) -> list[str]:
    """Return the arguments of a command; SIGTERM raises `Terminated` from now on.

    Args:
        name: of the command; `--version` prints it and ends the process.
        arguments: None takes those of the process.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    if "--version" in arguments:
        print(f"{name} {metadata.version('alframe')}")
        sys.exit(0)
    signal.signal(signal.SIGTERM, _terminate)
    # Hydra then raises a job's error; otherwise it would print the error and exit.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    return arguments


def _terminate(number: int, frame: Any) -> None:
    raise Terminated


def run_hydra(arguments: list[str], run_job: RunJob, begun: list[str], n_trials: int | None = None) -> None:
    """Pass a checked command line to Hydra.

    Args:
        begun: gets an entry when a job begins. n_trials: of a sweep, None if only the sweeper knows.

    Raises:
        Exception: the first one of a job in this process.
    """
    sys.argv[1:] = arguments
    launch = Launch(arguments=tuple(arguments), n_trials=n_trials)
    failures: list[Exception] = []

    def task(node: DictConfig) -> Any:
        begun.append("job")
        try:
            return run_job(node, launch)
        except Exception as error:
            if not launch.in_this_process():
                raise
            failures.append(error)  # Hydra would print another line about it
            return None

    hydra.main(**VERSION_BASE, config_path=str(conf_directory()), config_name="config")(task)()
    if failures:
        raise failures[0]


def run_with_own_keys(
    command: str,
    arguments: list[str],
    run_job: RunJob,
    run: Callable[[CommandLine, list[str], list[str]], None],
) -> int:
    """Run a command that adds keys of its own to those of a trial, and return the exit code.

    Args:
        command: such as "alframe-embed"; the option `hydra/command=embed` has its keys.
        run: gets the checked command line, all arguments, and a list that gets an entry when a job begins.
    """
    begun: list[str] = []
    try:
        whole = with_overrides(arguments, [f"+hydra/command={command.removeprefix('alframe-')}"])
        line = check_command_line(whole)
        if line is None:
            return run_hydra_alone(whole, run_job, begun)
        run(line, whole, begun)
    except BaseException as error:
        code = exit_code(error, bool(begun), command)
        if begun and code in (130, 143):
            print_error("The same command continues where this one was stopped.")
        return code
    return 0


def run_hydra_alone(arguments: list[str], run_job: RunJob, begun: list[str]) -> int:
    """Pass a command line with flags such as --cfg to Hydra and return the exit code."""
    try:
        run_hydra(arguments, run_job, begun)
    except SystemExit as error:
        return 2 if error.code else 0
    except ValueError as error:  # Hydra's own errors for such flags
        if begun:
            raise
        raise UserError(first_line(error)) from error
    return 0
