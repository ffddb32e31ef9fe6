"""The jobs of a sweep: what became of each, in files that every process of the sweep can reach.

A launcher may run jobs in other processes or on other machines; the sweep's directory is what they share.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from alframe.errors import UserError
from alframe.files import replace_file

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
        directory: of its trial. status: what became of it. reason: why, in one line; empty where it finished.
    """

    directory: str
    status: Status
    reason: str = ""


@contextmanager
def launching(directory: Path) -> Iterator[None]:
    """Make a sweep's directory, forget earlier jobs, and keep other launches out while the block runs.

    Raises:
        UserError: it cannot be written, or another process works at this sweep.
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
        for file in [*folder.glob("*.json"), folder / _STOP]:
            file.unlink(missing_ok=True)
        yield


def tell(directory: Path, number: int, job: Job) -> None:
    """Leave word of a job; a later word replaces it."""
    (directory / FOLDER).mkdir(parents=True, exist_ok=True)
    replace_file(directory / FOLDER / f"{number:06d}.json", json.dumps(asdict(job)) + "\n")


def jobs(directory: Path) -> list[Job]:
    """Return the jobs that left word since the sweep was launched, in their order; for use when it has ended.

    One that still says "running" did not come to its end: "killed".
    """
    return [
        _ended(Job(**json.loads(file.read_text()))) for file in sorted((directory / FOLDER).glob("*.json"))
    ]


def _ended(job: Job) -> Job:
    if job.status != "running":
        return job
    return Job(directory=job.directory, status="killed", reason="its process ended without a word")


def stop(directory: Path) -> None:
    """Have no further job begin, and those at work end after their rounds."""
    (directory / FOLDER / _STOP).touch()


def stopped(directory: Path) -> bool:
    """Return whether `stop` was called since the sweep was launched."""
    return os.path.exists(directory / FOLDER / _STOP)
