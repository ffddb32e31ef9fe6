"""The metrics of a round, and of a question of an audit, under the keys that W&B and TensorBoard share."""

from alframe.core.reports import RoundReport
from alframe.tracking.audit_report import AuditReport


def metrics(report: RoundReport | AuditReport) -> dict[str, float]:
    """Return a round's metrics by key, without undefined ones."""
    if isinstance(report, AuditReport):
        return {key: value for key, value in report.values().items() if value is not None}
    counts, fit = report.counts, report.fit
    values: dict[str, float | None] = {
        "labels/hand": counts.hand_labels,
        "labels/hand_share": counts.hand_share,
        "labels/auto": counts.auto_labels,
        "labels/unlabelled": counts.unlabelled,
        "labels/mislabelled": counts.mislabelled,
        "labels/mislabelled_share": counts.mislabelled_share,
        "labels/auto_label_error": counts.auto_label_error,
        "labels/coverage": counts.coverage,
        "labels/threshold": report.threshold,
        "labels/cost": report.cost,
        "train/samples": fit.samples if fit else None,
        "train/steps": fit.steps if fit else None,
        "train/loss": fit.loss if fit else None,
        "train/test_accuracy": report.test_accuracy,
        "time/train_seconds": fit.seconds if fit else None,
        "time/score_seconds": report.score_seconds,
        "time/round_seconds": report.seconds,
    }
    return {key: value for key, value in values.items() if value is not None}
