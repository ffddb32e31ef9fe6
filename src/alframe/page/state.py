"""What the page shows of a trial: the reply to GET /api/state."""

import time
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from alframe._text import counted, percent
from alframe.core.trial_summary import TrialSummary
from alframe.page.desk import Now, Question, Training

_WHY = {
    "seed": "The first images: the classifier learns from them.",
    "validation": "These images tell how often the classifier is right. It does not learn from them.",
    "query": "The classifier is not sure of these images, or they check what it is sure of.",
    "remainder": "The images that are left at the end.",
    "check": "A random sample of the labels that the classifier gave: how many of them are wrong?",
    "audit": "A random sample that proves how many labels are wrong at most.",
    "second": "An answer contradicts the label so far: a second look decides.",
}
_WHAT = {
    "train": "training",
    "score": "looking at all images",
    "read": "reading the images",
    "reading": "reading the images",
    "encode": "turning the images into vectors, once",
}


def state_of(
    now: Now, *, trial_id: str, class_names: list[str], left: Mapping[str, int], people: list[str]
) -> dict[str, Any]:
    """Return the state of a trial for one person.

    Args:
        class_names: of all classes, in the order of their numbers.
        left: how much of the open question is left, as `Service.left`. people: who have answered so far.
    """
    question = now.question
    stage = now.stage
    if stage == "labelling" and question is not None and left["open"] == 0:
        stage = "training"  # all is answered, and the trial takes it in
    return {
        "version": now.version,
        "stage": stage,
        "message": now.message,
        "trial": {
            "id": trial_id,
            "name": _name(now),
            "data": now.dataset.name if now.dataset else "",
            "n_samples": _n_samples(now),
        },
        "classes": [{"number": number, "name": name} for number, name in enumerate(class_names)],
        "question": None if question is None or stage != "labelling" else _question(question, left),
        "training": _training(now.training, time.monotonic()) if stage == "training" else None,
        "people": people,
        "options": {
            "suggestions": now.options.suggestions,
            "both_share": now.options.both_share,
            "grid": now.options.grid,
        },
        "summary": None if now.summary is None else {"sentences": _sentences(now.summary)},
    }


def _name(now: Now) -> str:
    """Return what the trial is called on the page: the folder of its images, or its data set."""
    path = now.info.config["data"].get("path") if now.info else None
    if path and path != "memory":
        return PurePath(path).name or str(path)
    return now.dataset.name if now.dataset else ""


def _n_samples(now: Now) -> int:
    if now.info is not None:
        return now.info.n_samples
    return 0 if now.dataset is None else len(now.dataset)


def _question(question: Question, left: Mapping[str, int]) -> dict[str, Any]:
    purpose = question.purpose.split()[0]
    return {
        "id": question.id,
        "purpose": purpose,
        "why": _WHY.get(purpose, ""),
        "round": question.round,
        "wanted": question.n_wanted,
        "answered": max(0, question.n_wanted - left["open"]),
        **{key: left[key] for key in ("left_for_you", "n_grid", "n_single", "blind")},
    }


def _training(training: Training | None, now: float) -> dict[str, Any]:
    if training is None:
        return {"what": "taking in the answers", "round": 0, "seconds_so_far": 0.0, "seconds_left": None}
    return {
        "what": _WHAT.get(training.what, training.what),
        "round": training.round,
        "seconds_so_far": now - training.since,
        "seconds_left": training.seconds_left(now),
    }


def _sentences(summary: TrialSummary) -> list[str]:
    """Return what has become of a trial, the most important first."""
    n_labelled = summary.hand_labels - summary.set_aside + summary.auto_labels
    all_of = f"All {summary.n_samples:,}" if n_labelled == summary.n_samples else f"{n_labelled:,} of"
    images = "images" if n_labelled == summary.n_samples else f"{summary.n_samples:,} images"
    found = [
        f"{all_of} {images} have a label: {summary.hand_labels - summary.set_aside:,} by people, "
        f"{summary.auto_labels:,} by the classifier.",
        *_proven(summary),
    ]
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
    if certificate is not None:
        reached = "as wanted" if certificate.reached else f"{percent(certificate.tolerance)} was wanted"
        return [
            f"At most {certificate.max_wrong:,} labels ({percent(certificate.max_wrong_share)}) are wrong, "
            f"with {100 * certificate.confidence:g} % confidence: {reached}."
        ]
    if check is not None and check.asked:
        return [
            f"At most {percent(check.most_share)} of the classifier's labels are wrong "
            f"({100 * check.confidence:g} % confidence; {check.found_wrong:,} of {check.asked:,} that people "
            "checked were)."
        ]
    return ["Nobody has checked the classifier's labels."] if summary.auto_labels else []
