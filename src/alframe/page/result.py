"""What has become of a trial, in sentences for the page, and the command that still changes its labels."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from alframe._text import counted, percent
from alframe.core.file_names import LABELS, LABELS_BY_NAME, shown
from alframe.core.reports import Certificate
from alframe.core.trial_summary import TrialSummary
from alframe.page.setup import SETUP

_FOLDER = "alframe.data.folder"  # the `_target_` of data=folder


def result_of(summary: TrialSummary, directory: Path, config: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the result of a finished trial as the page shows it.

    Args:
        directory: of the trial. config: its settings, None if unknown.
    """
    return {
        "sentences": sentences(summary),
        "labels": labels_file(directory),
        "audit": audit_command(directory, config),
        "again": (directory / SETUP).exists(),  # alframe-label, whose command shows the page again
    }


def audit_result(found: Sequence[str], directory: Path) -> dict[str, Any]:
    """Return the result of a finished audit as the page shows it.

    Args:
        found: what was found, in sentences. directory: of the audit.
    """
    return {"sentences": list(found), "labels": labels_file(directory), "audit": None, "again": False}


def labels_file(directory: Path) -> str:
    """Return the file with the labels, that for people if there is one."""
    by_name = directory / LABELS_BY_NAME
    return str(by_name if by_name.exists() else directory / LABELS)


def sentences(summary: TrialSummary) -> list[str]:
    """Return what has become of a trial, the most important first."""
    by_hand = summary.hand_labels - summary.set_aside
    n_labelled = by_hand + summary.auto_labels
    all_of = f"All {summary.n_samples:,}" if n_labelled == summary.n_samples else f"{n_labelled:,} of"
    images = "images" if n_labelled == summary.n_samples else f"{summary.n_samples:,} images"
    by = f"{by_hand:,} by people, {summary.auto_labels:,} by the classifier" if summary.auto_labels else ""
    found = [f"{all_of} {images} have a label: {by or 'all of them by people'}.", *_proven(summary)]
    if summary.set_aside:
        found.append(
            f"{counted(summary.set_aside, 'image')} without a class: nobody can tell, none, or broken."
        )
    times = summary.answer_times
    if times is not None:
        n, minutes = times.n_single + times.n_grid, times.seconds / 60
        found.append(f"{counted(n, 'answer')} in {minutes:.1f} minutes of people's time.")
    return found


def _proven(summary: TrialSummary) -> list[str]:
    certificate, check = summary.certificate, summary.check
    if not summary.auto_labels and not (certificate and certificate.found_wrong):
        return _without_auto_labels(summary)
    if certificate is not None:
        return [_certified(certificate)]
    if check is not None and check.asked:
        return [
            f"At most {percent(check.most_share)} of the classifier's labels are wrong "
            f"({100 * check.confidence:g} % confidence; {check.found_wrong:,} of {check.asked:,} that people "
            "checked were)."
        ]
    return ["Nobody has checked the classifier's labels."]


def _certified(certificate: Certificate) -> str:
    reached = "as wanted" if certificate.reached else f"{percent(certificate.tolerance)} was wanted"
    if certificate.max_wrong == 0:
        return f"No label is wrong if every answer is right: {reached}."
    return (
        f"At most {certificate.max_wrong:,} labels ({percent(certificate.max_wrong_share)}) are wrong, "
        f"with {100 * certificate.confidence:g} % confidence: {reached}."
    )


def _without_auto_labels(summary: TrialSummary) -> list[str]:
    """Return why the classifier has labelled nothing."""
    n, wrong = summary.spot_checks or 0, summary.spot_checks_wrong or 0
    found = ["The classifier labelled none, so that the labels are as right as the answers."]
    if n and wrong:
        found.append(f"{wrong:,} of {counted(n, 'prediction')} that people checked were wrong.")
    elif n:
        found.append(
            f"All {counted(n, 'prediction')} that people checked were right, but more checks are needed "
            "before the classifier labels on its own."
        )
    return found


def audit_command(directory: Path, config: Mapping[str, Any] | None) -> str:
    """Return the command that checks and changes the labels of a finished trial.

    Args:
        config: the settings of the trial, None if unknown.

    >>> folder = {"data": {"_target_": "alframe.data.folder", "path": "/my images"}}
    >>> audit_command(Path("outputs/label_mine"), folder)
    "alframe-audit data=folder 'data.path=/my images' labels=outputs/label_mine oracle=page"
    """
    data = (config or {}).get("data", {})
    images = ["data=..."]  # the keys of the trial's data, which only its giver knows
    if data.get("_target_") == _FOLDER and data.get("path"):
        images = ["data=folder", f"data.path={data['path']}"]
    words = ["alframe-audit", *images, f"labels={shown(directory)}", "oracle=page"]
    return " ".join(shlex.quote(word) if word != "data=..." else word for word in words)
