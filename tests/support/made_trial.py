"""The files of a finished trial, by hand: 20 samples of 3 classes, two rounds, one wrong auto-label."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from alframe.core.trial_summary import TrialSummary
from alframe.report.load.csv_json import read_rounds
from alframe.report.load.trials import FinishedTrial

NAMES = ["cat & dog", "<script>alert(1)</script>", "数字 of a very long name that goes on"]
SUMMARY: dict[str, Any] = {
    "n_samples": 20,
    "n_classes": 3,
    "rounds": 2,
    "hand_labels": 10,
    "hand_share": 0.5,
    "auto_labels": 10,
    "coverage": 0.5,
    "mislabelled": 1,
    "mislabelled_share": 0.05,
    "auto_label_error": 0.1,
    "test_accuracy": 0.9,
    "seconds": 4.0,
    "train_seconds": 2.0,
    "score_seconds": 1.0,
    "seed": 3,
    "data": "made",
    "stopped_because": "enough",
    "certificate": None,
    "per_class": [
        {
            "class": name,
            "n_samples": n,
            "hand_labels": n // 2,
            "auto_labels": n // 2,
            "mislabelled": wrong,
            "mislabelled_share": wrong / n,
        }
        for name, n, wrong in zip(NAMES, (8, 8, 4), (0, 1, 0), strict=True)
    ],
}
CERTIFICATE = {
    "tolerance": 0.2,
    "confidence": 0.95,
    "audited": 2,
    "asked": 2,
    "found_wrong": 0,
    "max_wrong": 3,
    "max_wrong_share": 0.15,
    "reached": True,
    "method": "uniform",
    "assumes": "The oracle's answers are right.",
    "note": None,
}
ROUNDS = """\
round,hand_new,auto_new,hand_labels,auto_labels,unlabelled,mislabelled,mislabelled_share,auto_label_error,\
threshold,test_accuracy,seconds,kind,coverage,note
0,4,0,4,0,16,0,0.0,,,,0.5,seed,0.0,
1,2,8,6,8,6,2,0.1,0.25,0.75,0.8,1.5,round,0.4,
2,2,10,8,10,2,1,0.05,0.1,0.75,0.9,1.5,round,0.5,a note
3,2,0,10,10,0,1,0.05,0.1,,,0.5,closing,0.5,
"""
# The source of each of the 20 labels, and its round.
SOURCES = 4 * [("seed", 0)] + 2 * [("query", 1)] + 2 * [("validation", 2)] + 2 * [("remainder", 3)]
DIAGNOSIS = {
    "class_names": NAMES,
    "confusion": [[4, 0, 0], [1, 3, 0], [0, 0, 2]],
    "reliability": [
        {"low": 1.0986122886681098, "high": 2.1972245773362196, "n": 4, "wrong": 1, "confidence": 0.8},
        {"low": 4.59511985013459, "high": None, "n": 6, "wrong": 0, "confidence": 0.996},
    ],
}


def leave_trial(directory: Path, **summary: Any) -> Path:
    """Write every file of the trial, with changes to summary.json; return the directory."""
    directory.mkdir(parents=True)
    (directory / "rounds.csv").write_text(ROUNDS)
    (directory / "summary.json").write_text(json.dumps(SUMMARY | summary))
    config = {"seed": 3, "query": {"_target_": "alframe.query.Margin"}, "auto_label": {"_target_": None}}
    (directory / "config.yaml").write_text(yaml.safe_dump(config))
    sources = [*SOURCES, *(10 * [("auto", 2)])]
    lines = [f"{index},0,{source},{round},," for index, (source, round) in enumerate(sources)]
    head = "index,label,source,round,confidence,log_odds"
    (directory / "labels.csv").write_text("\n".join([head, *lines, ""]))
    (directory / "diagnosis.json").write_text(json.dumps(DIAGNOSIS))
    leave_mislabelled(directory, 1)
    return directory


def leave_mislabelled(directory: Path, n: int, shape: tuple[int, ...] = (1, 8, 8)) -> None:
    """Write mislabelled.npz with n samples of images of noise, the last one labelled by hand."""
    generator = np.random.default_rng(0)
    confidence = np.linspace(0.999999, 0.75, n)
    confidence[-1] = np.nan
    np.savez_compressed(
        directory / "mislabelled.npz",
        index=np.arange(n) + 17,
        label=np.zeros(n, dtype=np.int64),
        truth=np.ones(n, dtype=np.int64),
        confidence=confidence,
        images=generator.integers(0, 256, (n, *shape), dtype=np.uint8),
    )


def read(directory: Path) -> FinishedTrial:
    """Return the trial in a directory."""
    return FinishedTrial(
        directory=directory,
        config=yaml.safe_load((directory / "config.yaml").read_text()),
        summary=TrialSummary.from_json(json.loads((directory / "summary.json").read_text())),
        rounds=read_rounds(directory),
        choices={},
    )
