"""The jobs of a sweep: what became of each, in files that every process of the sweep can reach.

A launcher may run jobs in other processes or on other machines; the sweep's directory is what they share.
"""

import json
import os
import platform
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal

from alframe.directory import at_work
from alframe.errors import UserError
from alframe.files import replace_file
from alframe.words import counted

try:
    import fcntl
except ImportError:  # no POSIX: nobody is kept out
    fcntl = None  # type: ignore[assignment]

FOLDER = ".jobs"
_STOP = "stop"

Status = Literal["running", "finished", "failed", "interrupted", "waiting", "not begun", "killed"]


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job of a sweep.

    Attributes:
        directory: of its trial, below the sweep's. overrides: what tells it from the others, as typed.
        status: what became of it. reason: why, in one line; empty where it finished.
    """

    directory: str
    status: Status
    overrides: str = ""
    reason: str = ""

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
        lock = (folder / "lock").open("a")
    except OSError as error:
        raise UserError(
            f"{key}: expected a directory that can be written, got {directory} ({error.strerror})."
        ) from error
    with lock:
        if fcntl is not None:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UserError(
                    f"{key}: expected a sweep that no other process works at, but one works at {directory}. "
                    f"Wait for it, or set {key} to another directory."
                ) from None
        _check_idle(directory)
        for file in [*folder.glob("*.json"), folder / _STOP]:
            file.unlink(missing_ok=True)
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

    One that says "running" although nobody works in its directory did not come to its end: "killed".

    Args:
        patience_seconds: how long processes that were told to end may take for it.
    """
    told = [Job(**json.loads(file.read_text())) for file in sorted((directory / FOLDER).glob("*.json"))]
    deadline = time.monotonic() + patience_seconds
    return [
        replace(job, status="killed", reason=KILLED)
        if job.status == "running" and not _works(directory / job.directory, deadline)
        else job
        for job in told
    ]


KILLED = "its process was ended from outside (memory full?)"


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
