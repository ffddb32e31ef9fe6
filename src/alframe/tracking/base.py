"""What trackers are told and when."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from torch import Tensor

from alframe.audit.label_issues import LabelIssue
from alframe.audit.reliability import Diagnosis
from alframe.core.ledger import LabelLedger
from alframe.core.records import RoundReport

Status = Literal["finished", "failed", "interrupted", "waiting"]


@dataclass(frozen=True, kw_only=True)
class TrialInfo:
    """What is known before the first round.

    Attributes:
        directory: where the trial leaves its files.
        config: the resolved config as plain containers, with `chosen` in it; trackers write it down.
        chosen: device, precision, engine and the like, with `auto` decided. seed: the trial's seed.
        name: one line that tells this trial from others. group: the sweep it belongs to, or None.
        choices: the option chosen for each config group, such as {"query": "margin"}, as far as known.
        data: the data set's name. n_samples: samples to label. n_classes: C.
        min_rounds, max_rounds: the bounds on the rounds; no cap is None.
        reports: of the rounds that finished before this process began; empty in a fresh trial.
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
    """What is known at the end, however it came.

    Attributes:
        status: "finished", "failed", "interrupted" or "waiting" for answers.
        ledger: the labels, those of a failed trial too; None when it failed before the first.
        summary: the content of summary.json; None unless finished.
        reason: why it failed or stopped.
        mislabelled: (index, truth), int64, of wrong labels; empty where nobody knows.
        image: returns the (channels, height, width) uint8 image of an index.
        class_names: C names. files_N: the file of each image of the data set, where images have one.
        suspects: hand labels that the last classifier finds least likely; empty unless asked for.
        diagnosis: where the auto-labels went wrong; None unless finished, and where nobody knows.
    """

    status: Status
    ledger: LabelLedger | None
    summary: dict[str, Any] | None
    reason: str
    mislabelled: tuple[Tensor, Tensor]
    image: Callable[[int], Tensor]
    class_names: Sequence[str]
    files_N: Sequence[str] | None = None
    suspects: Sequence[LabelIssue] = ()
    diagnosis: Diagnosis | None = None


class Tracker(Protocol):
    """Is told about a trial; `finish` is called exactly once after a `start` that returned."""

    def start(self, info: TrialInfo) -> None:
        """Open what will be written to."""
        ...

    def log(self, report: RoundReport) -> None:
        """Take in a round."""
        ...

    def finish(self, outcome: Outcome) -> None:
        """Write the end and close."""
        ...


class Trackers:
    """Several trackers as one; each is closed even when another one fails at it."""

    def __init__(self, trackers: Sequence[Tracker]) -> None:
        self._trackers = trackers
        self._started: list[Tracker] = []

    def start(self, info: TrialInfo) -> None:
        """Start each in order."""
        for tracker in self._trackers:
            tracker.start(info)
            self._started.append(tracker)

    def log(self, report: RoundReport) -> None:
        """Tell each in order."""
        for tracker in self._started:
            tracker.log(report)

    def finish(self, outcome: Outcome) -> None:
        """Close each that was started, in order; the first error is raised when all are closed."""
        errors: list[BaseException] = []
        started, self._started = self._started, []
        for tracker in started:
            try:
                tracker.finish(outcome)
            except BaseException as error:
                errors.append(error)
        if errors:
            raise errors[0]
