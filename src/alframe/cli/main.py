"""The `alframe` command: checks the arguments, passes them to Hydra, turns errors into exit codes.

Exit codes: 0 finished; 1 a trial failed; 2 a mistake in the command or its settings; 130 Ctrl-C; 143 SIGTERM.
"""

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from alframe._text import counted
from alframe.cli import optuna_search, sweep
from alframe.cli.exit_codes import exit_code, print_error
from alframe.cli.hydra_command import begin_command, run_hydra, run_hydra_alone
from alframe.cli.interrupts import SWEEP, two_step_interrupts
from alframe.cli.job import run_job, short_summary
from alframe.cli.output_directory import RunTarget, run_target
from alframe.cli.sweep import Job
from alframe.config.command_line import check_command_line, with_overrides
from alframe.config.validate import PAGE_ORACLE
from alframe.core.errors import ConfigError, Terminated, UserError
from alframe.core.file_names import ANSWER_STORE, ANSWERS, LABELS, shown, sync_line
from alframe.trial.directory import drop_leftovers, finished_summary

# Statuses that are shown only if there are any.
_SHOWN_IF_ANY = ("pruned", "interrupted", "waiting", "running", "not begun")


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit the process with its code."""
    sys.exit(_run(begin_command("alframe", arguments)))


def _run(arguments: list[str]) -> int:
    """Run the command line and return the exit code."""
    sys.argv[1:] = arguments
    begun: list[str] = []
    try:
        line = check_command_line(arguments)
        if line is None:
            return run_hydra_alone(with_overrides(arguments, []), run_job, begun)
        target = run_target(line)
        whole = with_overrides(arguments, target.overrides)
        if target.sweep is not None:
            _check_no_page(line.config)
            sweep.check_directory(target.sweep, line.config, searches=bool(target.objective))
            return _sweep(target, target.sweep, whole)
        if target.trial is not None:
            sweep.check_no_sweep(target.trial)
            if _finished_before(target.trial, line.config):
                return 0
        with target.removed_if_refused():
            run_hydra(whole, run_job, begun)
    except BaseException as error:
        return exit_code(error, bool(begun))
    return 0


def _check_no_page(config: dict[str, Any]) -> None:
    """Raise `UserError` for a sweep whose trials would each serve a page."""
    if config["oracle"]["_target_"] == PAGE_ORACLE:
        raise ConfigError(
            "oracle",
            "another oracle in a sweep (-m)",
            "page",
            "Run the trials one by one, or write oracle=files.",
        )


def _finished_before(directory: Path, config: dict[str, Any]) -> bool:
    """Return True, and say so, if a directory has the finished trial of this config.

    A process that was killed after its last file has left its states, which are removed now.

    Raises:
        UserError: the finished trial there has other settings.
    """
    summary = finished_summary(directory, config)
    if summary is None:
        return False
    drop_leftovers(directory)
    print(f"{shown(directory)}: finished before: {short_summary(summary)}", flush=True)
    if (directory / ANSWER_STORE).exists():
        from alframe.oracle.csv_files import was_edited  # imports torch

        if was_edited(directory):
            print(
                f"{ANSWERS} was changed after the end of the trial. That has no effect: {LABELS} stays as it "
                "is.",
                flush=True,
            )
    return True


def _sweep(target: RunTarget, directory: Path, arguments: list[str]) -> int:
    """Run the trials of a sweep, print their statuses and return the exit code."""
    try:
        with sweep.launching(directory):
            trials = "Trials" if target.n_trials is None else counted(target.n_trials, "trial")
            together = "" if target.at_a_time is None else f", {target.at_a_time} at a time"
            print(f"{trials} in {shown(directory)}{together}", flush=True)
            code = _launch(target, directory, arguments)
            code = _report(directory, target.n_trials, code)
            for line in optuna_search.best_lines(directory, target.objective):
                print(line)
            return code
    except UserError as error:
        return exit_code(error, False)


def _launch(target: RunTarget, directory: Path, arguments: list[str]) -> int:
    """Pass a sweep to Hydra. Return the exit code, which failed trials may still change.

    Raises:
        UserError: the sweep was refused before its first trial.
    """
    try:
        with two_step_interrupts(SWEEP, partial(sweep.request_stop, directory)):
            run_hydra(arguments, run_job, [], target.n_trials)
    except (KeyboardInterrupt, Terminated) as error:
        sweep.request_stop(directory)
        return exit_code(error, True)
    except BaseException as error:
        jobs = sweep.read_statuses(directory)
        if isinstance(error, UserError) and not jobs:
            raise
        return 1 if _explained(jobs) else exit_code(error, True)
    return 0


def _explained(jobs: Sequence[Job]) -> bool:
    """Return True if an error of a launcher follows from killed trials, which are reported."""
    return any(job.reason == sweep.KILLED for job in jobs)


def _report(directory: Path, n_trials: int | None, code: int) -> int:
    """Print the statuses of a sweep's jobs and return the exit code; `code` is that of the launch."""
    jobs = sweep.read_statuses(directory)
    ended = code in (130, 143) or sweep.stop_requested(directory)
    if ended:
        jobs = [replace(job, status="interrupted") if job.reason == sweep.KILLED else job for job in jobs]
    counts = Counter[str](job.status for job in jobs)
    counts["not begun"] += max(0, (n_trials or 0) - len(jobs))
    _print_jobs(directory, jobs, counts)
    missing = bool(counts["interrupted"] or counts["not begun"])
    if missing or any(job.reason == sweep.KILLED for job in jobs):
        print("The same command continues with what is missing.")
    sys.stdout.flush()
    if ended and missing:
        return code if code == 143 else 130
    return 1 if code == 0 and (counts["failed"] or counts["not begun"]) else code


def _print_jobs(directory: Path, jobs: Sequence[Job], counts: Counter[str]) -> None:
    others = [f", {counts[status]} {status}" for status in _SHOWN_IF_ANY if counts[status]]
    done = f"{counted(counts['finished'], 'trial')} finished, {counts['failed']} failed"
    print(f"\n{done}{''.join(others)}, in {directory}")
    for job in jobs:
        if job.status == "waiting":
            print(f"  {directory / str(job)}: {job.reason}")
        if job.status == "failed":
            print_error(f"  {directory / str(job)}: {job.reason}")
    for line in sync_line(directory, "*/"):
        print(line)


if __name__ == "__main__":
    main()
