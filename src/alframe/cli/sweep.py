"""The jobs of a sweep: what became of each, in files that every process of the sweep can reach.

A launcher may run jobs in other processes or on other machines; the sweep's directory is what they share.
"""

import json
import os
import platform
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal

from alframe._files import lock, replace_file
from alframe._text import counted
from alframe.core.errors import UserError
from alframe.trial.directory import at_work

FOLDER = ".jobs"
_STOP = "stop"
KILLED = "its process was ended from outside (memory full?)"
UNTOLD = "its last word could not be written (disk full?)"

Status = Literal["running", "finished", "failed", "interrupted", "waiting", "not begun", "killed"]


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job of a sweep.

    Attributes:
        directory: of its trial, below the sweep's. overrides: what tells it from the others, as typed.
        status: what became of it. reason: why, in one line; empty where it finished.
        process: in which it ran, on whatever machine.
    """

    directory: str
    status: Status
    overrides: str = ""
    reason: str = ""
    process: int = field(default_factory=os.getpid)

    def __str__(self) -> str:
        """Return its directory, and in brackets what tells it from the others."""
        return f"{self.directory} ({self.overrides})" if self.overrides else self.directory


@dataclass(frozen=True, kw_only=True)
class Launch:
    """The command that launches jobs, as each of them knows it.

    Attributes:
        typed: its arguments. process: its machine and process.
        n_trials: of the sweep, None where only the sweeper knows.
    """

    typed: tuple[str, ...] = ()
    process: tuple[str, int] = field(default_factory=lambda: (platform.node(), os.getpid()))
    n_trials: int | None = None

    def is_here(self) -> bool:
        """Return whether this is the command's own process, in which jobs run one after the other."""
        return self.process == (platform.node(), os.getpid())

    def numbered(self, number: int) -> str:
        """Return which of the trials the one of this number from 0 is.

        >>> Launch(n_trials=6).numbered(0), Launch().numbered(0)
        ('1 of 6', '1')
        """
        return str(number + 1) if self.n_trials is None else f"{number + 1} of {self.n_trials}"

    def swept(self, overrides: Iterable[str]) -> str:
        """Return the overrides of a job that were not typed as they stand: they tell it from the others.

        >>> Launch(typed=("-m", "data=digits", "seed=1,2")).swept(["data=digits", "seed=2"])
        'seed=2'
        """
        return " ".join(text for text in overrides if text not in self.typed)


@contextmanager
def launching(directory: Path) -> Iterator[None]:
    """Make a sweep's directory, forget earlier jobs, and keep other launches out while the block runs.

    Raises:
        UserError: it cannot be written, or another process works at this sweep, be it a job whose launch
            has ended.
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
        for word in [*_words(directory), folder / _STOP]:
            word.unlink(missing_ok=True)
        yield


def _check_idle(directory: Path) -> None:
    """Raise `UserError` where jobs outlived their launch, as Slurm's and `submitit_local`'s do."""
    running = [job.directory for job in jobs(directory) if job.status == "running"]
    if running:
        named = ", ".join(running[:3]) + (" ..." if len(running) > 3 else "")
        raise UserError(
            "hydra.sweep.dir: expected a sweep that no other process works at, but an earlier launch left "
            f"{counted(len(running), 'trial')} at work in {directory} ({named}). Wait for them, or end their "
            "processes, which state/lock of each names; the same command then goes on."
        )


def tell(directory: Path, number: int, job: Job) -> None:
    """Leave word of a job; a later word replaces it."""
    (directory / FOLDER).mkdir(parents=True, exist_ok=True)
    replace_file(directory / FOLDER / f"{number:06d}.json", json.dumps(asdict(job)) + "\n")


def jobs(directory: Path, patience_seconds: float = 2.0) -> list[Job]:
    """Return the jobs that left word since the sweep was launched, in their order; for use when it has ended.

    One that says "running" although nobody works in its directory is "killed": it did not come to its end,
    or, where it ran in this very process, its last word could not be written.

    Args:
        patience_seconds: how long processes that were told to end may take for it.
    """
    deadline = time.monotonic() + patience_seconds
    return [_came_to(directory, _read(word), deadline) for word in _words(directory)]


def tell_killed(directory: Path, ended: Sequence[set[int]], patience_seconds: float = 2.0) -> list[Job]:
    """Leave word of the jobs whose processes the launcher ended since one was killed, and return the killed.

    Args:
        ended: processes in the order of their end. The jobs of the first of them were killed, the others
            interrupted; all were killed where that is not known.
        patience_seconds: as in `jobs`.
    """
    deadline = time.monotonic() + patience_seconds
    running = {word: job for word in _words(directory) if (job := _read(word)).status == "running"}
    came_to = {word: _came_to(directory, job, deadline) for word, job in running.items()}
    cut_off = {word: job for word, job in came_to.items() if job.status == "killed"}
    processes = {job.process for job in cut_off.values()}
    first = next((some for some in ended if some & processes), processes)
    for word, job in cut_off.items():
        innocent = replace(job, status="interrupted", reason="")
        tell(directory, int(word.stem), job if job.process in first else innocent)
    return [job for job in cut_off.values() if job.process in first]


def _words(directory: Path) -> list[Path]:
    return sorted(file for file in (directory / FOLDER).glob("*.json") if file.is_file())


def _read(word: Path) -> Job:
    return Job(**json.loads(word.read_text()))


def _came_to(directory: Path, job: Job, deadline: float) -> Job:
    if job.status != "running" or _works(directory / job.directory, deadline):
        return job
    return replace(job, status="killed", reason=UNTOLD if job.process == os.getpid() else KILLED)


def _works(directory: Path, deadline: float) -> bool:
    while at_work(directory):
        if time.monotonic() >= deadline:
            return True
        time.sleep(0.05)
    return False


def stop(directory: Path) -> None:
    """Have no further job begin, and those at work end after their rounds."""
    (directory / FOLDER / _STOP).touch()


def stopped(directory: Path) -> bool:
    """Return whether `stop` was called since the sweep was launched."""
    return os.path.exists(directory / FOLDER / _STOP)


def hush_trackers() -> None:
    """Have joblib's own helper process clean up without a word after a command that was killed.

    It warns of the semaphores that the killed left, and then removes them. Its process takes filters from the
    environment alone.
    """
    quiet, given = "ignore:resource_tracker:UserWarning", os.environ.get("PYTHONWARNINGS", "")
    if quiet not in given:
        os.environ["PYTHONWARNINGS"] = f"{given},{quiet}".lstrip(",")
