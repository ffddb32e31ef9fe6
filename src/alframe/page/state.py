"""What the page shows of a trial: the reply to GET /api/state."""

import time
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from alframe.page.desk import Now, Question
from alframe.page.training import Training

_WHY = {
    "seed": "The first images: the classifier learns from them.",
    "validation": "These images tell how often the classifier is right. It does not learn from them.",
    "query": "The classifier is not sure of these images, or they check what it is sure of.",
    "remainder": "The images that are left at the end.",
    "check": "A random sample of the labels that the classifier gave: how many of them are wrong?",
    "audit": "A random sample that proves how many labels are wrong at most.",
    "estimate": "A random sample of the labels: how many of them are wrong?",
    "mend": "These labels are the most suspect: which class is right?",
    "prove": "A random sample that proves how many labels are wrong at most.",
    "doubtful": "These labels were confirmed among many, and the classifier doubts them now.",
    "second": "An answer contradicts the label so far: a second look decides.",
}
_WHAT = {
    "train": "learning from the answers",
    "training": "learning from the answers",
    "score": "looking at all images",
    "read": "reading the images",
    "reading": "reading the images",
    "encode": "preparing the images, once",
}


def state_of(
    now: Now,
    *,
    trial_id: str,
    class_names: list[str],
    left: Mapping[str, int],
    people: list[str],
    summary: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Return the state of a trial for one person.

    Args:
        class_names: of all classes, in the order of their numbers.
        left: how much of the open question is left, as `Service.left`. people: who have answered so far.
        summary: what has become of the trial, None before its end.
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
        "summary": summary,
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
        nothing = {"seconds_so_far": 0.0, "seconds_left": None, "done_share": None}
        return {"what": "taking in the answers", "round": 0, **nothing}
    return {
        "what": _WHAT.get(training.what, training.what),
        "round": training.round,
        "seconds_so_far": now - training.since,
        "seconds_left": training.seconds_left(now),
        "done_share": training.done_share,
    }
