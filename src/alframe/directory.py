"""The directory of a trial: its name from the config, what is in it, and one process at a time in it."""

import hashlib
import json
import os
import re
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alframe.errors import UserError
from alframe.files import replace_file
from alframe.locks import lock
from alframe.trial_files import Damaged, read_config, read_summary

KEY = "hydra.run.dir"
STATE = "state"  # the folder of what resuming needs
OFFLINE_RUNS = "wandb/offline-run-*"  # a folder for each process that logged for W&B without a network
# What may differ between two runs of one trial: no label depends on it.
_NOT_OF_THE_TRIAL = ("data_dir", "tracker", "trusted_packages", "experiment", "chosen", "objective")


def identity(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a resolved config that says which trial it is: all that a label can depend on.

    >>> identity({"seed": 1, "data_dir": "here"})
    {'seed': 1}
    """
    own = {key: value for key, value in config.items() if key not in _NOT_OF_THE_TRIAL}
    if isinstance(own.get("data"), dict):
        own["data"] = {key: value for key, value in own["data"].items() if key != "download"}
    # As it reads after a turn through JSON, in which it is kept.
    return dict(json.loads(json.dumps(own)))


def digest(content: Any) -> str:
    """Return eight hexadecimal digits that stand for plain containers, the same in every process."""
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def trial_name(config: Mapping[str, Any]) -> str:
    """Return the name of a trial's directory: its data, its seed and what stands for all else.

    >>> trial_name({"data": {"name": "digits"}, "seed": 3})
    'digits_seed3_6033c133'
    """
    data = re.sub(r"[^A-Za-z0-9._-]+", "-", str(config["data"].get("name", "data"))).strip(".-") or "data"
    return f"{data}_seed{config['seed']}_{digest(identity(config))}"


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


def leave_failure(directory: Path, status: str, reason: str, n_rounds: int) -> None:
    """Leave failure.json in the directory of a trial: how it ended without a summary, after how many rounds.

    Raises:
        TrialError: it could not be written.
    """
    content = {"status": status, "reason": reason, "rounds": n_rounds}
    replace_file(directory / "failure.json", json.dumps(content, indent=2) + "\n")


def shown(directory: Path) -> str:
    """Return a directory as it is told to people: from where they work, if it lies below."""
    try:
        return str(directory.relative_to(Path.cwd()))
    except ValueError:
        return str(directory)


def sync_line(directory: Path, trials: str = "") -> list[str]:
    """Return the line that tells how to send all offline W&B runs of a trial; none where it has none.

    Args:
        directory: the trial's, or that of a sweep whose trials match `trials`, such as "*/".
    """
    pattern = f"{trials}{OFFLINE_RUNS}"
    if next(directory.glob(f"{pattern}/run-*.wandb"), None) is None:
        return []
    return [f"To W&B: wandb sync {shlex.quote(shown(directory))}/{pattern}"]


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
