"""A question of an audit as trackers get it."""

from dataclasses import dataclass

from alframe.audit.audit_state import AuditRow


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
