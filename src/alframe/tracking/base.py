"""The interface of trackers and the records that they get."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Literal, Protocol, TypeVar

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
class Ending:
    """What the ends of a trial and of an audit have in common.

    Attributes:
        status: "finished", "failed", "interrupted" or "waiting" for answers.
        ledger: the labels, also of a failed trial; None if it failed before the first label.
        reason: why it stopped or failed.
        mislabelled: (index, truth), int64, of wrong labels; empty if the truth is unknown.
        image: returns the (channels, height, width) uint8 image of an index.
        class_names: C names. files_N: the file of each image of the data set, None if images have no files.
    """

    status: Status
    ledger: LabelLedger | None
    reason: str
    mislabelled: tuple[Tensor, Tensor]
    image: Callable[[int], Tensor]
    class_names: Sequence[str]
    files_N: Sequence[str] | None = None


@dataclass(frozen=True, kw_only=True)
class Outcome(Ending):
    """The end of a trial, finished or not.

    Attributes:
        summary: None unless finished.
        suspects: hand labels that the last classifier finds least likely; empty with suspects=0.
        diagnosis: of the auto-labels' errors; None unless finished, or if the truth is unknown.
        waiting: what the trial waits for, None unless it waits for answers.
    """

    summary: TrialSummary | None
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


InfoT = TypeVar("InfoT", contravariant=True)
ReportT = TypeVar("ReportT", contravariant=True)
OutcomeT = TypeVar("OutcomeT", contravariant=True)


class _AnyTracker(Protocol[InfoT, ReportT, OutcomeT]):
    """A tracker of trials or of audits."""

    def start(self, info: InfoT) -> None: ...

    def log(self, report: ReportT) -> None: ...

    def finish(self, outcome: OutcomeT) -> None: ...


class Trackers(Generic[InfoT, ReportT, OutcomeT]):
    """Several trackers as one. Each is closed even if closing another one fails."""

    def __init__(self, trackers: Sequence[_AnyTracker[InfoT, ReportT, OutcomeT]]) -> None:
        self._trackers = trackers
        self._started: list[_AnyTracker[InfoT, ReportT, OutcomeT]] = []

    def start(self, info: InfoT) -> None:
        """Start each in order."""
        for tracker in self._trackers:
            tracker.start(info)
            self._started.append(tracker)

    def log(self, report: ReportT) -> None:
        """Pass the round to each in order."""
        for tracker in self._started:
            tracker.log(report)

    def finish(self, outcome: OutcomeT) -> None:
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


TrialTrackers = Trackers[TrialInfo, RoundReport, Outcome]
