"""This machine: its processor, measurements made on it, and the cores that its trials share."""

import json
import os
import platform
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from alframe._files import has_locks, lock, wait_for_lock, write_whole


def cache_directory() -> Path:
    """Return the folder of measurements: ALFRAME_CACHE_DIR, or alframe/ in the user's cache folder."""
    own = os.environ.get("ALFRAME_CACHE_DIR")
    if own:
        return Path(own).expanduser()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "alframe"


def processor() -> tuple[str, frozenset[str]]:
    """Return the processor's name and its flags; the flags are empty without /proc/cpuinfo."""
    name, flags = platform.processor() or platform.machine(), frozenset[str]()
    with suppress(OSError), open("/proc/cpuinfo") as lines:
        for line in lines:
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                name = value.strip()
            if key.strip() == "flags":
                flags = frozenset(value.split())
                break
    return name, flags


def n_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def recall(key: str) -> dict[str, Any] | None:
    """Return the value that `remember` saved on this machine, or None. A damaged file counts as empty."""
    # RuntimeError: the user has no home, or the file is nested too deep.
    with suppress(OSError, ValueError, AttributeError, RuntimeError):
        found = json.loads((cache_directory() / "measured.json").read_text()).get(key)
        return found if isinstance(found, dict) else None
    return None


def remember(key: str, value: dict[str, Any]) -> None:
    """Save a value under a key for later trials. If the file cannot be written, the value is dropped."""
    with suppress(OSError, ValueError, RuntimeError):
        directory = cache_directory()
        directory.mkdir(parents=True, exist_ok=True)
        with _locked(directory / "measured.lock"):
            file = directory / "measured.json"
            measured: dict[str, Any] = {}
            with suppress(OSError, ValueError, RuntimeError):
                read = json.loads(file.read_text())
                measured = read if isinstance(read, dict) else {}
            measured[key] = value
            write_whole(file, json.dumps(measured, indent=1), to_disk=False)


@contextmanager
def shared_cores(wanted: int | None) -> Iterator[int]:
    """Yield the number of threads to compute with. Other trials can see it while the block runs.

    Args:
        wanted: number of threads. None takes the cores that no other trial has taken, at least one. If two
            processes each use both of two cores, they wait for each other at every operation: a step takes
            nearly twice as long as with one thread each, and sometimes far longer
            (scripts/benchmarks/time_steps.py).
    """
    mine: IO[str] | None = None
    n = wanted or n_cores()
    if has_locks():
        with suppress(OSError, RuntimeError):
            directory = cache_directory() / "running" / platform.node()  # machines may share a home
            directory.mkdir(parents=True, exist_ok=True)
            with _locked(directory / "list.lock"):
                taken = sum(_taken(directory))
                if wanted is None:
                    n = max(1, n_cores() - taken)
                handle, _ = tempfile.mkstemp(suffix=".cores", dir=directory)
                mine = os.fdopen(handle, "r+")
                wait_for_lock(mine)
                mine.write(str(n))
                mine.flush()
    try:
        yield n
    finally:
        if mine is not None:
            mine.close()  # this frees the lock; the next reader deletes the file


def _taken(directory: Path) -> Iterator[int]:
    """Yield the threads of each running trial, and delete the files of trials that have ended."""
    for file in directory.glob("*.cores"):
        with suppress(OSError, ValueError), file.open() as other:
            if lock(other):
                file.unlink()
            else:
                yield int(other.read())


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    with file.open("a") as handle:
        wait_for_lock(handle)
        yield
