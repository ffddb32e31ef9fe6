"""The jobs of a sweep and their statuses, in files that every process of the sweep can reach.

A launcher may run jobs in other processes or on other machines. They share the sweep's directory only.
"""

import json
import os
import platform
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from alframe._files import lock, replace_file
from alframe._text import counted
from alframe.cli.optuna_search import STUDY
from alframe.core.errors import UserError
from alframe.trial.directory import at_work, check_no_other, holds_trial

FOLDER = ".jobs"
_STOP = "stop"
_GRID = "multirun.yaml"  # written by Hydra, but not in a search
KILLED = "its process was killed (memory may be full) or could not write its status (the disk may be full)"

Status = Literal["running", "finished", "pruned", "failed", "interrupted", "waiting", "not begun"]


@dataclass(frozen=True, kw_only=True)
class Job:
    """One job of a sweep and its status.

    Attributes:
        directory: of its trial, below the sweep's directory.
        status: "waiting" means that the trial waits for answers from people, "pruned" that a search ended it.
        overrides: those that differ between the jobs, as on a command line.
        reason: why it did not finish, in one line; empty if it finished.
    """

    directory: str
    status: Status
    overrides: str = ""
    reason: str = ""

    def __str__(self) -> str:
        """Return the directory, and the overrides in brackets."""
        return f"{self.directory} ({self.overrides})" if self.overrides else self.directory


@dataclass(frozen=True, kw_only=True)
class Launch:
    """The command that launches the jobs; each job gets a copy.

    Attributes:
        arguments: of the command. process: its machine and process number.
        n_trials: in the sweep, or None if only the sweeper knows.
    """

    arguments: tuple[str, ...] = ()
    process: tuple[str, int] = field(default_factory=lambda: (platform.node(), os.getpid()))
    n_trials: int | None = None

    def in_this_process(self) -> bool:
        """Return True in the process of the command itself, in which jobs run one after the other."""
        return self.process == (platform.node(), os.getpid())

    def position(self, number: int) -> str:
        """Return the position of a job among the trials. `number` starts at 0.

        >>> Launch(n_trials=6).position(0), Launch().position(0)
        ('1 of 6', '1')
        """
        return str(number + 1) if self.n_trials is None else f"{number + 1} of {self.n_trials}"

    def swept(self, overrides: Iterable[str]) -> str:
        """Return the overrides of a job that are not arguments of the command: they differ between jobs.

        >>> Launch(arguments=("-m", "data=digits", "seed=1,2")).swept(["data=digits", "seed=2"])
        'seed=2'
        """
        return " ".join(text for text in overrides if text not in self.arguments)


def check_directory(directory: Path, config: Mapping[str, Any], *, searches: bool) -> None:
    """Raise `UserError` if a directory has another sweep or is a trial's, before anything is written.

    Only the first trial is compared, because a sweep may be continued with more trials. Each trial is checked
    again when it begins.

    Args:
        config: of the first trial of a grid. searches: True for a search, whose trials are not known yet.
    """
    wanted, other = ("search", "sweep") if searches else ("sweep", "search")
    files = {"search": directory / STUDY, "sweep": directory / _GRID}
    is_other = files[other].exists() and not files[wanted].exists()
    if is_other or holds_trial(directory):
        raise UserError(
            f"hydra.sweep.dir: expected the directory of a {wanted}, but {directory} belongs to a "
            f"{other if is_other else 'trial'}. Set hydra.sweep.dir to another one."
        )
    if not searches:
        check_no_other(directory / "0", config)


def check_no_sweep(directory: Path) -> None:
    """Raise `UserError` if the directory of a single trial has the trials of a sweep or search."""
    for file, kind in ((_GRID, "sweep"), (STUDY, "search")):
        if (directory / file).exists() and not holds_trial(directory):
            raise UserError(
                f"hydra.run.dir: expected the directory of a trial, but {directory} belongs to a {kind}. "
                "Set hydra.run.dir to another one."
            )


@contextmanager
def launching(directory: Path) -> Iterator[None]:
    """Make a sweep's directory, delete earlier statuses, and lock out other launches while the block runs.

    Raises:
        UserError: the directory cannot be written, or another process works in it, such as a job that
            outlived its launch.
    """
    key = "hydra.sweep.dir"
    folder = directory / FOLDER
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / "lock").open("a")
    except OSError as error:
        raise UserError(
            f"{key}: expected a directory that can be written, got {directory} ({error.strerror})."
        ) from error
    with file:
        if not lock(file):
            raise UserError(
                f"{key}: expected a sweep that no other process works at, but one works at {directory}. "
                f"Wait for it, or set {key} to another directory."
            )
        _check_idle(directory)
        for old in [*_status_files(directory), folder / _STOP]:
            old.unlink(missing_ok=True)
        yield


def _check_idle(directory: Path) -> None:
    """Raise `UserError` if jobs outlived their launch, which is possible with Slurm and `submitit_local`."""
    running = [job.directory for job in read_statuses(directory) if job.status == "running"]
    if running:
        names = ", ".join(running[:3]) + (" ..." if len(running) > 3 else "")
        raise UserError(
            "hydra.sweep.dir: expected a sweep that no other process works at, but an earlier launch left "
            f"{counted(len(running), 'trial')} at work in {directory} ({names}). Wait for them, or end their "
            "processes; the file state/lock of each trial holds the number. Then run the same command again."
        )


def write_status(directory: Path, number: int, job: Job) -> None:
    """Write the status of a job in place of its earlier one."""
    (directory / FOLDER).mkdir(parents=True, exist_ok=True)
    replace_file(directory / FOLDER / f"{number:06d}.json", json.dumps(asdict(job)) + "\n")


def read_status(directory: Path, number: int) -> Job | None:
    """Return the status that a job has written, or None if it has not begun since the sweep was launched."""
    file = directory / FOLDER / f"{number:06d}.json"
    return Job(**json.loads(file.read_text())) if file.is_file() else None


def read_statuses(directory: Path, patience_seconds: float = 2.0) -> list[Job]:
    """Return the jobs that began since the sweep was launched, in order; call it when the launch has ended.

    A job that is still "running" although no process works in its directory is returned as "failed".

    Args:
        patience_seconds: how long a process that was asked to end may take.
    """
    deadline = time.monotonic() + patience_seconds
    found = [Job(**json.loads(file.read_text())) for file in _status_files(directory)]
    return [_final(directory, job, deadline) for job in found]


def _status_files(directory: Path) -> list[Path]:
    return sorted(file for file in (directory / FOLDER).glob("*.json") if file.is_file())


def _final(directory: Path, job: Job, deadline: float) -> Job:
    if job.status != "running" or _works(directory / job.directory, deadline):
        return job
    return replace(job, status="failed", reason=KILLED)


def _works(directory: Path, deadline: float) -> bool:
    while at_work(directory):
        if time.monotonic() >= deadline:
            return True
        time.sleep(0.05)
    return False


def request_stop(directory: Path) -> None:
    """Ask the sweep to start no further job, and its running jobs to end after their current rounds."""
    (directory / FOLDER / _STOP).touch()


def stop_requested(directory: Path) -> bool:
    """Return True if `request_stop` was called since the sweep was launched."""
    return os.path.exists(directory / FOLDER / _STOP)
