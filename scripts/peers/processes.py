"""Run a measurement in a process of its own, with a limit of time and one of memory."""

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

POLL_SECONDS = 0.1
WALL = 20  # the wall time at which a process is ended, in units of its limit of processor time


@dataclass(frozen=True, kw_only=True)
class Finished:
    """How a measurement ended.

    Attributes:
        figures: the JSON that the process printed, None without one.
        note: empty, or why there is none.
    """

    figures: dict[str, Any] | None
    note: str = ""


def measured(
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    max_seconds: float,
    max_mb: float,
    prints: bool = True,
) -> Finished:
    """Return what a command printed as the last line of its output, or why it was ended.

    Args:
        command: the process. environment: variables to set besides those of this process.
        max_seconds: processor time at which it is ended. max_mb: resident memory at which it is ended.
        prints: False if no output is expected.
    """
    with tempfile.TemporaryFile("w+") as errors, tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            command, env={**os.environ, **environment}, stdout=output, stderr=errors, text=True
        )
        note = _watched(process, max_seconds, max_mb)
        for file in (errors, output):
            file.seek(0)
        lines = output.read().strip().splitlines()
        if note or process.returncode or (prints and not lines):
            last = (errors.read().strip().splitlines() or ["no message"])[-1]
            return Finished(figures=None, note=note or f"failed: {last[:200]}")
        return Finished(figures=json.loads(lines[-1]) if prints else None)


def _watched(process: "subprocess.Popen[str]", max_seconds: float, max_mb: float) -> str:
    """Wait for a process; end it at a limit and return which one."""
    latest = time.monotonic() + WALL * max_seconds
    while True:
        try:
            process.wait(timeout=POLL_SECONDS)
            return ""
        except subprocess.TimeoutExpired:
            note = ""
            if processor_seconds(process.pid) > max_seconds:
                note = f"not finished after {max_seconds:.0f} s of processor time"
            elif time.monotonic() > latest:
                note = f"not finished after {WALL * max_seconds:.0f} s"
            elif resident_mb(process.pid) > max_mb:
                note = f"more than {max_mb / 1024:.0f} GB of memory"
            if note:
                process.kill()
                process.wait()
                return note


def processor_seconds(pid: int) -> float:
    """Return the processor time of all threads of a process; 0 if the system does not say."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    """Return the resident memory of a process in MB of 2^20 bytes; 0 if the system does not say."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    _, found, rest = status.partition("VmRSS:")
    return int(rest.split()[0]) / 2**10 if found else 0.0
