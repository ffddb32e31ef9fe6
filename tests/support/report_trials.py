"""Directories as trials leave them, without running a trial."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml

from alframe.core.reports import RoundRow

MARGIN = {"_target_": "alframe.query.Margin", "spread": 3}
RANDOM = {"_target_": "alframe.query.RandomQuery"}
ROUNDS = """\
round,hand_new,hand_labels,mislabelled_share,test_accuracy,auto_labels,unlabelled,mislabelled,\
auto_label_error,threshold,seconds,note,auto_new,coverage,kind
0,20,20,0.0,,0,80,0,,,0.1,,0,0.0,seed
1,10,30,0.01,0.5,20,50,1,0.05,0.9,4.0,,20,0.2,round
2,10,40,0.02,0.6,40,20,2,0.05,0.9,4.5,,20,0.4,round
3,5,45,0.03,,55,0,3,0.0545,,0.1,,15,0.55,closing
"""
SUMMARY = {
    "seed": 0,
    "n_samples": 100,
    "n_classes": 10,
    "rounds": 2,
    "hand_labels": 45,
    "hand_share": 0.45,
    "auto_labels": 55,
    "coverage": 0.55,
    "mislabelled": 3,
    "mislabelled_share": 0.03,
    "auto_label_error": 3 / 55,
    "test_accuracy": 0.6,
    "seconds": 10.0,
    "train_seconds": 6.0,
    "score_seconds": 1.5,
    "device": "cpu",
    "data": "digits",
    "versions": {"alframe": "0.1.0"},
    "certificate": None,
}


def leave_trial(
    directory: Path,
    seed: int,
    *,
    choices: dict[str, Any] | None = None,
    query: dict[str, Any] = MARGIN,
    rounds: str = ROUNDS,
    figures: dict[str, Any] | None = None,
    **config: Any,
) -> Path:
    """Write a finished trial into a new directory and return the directory.

    choices: of Hydra's config groups; None writes no .hydra folder. figures: differences from `SUMMARY`.
    """
    directory.mkdir(parents=True)
    (directory / "rounds.csv").write_text(rounds)
    (directory / "summary.json").write_text(json.dumps({**SUMMARY, "seed": seed, **(figures or {})}))
    whole = {"seed": seed, "data_dir": str(directory), "query": query, "chosen": {"threads": seed}, **config}
    (directory / "config.yaml").write_text(yaml.safe_dump(whole, sort_keys=False))
    if choices is not None:
        (directory / ".hydra").mkdir()
        text = yaml.safe_dump({"hydra": {"job": {"num": 1}, "runtime": {"cwd": "x", "choices": choices}}})
        (directory / ".hydra" / "hydra.yaml").write_text(text)
    return directory


def rows_of(
    hand: Sequence[int],
    wrong: Sequence[float | None],
    accuracy: Sequence[float | None],
    auto: int = 30,
    closing: tuple[int, float] | None = None,
) -> str:
    """Return a rounds.csv without the seed set: rounds that end with these numbers of hand labels.

    auto: auto-labels after each round. closing: hand labels and mislabelled share of a closing row.
    """
    ends = [*zip(hand, wrong, accuracy, strict=True), *([(*closing, None)] if closing else [])]
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(RoundRow)], lineterminator="\n")
    writer.writeheader()
    before = 0
    for number, (n_hand, share, score) in enumerate(ends, start=1):
        row = RoundRow(
            round=number, kind="round" if number <= len(hand) else "closing", hand_new=n_hand - before,
            auto_new=auto, hand_labels=n_hand, auto_labels=auto, unlabelled=0, coverage=0.3, seconds=1.0,
            mislabelled_share=share, test_accuracy=score,
        )  # fmt: skip
        writer.writerow(row.to_csv())
        before = n_hand
    return text.getvalue()
