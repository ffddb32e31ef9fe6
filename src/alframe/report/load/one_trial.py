"""Read the files of one finished trial for its own report."""

import csv
import json
import math
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from alframe.core.errors import UserError
from alframe.core.file_names import DIAGNOSIS, LABELS, MISLABELLED
from alframe.report.load.trial_records import LEAST_ERROR, Bin, DiagnosisFile, Mislabelled
from alframe.report.load.trials import FinishedTrial

HAND_SOURCES = ("seed", "query", "validation", "audit", "remainder", "mend", "cannot_tell", "no_class")


def hand_labels_by_source(trial: FinishedTrial) -> dict[str, dict[int, int]] | None:
    """Return the number of hand labels by source and round, from labels.csv; None without that file.

    Returns:
        source, in the order of `HAND_SOURCES`, to round to count; sources without labels are left out.

    Raises:
        UserError: the file is damaged.
    """
    file = trial.directory / LABELS
    if not file.exists():
        return None
    try:
        with file.open(newline="", encoding="utf-8") as lines:
            rows = csv.reader(lines)
            head = next(rows)
            source, round = head.index("source"), head.index("round")
            counts = Counter((row[source], row[round]) for row in rows)
        found = [(name, int(number), n) for (name, number), n in counts.items() if name in HAND_SOURCES]
    except (StopIteration, ValueError, IndexError, csv.Error) as error:
        raise _damaged(file, f"columns source and round in every row, got {error!r}") from None
    by_source: dict[str, dict[int, int]] = {}
    for name, number, n in sorted(found, key=lambda each: (HAND_SOURCES.index(each[0]), each[1])):
        by_source.setdefault(name, {})[number] = n
    return by_source


def diagnosis_of(trial: FinishedTrial) -> DiagnosisFile | None:
    """Return the content of diagnosis.json; None without it (older trials have none).

    Raises:
        UserError: the file is damaged.
    """
    file = trial.directory / DIAGNOSIS
    if not file.exists():
        return None
    try:
        return _diagnosis(json.loads(file.read_text(encoding="utf-8")), trial.summary.n_classes)
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise _damaged(
            file, f"class_names, a square confusion matrix and bins of confidence, got {error!r}"
        ) from None


def _diagnosis(held: dict[str, Any], n_classes: int | None) -> DiagnosisFile:
    names = tuple(str(name) for name in held["class_names"])
    if len(names) != n_classes:
        raise ValueError(f"{len(names)} names for {n_classes} classes")
    confusion_CC, bins = held["confusion"], held["reliability"]
    if confusion_CC is not None:
        confusion_CC = np.array(confusion_CC, dtype=np.int64)
        if confusion_CC.shape != (len(names), len(names)) or (confusion_CC < 0).any():
            raise ValueError(f"shape {confusion_CC.shape} for {len(names)} classes")
    return DiagnosisFile(
        class_names=names,
        confusion_CC=confusion_CC,
        bins=None if bins is None else tuple(_bin(each) for each in bins),
    )


def _bin(held: Mapping[str, Any]) -> Bin:
    n, wrong = int(held["n"]), int(held["wrong"])
    if not 0 <= wrong <= n or n == 0:
        raise ValueError(f"{wrong} wrong of {n}")
    return Bin(
        low=0.0 if held["low"] is None else _sigmoid(held["low"]),
        high=1.0 if held["high"] is None else _sigmoid(held["high"]),
        n=n,
        wrong=wrong,
        stated_error=max(LEAST_ERROR, 1.0 - float(held["confidence"])),
    )


def _sigmoid(odds: float) -> float:
    return 1.0 / (1.0 + math.exp(-odds))


def mislabelled_of(trial: FinishedTrial) -> Mislabelled | None:
    """Return the content of mislabelled.npz; None without it.

    Raises:
        UserError: the file is damaged.
    """
    file = trial.directory / MISLABELLED
    if not file.exists():
        return None
    try:
        # Opened here, because numpy does not close a file that is not a zip.
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as held:
            found = Mislabelled(
                index_M=held["index"],
                label_M=held["label"],
                truth_M=held["truth"],
                confidence_M=held["confidence"],
                images_M=held["images"],
            )
    except Exception as error:  # damaged zip files raise more than zipfile's exceptions
        raise _damaged(file, f"arrays that numpy can read, got {error!r}") from None
    m, classes = len(found.index_M), range(trial.summary.n_classes or 0)
    if found.images_M.ndim != 4 or {len(each) for each in vars(found).values()} != {m}:
        raise _damaged(file, f"{m} images of (channels, height, width), got {found.images_M.shape}")
    if not {*found.label_M.tolist(), *found.truth_M.tolist()} <= set(classes):
        raise _damaged(file, f"labels from 0 to {len(classes) - 1}")
    return found


def _damaged(file: Path, expected: str) -> UserError:
    return UserError(f"{file}: expected {expected}. It is damaged: run the trial again or leave it out.")
