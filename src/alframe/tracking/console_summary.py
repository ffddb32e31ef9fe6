"""The summary that a person reads on the terminal at the end of a trial."""

from pathlib import Path
from typing import Any

from alframe._text import counted, duration, percent, percent_cell
from alframe.core.layout import shown, sync_line
from alframe.tracking.files import BY_NAME

# The mean over classes is told where the largest class has so many times the samples of the smallest, or
# where it is off the share over all samples by more than this part of it.
UNEQUAL = 2.0
NOTABLE = 0.25
_FILES = ("labels.csv", BY_NAME, "rounds.csv", "summary.json", "config.yaml", "suspects.csv")
_FOLDERS = ("wandb", "tensorboard")


def closing_summary(summary: dict[str, Any], directory: Path) -> list[str]:
    """Return the lines a person reads at the end of a trial."""
    n = summary["n_samples"]
    left = n - summary["hand_labels"] - summary["auto_labels"]
    rounds = counted(summary["rounds"], "round")
    lines = [
        "",
        f"Labelled {n - left:,} of {n:,} images of {summary['data']} in {rounds} and "
        f"{duration(summary['seconds'])}; stopped because {summary['stopped_because']}.",
        f"  hand labels   {summary['hand_labels']:>8,}  {percent_cell(summary['hand_share'])} %",
        f"  auto-labels   {summary['auto_labels']:>8,}  {percent_cell(summary['coverage'])} %",
    ]
    if left:
        lines.append(f"  left          {left:>8,}  {percent_cell(left / n)} %")
    if summary["mislabelled"] is not None:
        error = summary["auto_label_error"]
        among = "" if error is None else f"  ({percent(error)} of the auto-labels)"
        share = percent_cell(summary["mislabelled_share"])
        lines.append(f"  mislabelled   {summary['mislabelled']:>8,}  {share} %{among}")
    elif summary["auto_labels"] and summary["certificate"] is None:
        lines.append("  how many are wrong is not known: certificate.tolerance=0.01 would measure it")
    lines += _macro_line(summary)
    if summary["test_accuracy"] is not None:
        lines.append(f"  test accuracy {percent_cell(summary['test_accuracy']):>16} %")
    if summary["cost"]:
        lines.append(f"  cost          {summary['cost']:>11,.2f}")
    lines += _certificate(summary["certificate"])
    present = [name for name in (*_FILES, *_FOLDERS) if (directory / name).exists()]
    lines.append(f"Files in {shown(directory)}: {' '.join(present)}")
    return lines + sync_line(directory)


def _certificate(certificate: dict[str, Any] | None) -> list[str]:
    """Return what was proven, in the words of a person who will rely on it."""
    if certificate is None:
        return []
    verdict = "reached" if certificate["reached"] else "not reached"
    return [
        f"  certificate   with {100 * certificate['confidence']:g} % confidence at most "
        f"{certificate['max_wrong']:,} labels ({percent(certificate['max_wrong_share'])}) are wrong; "
        f"{100 * certificate['tolerance']:g} % was to be proven: {verdict}",
        f"                {certificate['asked']:,} answers, {certificate['audited']:,} of them at random; "
        f"{certificate['found_wrong']:,} found wrong and corrected",
        *_oracle_error(certificate),
    ]


def _oracle_error(certificate: dict[str, Any]) -> list[str]:
    """Return what the certificate takes the oracle to be."""
    rate, most = certificate["oracle_error"], certificate["max_wrong_with_oracle_error"]
    if rate is None:
        return ["                takes every answer as right (certificate.oracle_error if some are not)"]
    return [f"                at most {most:,} where {100 * rate:g} % of the oracle's answers are wrong"]


def _macro_line(summary: dict[str, Any]) -> list[str]:
    """Return the line about classes, where they differ in size or the mean over them tells another story."""
    classes = [item for item in summary["per_class"] or [] if item["n_samples"]]
    if not classes:
        return []
    sizes = [item["n_samples"] for item in classes]
    macro, overall = summary["mislabelled_share_macro"], summary["mislabelled_share"]
    if max(sizes) < UNEQUAL * min(sizes) and abs(macro - overall) <= NOTABLE * overall:
        return []
    worst = max(classes, key=lambda item: item["mislabelled_share"])
    share = percent(worst["mislabelled_share"])
    return [f"  macro average {percent_cell(macro):>16} %  (worst: class {worst['class']}, {share})"]
