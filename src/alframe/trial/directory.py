"""The directory of a trial: its name, its contents, and a lock for one process at a time."""

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from alframe._files import lock
from alframe.config.trial_identity import PEOPLE_KEY, identity
from alframe.core.errors import OtherTrialError, UserError
from alframe.core.file_names import (
    ANSWER_STORE,
    ANSWERS,
    FAILURE,
    KEY,
    LABELS,
    LOCK,
    RESERVED,
    ROUNDS,
    STATE,
    STATE_FILES,
    SUMMARY,
)
from alframe.core.trial_summary import TrialSummary
from alframe.trial.read_finished import Damaged, read_config, read_summary
from alframe.trial.refused import before_trial, is_removable, remove_traces

# Keys of `data` that may change while people label.
_FREE_WITH_PEOPLE = ("class_names", "path", "test_path")


def unfinished(parent: Path, name: str) -> Path:
    """Return the first of name, name_2, name_3 ... in `parent` that holds no finished trial.

    A trial whose process was killed after its last file, before it removed its states, is not finished.
    """
    number, path = 1, parent / name
    while (path / SUMMARY).exists() and not any((path / STATE).glob(STATE_FILES)):
        number += 1
        path = parent / f"{name}_{number}"
    return path


def finished_summary(directory: Path, config: Mapping[str, Any]) -> TrialSummary | None:
    """Return the summary of the finished trial in a directory, or None if there is none.

    Raises:
        UserError: the finished trial there has other settings, or its files are damaged.
    """
    if not (directory / SUMMARY).exists():
        return None
    try:
        found, summary = read_config(directory), read_summary(directory)
    except Damaged as error:
        raise UserError(f"{directory}/{error}. Move that folder away and run again.") from error
    check_same_trial(directory, identity(found), identity(config))
    return summary


def holds_trial(directory: Path) -> bool:
    """Return True if a directory has a trial that is finished or has finished its seed set."""
    return (directory / SUMMARY).exists() or any((directory / STATE).glob(STATE_FILES))


def check_no_other(directory: Path, config: Mapping[str, Any]) -> None:
    """Raise `OtherTrialError` if a directory has another trial than that of a config, finished or not."""
    if not holds_trial(directory):
        return
    with suppress(Damaged):  # the trial itself names what is damaged
        check_same_trial(directory, identity(read_config(directory)), identity(config))


def drop_leftovers(directory: Path) -> None:
    """Remove the files that a finished trial has no use for: its states, and the reason of an earlier end."""
    for file in (*(directory / STATE).glob(STATE_FILES), directory / FAILURE):
        file.unlink(missing_ok=True)


