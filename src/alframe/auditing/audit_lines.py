"""The lines of an audit on the terminal: before the first question, after each, and at the end."""

from pathlib import Path

from alframe.audit.audit_state import AuditRow
from alframe.audit.audit_summary import AuditSummary
from alframe.tracking.audit_report import AuditInfo


def heading(info: AuditInfo) -> list[str]:
    """Return the lines before the first question."""
    chosen = info.chosen
    return [
        f"alframe-audit: {info.n_samples:,} labels of {info.data} in {info.n_classes:,} classes, "
        f"seed {info.seed}, on {chosen['device']} ({chosen['precision']}, {chosen['engine']} engine)",
        "stage     asked   wrong  answers  wrong in all  at most wrong  train s",
    ]


def line_of(row: AuditRow) -> str:
    """Return a row for the terminal."""
    bound = "" if row.bound is None else f"{100 * row.bound:.2f} %"
    seconds = f"{row.train_seconds:.1f}" if row.train_seconds else ""
    return (
        f"{row.stage:<9}{row.asked:>6,}{row.found:>8,}{row.answers:>9,}{row.found_wrong:>14,}{bound:>15}"
        f"{seconds:>9}"
    )


def closing_lines(summary: AuditSummary, directory: Path) -> list[str]:
    """Return the lines after the last question."""
    found = f"{summary.answers:,} answers found {summary.found_wrong:,} wrong labels."
    lines = ["", found, summary.statement]
    if summary.mending_ended is not None:
        lines.append(f"Mending ended because {summary.mending_ended}.")
    if summary.certificate is not None and summary.certificate.note is not None:
        lines.append(summary.certificate.note)
    if summary.simulated is not None:
        known = summary.simulated
        lines.append(
            f"In truth {known['wrong_before']:,} labels were wrong, and {known['wrong_after']:,} are now "
            f"({100 * known['wrong_after_share']:.3g} %)."
        )
    return [*lines, f"Files in {directory}: labels.csv, changes.csv, suspects.csv, summary.json"]
