"""What a refused trial removes again: the files that it has written, and nothing that was there before."""

import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from alframe.core.file_names import (
    ANSWER_STORE,
    ANSWERS,
    CONFIG,
    DECODED_FILES,
    HYDRA,
    LOCK,
    MARKS,
    OF_A_TRIAL,
    QUESTIONS,
    RESULT,
    STATE,
    STATE_FILES,
    UNREADABLE,
    state_file,
)


@dataclass(frozen=True, kw_only=True)
class Before:
    """A trial's directory before a command: names in it, missing directories, and True if it had no trial."""

    names: frozenset[str]
    missing: tuple[Path, ...]
    is_new: bool


def before_trial(directory: Path) -> Before:
    """Return what is in a directory."""
    names = frozenset(path.name for path in directory.iterdir()) if directory.is_dir() else frozenset()
    is_new = names.isdisjoint((CONFIG, *MARKS)) and not any((directory / STATE).glob(STATE_FILES))
    missing = tuple(path for path in (directory, *directory.parents) if not path.exists())
    if names == {HYDRA}:  # Hydra has just made it
        return Before(names=frozenset(), missing=(directory,), is_new=True)
    return Before(names=names, missing=missing, is_new=is_new)


def is_removable(directory: Path, keep_seed_set: bool) -> bool:
    """Return True if no people were asked, and if no state is saved, or only that of the seed set."""
    asked = any((directory / name).exists() for name in (QUESTIONS, ANSWERS, ANSWER_STORE))
    states = {path.name for path in (directory / STATE).glob(STATE_FILES)}
    finished = (directory / STATE / RESULT).exists()
    return not asked and not finished and states <= (set() if keep_seed_set else {state_file(0)})


def remove_traces(directory: Path, before: Before) -> None:
    """Remove what a refused trial has written, and the directories that it has made."""
    with suppress(OSError):  # some systems keep a file that is open
        if not before.is_new:  # of an earlier command, whose state may hold decoded images
            (directory / STATE / LOCK).unlink()
            (directory / STATE).rmdir()
            return
        if STATE in before.names:  # may be a folder of the user's own
            _remove_state(directory / STATE)
        for name in {*OF_A_TRIAL, HYDRA} - before.names:
            path = directory / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        for path in before.missing:
            path.rmdir()


def _remove_state(state: Path) -> None:
    """Remove the files of a trial from a folder, and the folder if it is empty then."""
    patterns = (STATE_FILES, RESULT, UNREADABLE, *DECODED_FILES, LOCK)
    for file in [file for pattern in patterns for file in state.glob(pattern)]:
        file.unlink(missing_ok=True)
    if not any(state.iterdir()):
        state.rmdir()