def check_same_trial(path: Path, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Raise `OtherTrialError`, with the settings that differ, if a directory or file has another trial.

    Args:
        path: of the directory or file. found: the identity of its trial. wanted: of the trial to run.
    """
    if PEOPLE_KEY in (wanted.get("oracle") or ()):
        # People may add classes and move their images: the answers tell whether the images are the same.
        found, wanted = _without(found, _FREE_WITH_PEOPLE), _without(wanted, _FREE_WITH_PEOPLE)
        # A newer alframe may have other keys within a group: that is no reason to lose the work of people.
        found, wanted = _in_both(found, wanted), _in_both(wanted, found)
    differing = differing_settings(found, wanted)
    if differing:
        raise OtherTrialError(
            f"{KEY}: expected this trial, but {path} belongs to another: {differing}. Run it with those "
            f"settings, or set {KEY} (hydra.sweep.dir in a sweep) to another directory."
        )


def _without(config: Mapping[str, Any], keys: Collection[str]) -> dict[str, Any]:
    """Return a config without some keys of its data."""
    data = config.get("data")
    if not isinstance(data, Mapping):
        return dict(config)
    return {**config, "data": {key: value for key, value in data.items() if key not in keys}}


def _in_both(
    config: Mapping[str, Any], other: Mapping[str, Any], *, outermost: bool = True
) -> dict[str, Any]:
    """Return a config without the keys that another one lacks within its groups. Whole groups stay."""
    return {
        key: _in_both(value, other[key], outermost=False)
        if isinstance(value, Mapping) and isinstance(other.get(key), Mapping)
        else value
        for key, value in config.items()
        if outermost or key in other
    }


def differing_settings(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """Return the first three settings in which two configs differ, and the number of others; empty if none.

    >>> differing_settings({"seed": 1, "query": {"num": 5}}, {"seed": 2, "query": {"num": 5}})
    'seed is 1 there and 2 here'
    >>> differing_settings(dict.fromkeys("abcd", 1), {}).split("; ")[2:]
    ['c is 1 there and None here', 'and 1 more']
    """
    differing = sorted(_differences(found, wanted))
    more = [f"and {len(differing) - 3} more"] if len(differing) > 3 else []
    return "; ".join([*differing[:3], *more])


def _differences(found: Any, wanted: Any, key: str = "") -> list[str]:
    """Return "key is X there and Y here" for each leaf in which two configs differ."""
    if isinstance(found, Mapping) and isinstance(wanted, Mapping):
        keys = dict.fromkeys([*found, *wanted])
        return [
            each
            for part in keys
            for each in _differences(found.get(part), wanted.get(part), f"{key}.{part}" if key else str(part))
        ]
    return [] if found == wanted else [f"{key} is {found} there and {wanted} here"]


@contextmanager
def occupied(
    directory: Path, *, remove_if_refused: bool = True, keep_seed_set: bool = False
) -> Iterator[Callable[[], bool]]:
    """Make the directory of a trial and lock it while the block runs.

    If the block raises `UserError`, the files that it has written are removed, so that nothing looks like a
    trial. They stay if the trial was there before, if people were asked, or if a round is finished.

    Args:
        remove_if_refused: False removes nothing.
        keep_seed_set: True also keeps the files if a seed set is labelled, because people may have done it.

    Yields:
        a function that returns True if a refusal at that moment removes what the trial has written.

    Raises:
        UserError: the directory cannot be made or written, holds a finished trial or one that cannot be
            resumed, or another process works in it.
    """
    before = before_trial(directory)
    keep = keep_seed_set or not before.is_new
    _make(directory)
    with (directory / STATE / LOCK).open("a+") as file:
        _take(file, directory)
        try:
            _check_free(directory)
            yield lambda: remove_if_refused and before.is_new and is_removable(directory, keep)
        except UserError:
            if remove_if_refused and is_removable(directory, keep):
                remove_traces(directory, before)
            raise


@contextmanager
def reserved(directory: Path) -> Iterator[bool]:
    """Keep a directory for one process of `alframe-label`, also before its trial begins.

    Yields:
        False if another process keeps it.

    Raises:
        UserError: the directory cannot be made or written.
    """
    _make(directory)
    with (directory / STATE / RESERVED).open("a") as file:
        yield lock(file)


def at_work(directory: Path) -> bool:
    """Return True if a process works in the directory of a trial, False also if that cannot be found out."""
    try:
        with (directory / STATE / LOCK).open() as file:
            return not lock(file, shared=True)
    except OSError:  # no trial was ever run there
        return False


def _make(directory: Path) -> None:
    """Make a directory with its folder for states, and check that it can be written."""
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


def _take(file: IO[str], directory: Path) -> None:
    """Lock a file and write this process's id into it."""
    if not lock(file):
        file.seek(0)
        process = file.read().strip() or "unknown"
        raise UserError(
            f"{KEY}: expected a directory that no other process works in, but process {process} is at "
            f"work in {directory}. Wait for it, or set {KEY} to another directory."
        )
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()


def _check_free(directory: Path) -> None:
    if (directory / SUMMARY).exists():
        raise UserError(
            f"{KEY}: expected a directory without a finished trial, but {directory} holds {SUMMARY}. "
            f"Set {KEY} to another one, or move that trial away."
        )
    # Before the first round is finished, the answers are all that a trial goes on from.
    answered = any((directory / name).exists() for name in (ANSWER_STORE, ANSWERS))
    resumable = answered or any((directory / STATE).glob(STATE_FILES))
    taken = [name for name in (ROUNDS, LABELS) if (directory / name).exists()]
    if taken and not resumable:
        raise UserError(
            f"{KEY}: expected a directory without a trial in it, or with a state file to resume from, but "
            f"{directory} holds {taken[0]} and no {STATE}/{STATE_FILES}. Set {KEY} to another one, or move "
            "that trial away."
        )
