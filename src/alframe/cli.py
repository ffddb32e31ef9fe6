"""The `alframe` command: checks what was typed, hands it to Hydra, turns errors into exit codes.

Exit codes: 0 done; 1 a trial failed; 2 the user's mistake; 130 interrupted (143 by SIGTERM).
"""

import contextlib
import os
import signal
import sys
import traceback
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from alframe import __version__, sweep
from alframe.compose import check_command_line, place_of
from alframe.config import conf_directory
from alframe.directory import sync_line
from alframe.errors import AnswersNeeded, TrialError, UserError
from alframe.interrupts import SWEEP, polite_interrupts
from alframe.job import run_job


class Terminated(BaseException):
    """SIGTERM, on its way up so that trackers are closed."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit the process with its code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments == ["--version"]:
        print(f"alframe {__version__}")
        sys.exit(0)
    signal.signal(signal.SIGTERM, _terminate)
    sys.exit(_run(arguments))


def _run(arguments: list[str]) -> int:
    failure: list[BaseException] = []
    started: list[str] = []

    def task(node: DictConfig) -> Any:
        started.append("task")
        try:
            return run_job(node)
        except Exception as error:
            if HydraConfig.get().mode == RunMode.MULTIRUN:
                raise
            failure.append(error)  # kept from Hydra, which would print its own line about it
            return None

    # So that Hydra passes on what a trial raises instead of printing it and leaving the process.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    sys.argv[1:] = arguments
    sweep_directory: Path | None = None
    code = 0
    with contextlib.ExitStack() as stack:
        try:
            line = check_command_line(arguments)
            if line is not None:
                place = place_of(line)
                sys.argv[1:] = [*arguments, *place.overrides]
                if place.sweep is not None:
                    stack.enter_context(sweep.launching(place.sweep))
                    sweep_directory = place.sweep
                    if not place.basic:
                        stack.enter_context(polite_interrupts(SWEEP, partial(sweep.stop, place.sweep)))
            hydra.main(version_base="1.3", config_path=str(conf_directory()), config_name="config")(task)()
            if failure:
                raise failure[0]
        except BaseException as error:
            told = sweep_directory is not None and any(
                job.status in ("failed", "killed") for job in sweep.jobs(sweep_directory)
            )
            code = _code_of(error, bool(started) or sweep_directory is not None, told)
        if sweep_directory is not None:
            code = _tell_jobs(sweep_directory, code)
    return code


def _code_of(error: BaseException, started: bool, told: bool) -> int:
    """Say what ended the command, unless that is told of a sweep's jobs, and return the exit code."""
    match error:
        case KeyboardInterrupt():
            _say("interrupted")
            return 130
        case Terminated():
            _say("terminated")
            return 143
        case SystemExit():
            return error.code if isinstance(error.code, int) else 0 if error.code is None else 2
        case AnswersNeeded():
            print(f"alframe: {error}", flush=True)
            return 0
        case BrokenPipeError():  # as in alframe | head
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1 if started else 0
        case _ if told:
            return 1
        case UserError():
            _say(f"alframe: {error}")
            return 2
        case TrialError():
            _say(f"alframe: {error}")
            return 1
        case HydraException() | OmegaConfBaseException():
            _say(f"alframe: {' '.join(str(error).split())}")
            return 1 if started else 2
        case OSError() if not started:  # Hydra makes the output directory before the trial begins
            key = "hydra.run.dir (hydra.sweep.dir in a sweep)"
            _say(f"alframe: {key}: expected a directory that can be written, got {error}.")
            return 2
    traceback.print_exception(error)
    return 1


def _tell_jobs(sweep_directory: Path, code: int) -> int:
    """Print what became of a sweep's jobs; return 1 when any failed, 130 when they were interrupted."""
    jobs = sweep.jobs(sweep_directory)
    failed = [job for job in jobs if job.status in ("failed", "killed")]
    counts = Counter[str](job.status for job in jobs if job not in failed)
    others = [f", {counts[status]} {status}" for status in _OTHERS if counts[status]]
    print(
        f"\n{counts['finished']} trials finished, {len(failed)} failed{''.join(others)}, in {sweep_directory}"
    )
    for job in failed:
        _say(f"  {sweep_directory / job.directory}: {job.reason}")
    for line in sync_line(sweep_directory, "*/"):
        print(line)
    if code in (130, 143):
        return code
    return 1 if failed else 130 if counts["interrupted"] else code


_OTHERS = ("interrupted", "waiting", "not begun")


def _terminate(number: int, frame: Any) -> None:
    raise Terminated


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
