"""Run the commands of a session on a GPU (gpu_session.py), each with a limit of time."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
_PDEATHSIG = 1  # of prctl(2)


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a session works.

    Attributes:
        out: folder of the results. work: of trials, logs and unpacked wheels.
        environment: of every command. grace: seconds that an ended command has before it is killed.
    """

    out: Path
    work: Path
    environment: dict[str, str]
    grace: float = 10.0


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a command ended.

    Attributes:
        code: its exit code; None if it was ended at the limit. output: stdout and stderr.
    """

    code: int | None
    seconds: float
    output: str


def run_command(arguments: Sequence[str], seconds: float, place: Place) -> Ended:
    """Run the interpreter with arguments; end it and the processes that it started at a limit of seconds."""
    begin = time.monotonic()
    log = place.work / "output.txt"
    with log.open("w+b") as file:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=place.environment,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=end_with_session,
        )
        try:
            code: int | None = process.wait(max(seconds, 1.0))
        except subprocess.TimeoutExpired:
            code = None
        finally:
            end_group(process, place.grace)
    return Ended(code=code, seconds=time.monotonic() - begin, output=log.read_text(errors="replace"))


def end_with_session() -> None:
    """Let the kernel kill this process when the session is killed, so that the next one works alone."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PDEATHSIG, signal.SIGKILL)


def end_group(process: "subprocess.Popen[Any]", grace: float) -> None:
    """End a process and those that it started: SIGTERM, then SIGKILL after some seconds."""
    deadline = time.monotonic() + grace
    signalled = send(process.pid, signal.SIGTERM)
    while signalled and time.monotonic() < deadline:
        process.poll()  # else the group exists as long as its dead leader
        if not send(process.pid, 0):
            return
        time.sleep(0.05)
    send(process.pid, signal.SIGKILL)
    process.wait()


def send(group: int, number: int) -> bool:
    """Send a signal to a process group; return False if it has no process."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True
