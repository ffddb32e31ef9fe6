"""The summary on the terminal at the end of a trial."""

from pathlib import Path

from alframe._text import answer_seconds, counted, duration, percent, percent_cell
from alframe.core.file_names import (
    CONFIG,
    LABELS,
    LABELS_BY_NAME,
    ROUNDS,
    SUMMARY,
    SUSPECTS,
    TENSORBOARD,
    WANDB,
    shown,
    sync_line,
)
from alframe.core.reports import Certificate
from alframe.core.trial_summary import TrialSummary
from alframe.tracking.console_check import check_lines

# The mean over classes is printed if the classes are unequal, or if the mean differs from the share over all
# samples by more than NOTABLE times that share.
NOTABLE = 0.25
_LISTED = (LABELS, LABELS_BY_NAME, ROUNDS, SUMMARY, CONFIG, SUSPECTS, WANDB, TENSORBOARD)


def closing_summary(summary: TrialSummary, directory: Path | None) -> list[str]:
    """Return the lines for the end of a finished trial; `directory` is None if its files are not kept."""
    n = summary.n_samples
    left = n - summary.hand_labels - summary.auto_labels
    labelled = n - left - summary.set_aside
    lines = [
        "",
        f"Labelled {labelled:,} of {n:,} images of {summary.data} in {counted(summary.rounds, 'round')} and "
        f"{duration(summary.seconds)}; stopped because {summary.stopped_because}.",
        f"  hand labels   {summary.hand_labels:>8,}  {percent_cell(summary.hand_share)} %",
        f"  auto-labels   {summary.auto_labels:>8,}  {percent_cell(summary.coverage)} %",
    ]
    if summary.set_aside:
        lines.append(
            f"  set aside     {summary.set_aside:>8,}            without a class (answers ? and -): they are "
            "among the hand labels and in no share"
        )
    if left:
        lines.append(f"  left          {left:>8,}  {percent_cell(left / n)} %")
    lines += _mislabelled(summary)
    lines += _macro_line(summary)
    if summary.test_accuracy is not None:
        lines.append(f"  test accuracy {percent_cell(summary.test_accuracy):>16} %")
    if summary.cost:
        lines.append(f"  cost          {summary.cost:>11,.2f}")
    if summary.answer_times is not None:
        lines.append(f"  people        {answer_seconds(summary.answer_times)}")
    lines += check_lines(summary)
    lines += _certificate(summary.certificate)
    if directory is None:
        return lines
    present = [name for name in _LISTED if (directory / name).exists()]
    lines.append(f"Files in {shown(directory)}: {' '.join(present)}")
    return lines + sync_line(directory)


def _mislabelled(summary: TrialSummary) -> list[str]:
    """Return the line on mislabelled samples, or no line if the truth is unknown."""
    if summary.mislabelled is not None:
        error = summary.auto_label_error
        among = "" if error is None else f"  ({percent(error)} of the auto-labels)"
        share = percent_cell(summary.mislabelled_share)
        return [f"  mislabelled   {summary.mislabelled:>8,}  {share} %{among}"]
    return []


def _certificate(certificate: Certificate | None) -> list[str]:
    """Return the lines on the certificate, or no line without one."""
    if certificate is None:
        return []
    verdict = "reached" if certificate.reached else "not reached"
    return [
        f"  certificate   with {100 * certificate.confidence:g} % confidence at most "
        f"{certificate.max_wrong:,} labels ({percent(certificate.max_wrong_share)}) are wrong; "
        f"tolerance {100 * certificate.tolerance:g} % {verdict}",
        f"                {certificate.asked:,} answers, {certificate.audited:,} of them at random; "
        f"{_found_wrong(certificate)}",
        _oracle_error(certificate),
    ]


def _found_wrong(certificate: Certificate) -> str:
    """Return how many labels the audit found wrong, and what became of them."""
    wrong, aside = certificate.found_wrong, certificate.set_aside
    if aside == 0:
        return f"{wrong:,} found wrong and corrected"
    return f"{wrong:,} found wrong: {wrong - aside:,} corrected, {aside:,} set aside (no class)"


def _oracle_error(certificate: Certificate) -> str:
    """Return the certificate's assumption about the oracle."""
    rate, most = certificate.oracle_error, certificate.max_wrong_with_oracle_error
    if rate is None or most is None:
        return "                assumes that every answer is right (set certificate.oracle_error if not)"
    return f"                at most {most:,} if {100 * rate:g} % of the oracle's answers are wrong"


def _macro_line(summary: TrialSummary) -> list[str]:
    """Return the line on the mean over classes, if the classes are unequal or the mean differs notably."""
    classes = [item for item in summary.per_class or [] if item["n_samples"]]
    macro, overall = summary.mislabelled_share_macro, summary.mislabelled_share
    if not classes or macro is None or overall is None:
        return []
    if not summary.classes_are_unequal and abs(macro - overall) <= NOTABLE * overall:
        return []
    worst = max(classes, key=lambda item: item["mislabelled_share"])
    share = percent(worst["mislabelled_share"])
    return [f"  macro average {percent_cell(macro):>16} %  (worst: class {worst['class']}, {share})"]
