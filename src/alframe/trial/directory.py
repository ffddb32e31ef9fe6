"""The directory of a trial: its name from the config, what is in it, and one process at a time in it."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alframe._files import lock
from alframe.config.identity import identity
from alframe.core.errors import UserError
from alframe.core.layout import KEY, STATE
from alframe.trial.read import Damaged, read_config, read_summary


def unfinished(parent: Path, name: str) -> Path:
    """Return the first of name, name_2, name_3 ... in `parent` that holds no finished trial."""
    number, path = 1, parent / name
    while (path / "summary.json").exists():
        number += 1
        path = parent / f"{name}_{number}"
    return path


def finished_summary(directory: Path, config: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the summary of a trial that is finished, None where it is not.

    Raises:
        UserError: what is finished there is another trial, or damaged.
    """
    if not (directory / "summary.json").exists():
        return None
    try:
        theirs, summary = read_config(directory), read_summary(directory)
    except Damaged as error:
        raise UserError(f"{directory}/{error}. Move that folder away and run again.") from error
    check_same_trial(directory, identity(theirs), identity(config))
    return summary


def check_same_trial(place: Path, theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> None:
    """Raise `UserError` where what lies in `place` is of another trial, with the settings that differ."""
    differing = sorted(_differences(theirs, ours))
    if differing:
        more = f"; and {len(differing) - 3} more" if len(differing) > 3 else ""
        settings = "; ".join(differing[:3]) + more
        raise UserError(
            f"{KEY}: expected this trial, but {place} is of another: {settings}. Run it with those settings, "
            f"or set {KEY} (hydra.sweep.dir in a sweep) to another directory."
        )


def _differences(theirs: Any, ours: Any, key: str = "") -> list[str]:
    """Return "key is X there and Y here" for each leaf in which two configs differ."""
    if isinstance(theirs, Mapping) and isinstance(ours, Mapping):
        keys = dict.fromkeys([*theirs, *ours])
        return [
            each
            for part in keys
            for each in _differences(theirs.get(part), ours.get(part), f"{key}.{part}" if key else str(part))
        ]
    return [] if theirs == ours else [f"{key} is {theirs} there and {ours} here"]


@contextmanager
def occupied(directory: Path) -> Iterator[None]:
    """Make the directory of a trial and keep other processes out of it while the block runs.

    Raises:
        UserError: it cannot be made or written, holds a finished trial or one that cannot go on, or another
            process is at work in it.
    """
    _make(directory)
    with (directory / STATE / "lock").open("a+") as file:
        if not lock(file):
            file.seek(0)
            who = file.read().strip() or "unknown"
            raise UserError(
                f"{KEY}: expected a directory that no other process works in, but process {who} is at "
                f"work in {directory}. Wait for it, or set {KEY} to another directory."
            )
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        _check_free(directory)
        yield


def at_work(directory: Path) -> bool:
    """Return whether a process works in the directory of a trial; False where that cannot be known."""
    try:
        with (directory / STATE / "lock").open() as file:
            return not lock(file, shared=True)
    except OSError:  # nobody ever worked there
        return False


def _make(directory: Path) -> None:
    try:
        (directory / STATE).mkdir(parents=True, exist_ok=True)
        probe = directory / ".write-probe"
        probe.write_text("")
        probe.unlink()
    except OSError as error:
        raise UserError(
            f"{KEY}: expected a directory that can be written, got {directory} ({error.strerror}). "
            f"Set {KEY} to another one."
        ) from error


def _check_free(directory: Path) -> None:
    if (directory / "summary.json").exists():
        raise UserError(
            f"{KEY}: expected a directory without a finished trial, but {directory} holds summary.json. "
            f"Set {KEY} to another one, or move that trial away."
        )
    resumable = any((directory / STATE).glob("round-*.state"))
    taken = [name for name in ("rounds.csv", "labels.csv") if (directory / name).exists()]
    if taken and not resumable:
        raise UserError(
            f"{KEY}: expected a directory without a trial in it, or with the state to go on from, but "
            f"{directory} holds {taken[0]} and no {STATE}/round-*.state. Set {KEY} to another one, or move "
            "that trial away."
        )
