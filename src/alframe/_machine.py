"""This machine: what its processor is, what was measured on it, and which trials share its cores."""

import json
import os
import platform
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from alframe._files import lock, there_are_locks, wait_for_lock, write_whole


def cache_directory() -> Path:
    """Return where measurements are kept: ALFRAME_CACHE_DIR, or alframe/ in the user's cache folder."""
    own = os.environ.get("ALFRAME_CACHE_DIR")
    if own:
        return Path(own).expanduser()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "alframe"


def processor() -> tuple[str, frozenset[str]]:
    """Return the processor's name and its flags, empty where /proc/cpuinfo does not tell them."""
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
    """Return the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def recall(key: str) -> dict[str, Any] | None:
    """Return what was remembered on this machine under a key, or None; a damaged file remembers nothing."""
    with suppress(
        OSError, ValueError, AttributeError, RuntimeError
    ):  # RuntimeError: no such user, or nested too deep
        found = json.loads((cache_directory() / "measured.json").read_text()).get(key)
        return found if isinstance(found, dict) else None
    return None


def remember(key: str, value: dict[str, Any]) -> None:
    """Keep a value under a key for later trials; where that cannot be written, nothing is kept."""
    with suppress(OSError, ValueError, RuntimeError):
        directory = cache_directory()
        directory.mkdir(parents=True, exist_ok=True)
        with _locked(directory / "measured.lock"):
            file = directory / "measured.json"
            known: dict[str, Any] = {}
            with suppress(OSError, ValueError, RuntimeError):
                read = json.loads(file.read_text())
                known = read if isinstance(read, dict) else {}
            known[key] = value
            write_whole(file, json.dumps(known, indent=1), to_disk=False)


@contextmanager
def shared_cores(wanted: int | None) -> Iterator[int]:
    """Yield how many threads to compute with, and let other trials know of them while the block runs.

    Args:
        wanted: threads asked for; None takes the cores that no other trial has taken, one at least. Two
            processes that each want both of two cores wait for each other at every operation: a step takes
            nearly twice as long as with one thread each, and at times far longer
            (scripts/benchmarks/steps.py).
    """
    mine: IO[str] | None = None
    n = wanted or n_cores()
    if there_are_locks():
        with suppress(OSError, RuntimeError):
            directory = cache_directory() / "running" / platform.node()  # homes are shared between machines
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
            mine.close()  # and with it the lock: the next to look takes the file away


def _taken(directory: Path) -> Iterator[int]:
    """Yield the threads of each trial that runs, and take away the files of those that ended."""
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
