"""The `alframe` command: checks what was typed, hands it to Hydra, turns errors into exit codes.

Exit codes: 0 done; 1 a trial failed; 2 the user's mistake; 130 interrupted (143 by SIGTERM).
"""

import os
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

import hydra
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from alframe._text import counted
from alframe.cli import search, sweep
from alframe.cli.interrupts import SWEEP, polite_interrupts
from alframe.cli.job import Objective, run_job
from alframe.cli.output_directory import RunTarget, run_target
from alframe.cli.sweep import Job, Launch
from alframe.cli.workers import watched
from alframe.config.command_line import check_command_line
from alframe.config.validate import conf_directory
from alframe.core.errors import AnswersNeeded, TrialError, UserError
from alframe.core.layout import shown, sync_line

_OTHERS = ("interrupted", "waiting", "running", "not begun")  # statuses that are told where there are such


class Terminated(BaseException):
    """SIGTERM, on its way up so that trackers are closed."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit the process with its code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments == ["--version"]:
        print(f"alframe {metadata.version('alframe')}")
        sys.exit(0)
    signal.signal(signal.SIGTERM, _terminate)
    sys.exit(_run(arguments))


def _run(arguments: list[str]) -> int:
    # So that Hydra passes on what a trial raises instead of printing it and leaving the process.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    sys.argv[1:] = arguments
    begun: list[str] = []
    try:
        line = check_command_line(arguments)
        if line is None:
            _hydra(arguments, begun)
            return 0
        place = run_target(line)
        if place.sweep is not None:
            return _sweep(place, place.sweep, [*arguments, *place.overrides])
        _hydra([*arguments, *place.overrides], begun)
    except BaseException as error:
        return _code_of(error, bool(begun))
    return 0


def _hydra(arguments: list[str], begun: list[str], n_trials: int | None = None) -> None:
    """Hand a command line to Hydra; `begun` gets an entry when a trial begins."""
    sys.argv[1:] = arguments
    launch = Launch(typed=tuple(arguments), n_trials=n_trials)
    failure: list[Exception] = []

    def task(node: DictConfig) -> Objective:
        begun.append("trial")
        try:
            return run_job(node, launch)
        except Exception as error:
            failure.append(error)  # kept from Hydra, which would print its own line about it
            return None

    hydra.main(version_base="1.3", config_path=str(conf_directory()), config_name="config")(task)()
    if failure:
        raise failure[0]


def _sweep(place: RunTarget, directory: Path, arguments: list[str]) -> int:
    """Launch the trials of a sweep, say what became of them and return the exit code."""
    try:
        with sweep.launching(directory):
            if place.objective:
                search.begin_search(directory)
            print(_head(place, directory), flush=True)
            sweep.hush_trackers()
            code = _launched(place, directory, arguments)
            code = _tell_jobs(directory, place.n_trials, code)
            for line in search.told(directory, place.objective):
                print(line)
            return code
    except UserError as error:
        return _code_of(error, False)


def _head(place: RunTarget, directory: Path) -> str:
    """Return what is about to be run and where."""
    trials = "Trials" if place.n_trials is None else counted(place.n_trials, "trial")
    together = "" if place.at_a_time is None else f", {place.at_a_time} at a time"
    return f"{trials} in {shown(directory)}{together}"


def _launched(place: RunTarget, directory: Path, arguments: list[str]) -> int:
    """Hand a sweep to Hydra and return the exit code as far as its trials do not decide it."""
    try:
        with polite_interrupts(SWEEP, partial(sweep.stop, directory)):
            _launch(directory, arguments, place.n_trials)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt | Terminated):
            sweep.stop(directory)
        return _code_of(error, True, sweep.jobs(directory))
    return 0


def _launch(directory: Path, arguments: list[str], n_trials: int | None = None) -> None:
    """Hand a sweep to Hydra, and what is missing once more where joblib ended all for one that was killed."""
    for again in (True, False):
        try:
            with watched() as ended:
                _hydra(arguments, [], n_trials)
            return
        except Exception as error:
            if type(error).__name__ != "TerminatedWorkerError":  # joblib's, which may not be installed
                raise
            killed = sweep.tell_killed(directory, ended())
            if sweep.stopped(directory) or not again:
                raise
            names = ", ".join(map(str, killed)) or "a trial"
            _say(f"alframe: {names}: {sweep.KILLED}. What is missing begins once more.")


def _code_of(error: BaseException, started: bool, jobs: Sequence[Job] = ()) -> int:
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
            _say(f"alframe: {key}: expected a directory that can be written, got {_place_of(error)}.")
            return 2
        case _ if any(job.status == "killed" for job in jobs):  # the launcher's words for it
            return 1
        case ValueError() if jobs and all(job.status != "finished" for job in jobs):
            return 1  # a search without a single figure
    traceback.print_exception(error)
    return 1


def _place_of(error: OSError) -> str:
    return f"{error.filename} ({error.strerror})" if error.filename else str(error)


def _tell_jobs(directory: Path, n_trials: int | None, code: int) -> int:
    """Say what became of a sweep's jobs and return the exit code, `code` being the launch's own."""
    jobs = sweep.jobs(directory)
    ended = code in (130, 143) or sweep.stopped(directory)
    if ended:
        jobs = [replace(job, status="interrupted") if job.status == "killed" else job for job in jobs]
    counts = Counter[str](job.status for job in jobs)
    counts["failed"] += counts.pop("killed", 0)
    counts["not begun"] += max(0, (n_trials or 0) - len(jobs))
    missing = bool(counts["interrupted"] or counts["not begun"])
    _print_jobs(directory, jobs, counts)
    if missing:
        print("The same command goes on with what is missing.")
    sys.stdout.flush()
    if ended and missing:
        return code if code == 143 else 130
    return 1 if code == 0 and (counts["failed"] or counts["not begun"]) else code


def _print_jobs(directory: Path, jobs: Sequence[Job], counts: Counter[str]) -> None:
    others = [f", {counts[status]} {status}" for status in _OTHERS if counts[status]]
    done = f"{counted(counts['finished'], 'trial')} finished, {counts['failed']} failed"
    print(f"\n{done}{''.join(others)}, in {directory}")
    for job in jobs:
        if job.status == "waiting":
            print(f"  {directory / str(job)}: {job.reason}")
        if job.status in ("failed", "killed"):
            _say(f"  {directory / str(job)}: {job.reason}")
    for line in sync_line(directory, "*/"):
        print(line)


def _terminate(number: int, frame: Any) -> None:
    raise Terminated


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
