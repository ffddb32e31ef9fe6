"""The interface of trackers and the records that they get."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from torch import Tensor

from alframe.audit.label_issues import LabelIssue
from alframe.audit.reliability import Diagnosis
from alframe.core.errors import Waiting
from alframe.core.ledger import LabelLedger
from alframe.core.reports import RoundReport
from alframe.core.trial_summary import TrialSummary

Status = Literal["finished", "failed", "interrupted", "waiting"]


@dataclass(frozen=True, kw_only=True)
class TrialInfo:
    """The facts about a trial before its first round.

    Attributes:
        directory: of the trial's files.
        config: the resolved config as plain containers, with `chosen` in it; trackers record it.
        chosen: device, precision, engine and the like, with `auto` decided. seed: the trial's seed.
        name: of the trial, in one line. group: the sweep that it belongs to, or None.
        choices: the option of each config group, such as {"query": "margin"}; groups may be missing.
        data: the data set's name. n_samples: samples to label. n_classes: C.
        min_rounds, max_rounds: bounds on the number of rounds; max_rounds is None without a limit.
        reports: of the rounds that finished before this process began; empty in a new trial.
    """

    directory: Path
    config: dict[str, Any]
    chosen: Mapping[str, Any]
    seed: int
    name: str
    group: str | None
    data: str
    n_samples: int
    n_classes: int
    min_rounds: int
    max_rounds: int | None
    reports: tuple[RoundReport, ...] = ()
    choices: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The end of a trial, finished or not.

    Attributes:
        status: "finished", "failed", "interrupted" or "waiting" for answers.
        ledger: the labels, also of a failed trial; None if it failed before the first label.
        summary: None unless finished.
        reason: why the trial stopped or failed.
        mislabelled: (index, truth), int64, of wrong labels; empty if the truth is unknown.
        image: returns the (channels, height, width) uint8 image of an index.
        class_names: C names. files_N: the file of each image of the data set, None if images have no files.
        suspects: hand labels that the last classifier finds least likely; empty with suspects=0.
        diagnosis: of the auto-labels' errors; None unless finished, or if the truth is unknown.
        waiting: what the trial waits for, None unless it waits for answers.
    """

    status: Status
    ledger: LabelLedger | None
    summary: TrialSummary | None
    reason: str
    mislabelled: tuple[Tensor, Tensor]
    image: Callable[[int], Tensor]
    class_names: Sequence[str]
    files_N: Sequence[str] | None = None
    suspects: Sequence[LabelIssue] = ()
    diagnosis: Diagnosis | None = None
    waiting: Waiting | None = None


class Tracker(Protocol):
    """Records a trial. `finish` is called exactly once after a `start` that returned."""

    def start(self, info: TrialInfo) -> None:
        """Open the files or the run."""
        ...

    def log(self, report: RoundReport) -> None:
        """Record a round."""
        ...

    def finish(self, outcome: Outcome) -> None:
        """Record the end and close."""
        ...


class Trackers:
    """Several trackers as one. Each is closed even if closing another one fails."""

    def __init__(self, trackers: Sequence[Tracker]) -> None:
        self._trackers = trackers
        self._started: list[Tracker] = []

    def start(self, info: TrialInfo) -> None:
        """Start each in order."""
        for tracker in self._trackers:
            tracker.start(info)
            self._started.append(tracker)

    def log(self, report: RoundReport) -> None:
        """Pass the round to each in order."""
        for tracker in self._started:
            tracker.log(report)

    def finish(self, outcome: Outcome) -> None:
        """Close each started tracker in order, then raise the first error."""
        errors: list[BaseException] = []
        started, self._started = self._started, []
        for tracker in started:
            try:
                tracker.finish(outcome)
            except BaseException as error:
                errors.append(error)
        if errors:
            raise errors[0]
