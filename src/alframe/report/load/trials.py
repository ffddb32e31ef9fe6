"""Find the trials below folders: the finished ones, and those that are not finished or damaged."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from alframe._text import counted, natural
from alframe.core.errors import UserError
from alframe.core.file_names import (
    AUDIT_ROUNDS,
    CONFIG,
    FAILURE,
    HYDRA,
    MARKS,
    QUESTIONS,
    ROUNDS,
    STATE,
    SUMMARY,
    TENSORBOARD,
    TO_LABEL,
    WANDB,
)
from alframe.core.reports import RoundRow
from alframe.core.trial_summary import TrialSummary
from alframe.report.load.csv_json import read_choices, read_failure, read_rounds
from alframe.report.load.waiting import WaitingTrial, read_waiting
from alframe.trial.read_finished import Damaged, read_config, read_summary

_PARTS = {HYDRA, ".jobs", QUESTIONS, STATE, TENSORBOARD, WANDB}  # folders without trials
_REPORT_PARTS = {
    "pictures",
    "tables",
}  # of an earlier report; its tables/rounds.csv belongs to no trial

Status = Literal["failed", "interrupted", "unfinished", "damaged"]


@dataclass(frozen=True, kw_only=True, eq=False)
class FinishedTrial:
    """A finished trial.

    Attributes:
        directory: of the trial.
        config: content of config.yaml; trials share parts of it, so it is read only.
        summary, rounds: contents of summary.json and rounds.csv.
        choices: the choice for each config group, such as {"query": "margin"}; empty without a .hydra folder.
    """

    directory: Path
    config: dict[str, Any]
    summary: TrialSummary
    rounds: list[RoundRow]
    choices: dict[str, str]

    @property
    def seed(self) -> int:
        """The trial's seed; trials are paired by it."""
        return self.summary.seed

    def accuracy_curve(self) -> list[tuple[float, float]]:
        """Return points (hand-label share with which a round's classifier was trained, its test accuracy)."""
        return [
            (self._share(row.hand_labels - row.hand_new), row.test_accuracy)
            for row in self.rounds
            if row.kind == "round" and row.test_accuracy is not None
        ]

    def mislabelled_curve(self) -> list[tuple[float, float]]:
        """Return points (hand-label share after a round, mislabelled share), with the closing row."""
        return [
            (self._share(row.hand_labels), row.mislabelled_share)
            for row in self.rounds
            if row.kind != "seed" and row.mislabelled_share is not None
        ]

    def round_ends(self) -> list[float]:
        """Return the hand-label share after each round, without the seed set and the closing row."""
        return [self._share(row.hand_labels) for row in self.rounds if row.kind == "round"]

    @property
    def auto_labels_early(self) -> bool:
        """Return True if a round before the closing row has auto-labels."""
        return any(row.kind == "round" and row.auto_labels > 0 for row in self.rounds)

    def _share(self, hand_labels: int) -> float:
        return hand_labels / self.summary.n_samples


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """A trial that is left out of all figures: its directory, its status, and the reason in one line."""

    directory: Path
    status: Status
    reason: str


@dataclass(frozen=True, kw_only=True)
class Found:
    """The trials that are finished, wait for answers or are left out, each sorted by path.

    Numbers in a path are sorted by their value.
    """

    trials: list[FinishedTrial]
    left_out: list[LeftOut]
    waiting: list[WaitingTrial]


def find_trials(roots: Sequence[Path]) -> Found:
    """Return the trials in folders and below them, each trial once.

    Raises:
        UserError: a root is not a folder, or no trial is finished or waits for answers.
    """
    directories: dict[Path, Path] = {}
    unreadable: list[LeftOut] = []
    for root in roots:
        if not root.is_dir():
            got = "a file" if root.exists() else "a path that does not exist"
            raise UserError(f"{root}: expected a folder with trials, got {got}.")
        for directory in _directories(root, unreadable):
            directories.setdefault(directory.resolve(), directory)
    read = [_read(directory) for directory in directories.values()]
    trials = [each for each in read if isinstance(each, FinishedTrial)]
    left_out = [*(each for each in read if isinstance(each, LeftOut)), *unreadable]
    waiting = [each for each in read if isinstance(each, WaitingTrial)]
    if not trials and not waiting:
        raise UserError(_nothing_finished(roots, left_out))
    return Found(trials=trials, left_out=left_out, waiting=waiting)


def has_trials(roots: Sequence[Path]) -> bool:
    """Return True if a folder, or one below it, is that of a trial."""
    return any(True for root in roots for _ in _directories(root, []))


def _nothing_finished(roots: Sequence[Path], left_out: Sequence[LeftOut]) -> str:
    where = ", ".join(map(str, roots))
    if not left_out:
        return f"{where}: expected finished trials (folders with a summary.json), got none."
    one = left_out[0]
    return (
        f"{where}: expected finished trials, got {len(left_out)} of another status: {one.directory} is "
        f"{one.status} ({one.reason})" + ("." if len(left_out) == 1 else f", and {len(left_out) - 1} more.")
    )


def _directories(root: Path, unreadable: list[LeftOut]) -> Iterator[Path]:
    """Yield the directories of trials, those of a sweep in the order of its jobs."""

    def leave_out(error: OSError) -> None:
        reason = error.strerror or str(error)
        unreadable.append(LeftOut(directory=Path(error.filename), status="damaged", reason=reason))

    for path, folders, files in os.walk(root, onerror=leave_out):
        parts = _PARTS | _REPORT_PARTS if "report.json" in files else _PARTS
        asks = QUESTIONS in folders and CONFIG in files
        folders[:] = sorted((each for each in folders if each not in parts), key=natural)
        if AUDIT_ROUNDS in files and SUMMARY in files:  # an audit, which has a report of its own
            continue
        if asks or not set(MARKS).isdisjoint(files):
            yield Path(path)


def _read(directory: Path) -> FinishedTrial | WaitingTrial | LeftOut:
    try:
        if not (directory / SUMMARY).exists():
            return _unfinished(directory)
        trial = FinishedTrial(
            directory=directory,
            config=read_config(directory),
            summary=read_summary(directory),
            rounds=read_rounds(directory),
            choices=read_choices(directory),
        )
    except Damaged as error:
        return LeftOut(directory=directory, status="damaged", reason=str(error))
    return trial


def _unfinished(directory: Path) -> WaitingTrial | LeftOut:
    """Return a trial without a summary.

    Raises:
        Damaged: its files cannot be read.
    """
    if (directory / FAILURE).exists():
        status, reason = read_failure(directory)
        if status == "waiting":
            return read_waiting(directory, reason)
        if status == "failed" and (directory / QUESTIONS / TO_LABEL).exists():  # answers that cannot be read
            return read_waiting(directory, reason, refused=True)
        return LeftOut(directory=directory, status=status, reason=reason)
    if (directory / QUESTIONS / TO_LABEL).exists():  # its process was killed after it had asked
        return read_waiting(directory, "waiting for answers")
    rounds = read_rounds(directory) if (directory / ROUNDS).exists() else []
    done = sum(row.kind == "round" for row in rounds)
    reason = f"{counted(done, 'round')} so far; it is running, or its process was killed"
    return LeftOut(directory=directory, status="unfinished", reason=reason)
