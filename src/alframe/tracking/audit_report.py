"""What trackers get of an audit: its facts, its questions and its end."""

from dataclasses import dataclass
from typing import Protocol

from alframe.audit.audit_state import AuditRow, Stage
from alframe.audit.audit_summary import AuditSummary
from alframe.tracking.base import Ending, Trackers, TrialInfo


@dataclass(frozen=True, kw_only=True)
class AuditInfo(TrialInfo):
    """The facts about an audit before its first question.

    Attributes:
        stages: in their order. at_most: the most answers of all stages, None without a limit.
    """

    stages: tuple[Stage, ...]
    at_most: int | None


@dataclass(frozen=True, kw_only=True)
class AuditReport:
    """A question or a ranking of an audit, for trackers.

    Attributes:
        row: its figures. round: the number of the row, from 0.
    """

    row: AuditRow
    round: int

    def values(self) -> dict[str, float | None]:
        """Return the metrics by key, None where one is undefined."""
        row = self.row
        return {
            "audit/answers": row.answers,
            "audit/found": row.found_wrong,
            "audit/precision": row.precision,
            "audit/bound": row.bound,
            "time/train_seconds": row.train_seconds,
        }


@dataclass(frozen=True, kw_only=True)
class AuditOutcome(Ending):
    """The end of an audit, finished or not; `summary` is None unless finished."""

    summary: AuditSummary | None


class AuditTracker(Protocol):
    """Records an audit. `finish` is called exactly once after a `start` that returned."""

    def start(self, info: AuditInfo) -> None:
        """Open the files or the run."""
        ...

    def log(self, report: AuditReport) -> None:
        """Record a question or a ranking."""
        ...

    def finish(self, outcome: AuditOutcome) -> None:
        """Record the end and close."""
        ...


AuditTrackers = Trackers[AuditInfo, AuditReport, AuditOutcome]
