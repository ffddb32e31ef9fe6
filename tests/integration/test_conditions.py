"""Trials of unequal classes, hands that err and other seed sets, through the command."""

import json
import warnings
from pathlib import Path

import pytest
from sklearn.datasets import load_digits

from alframe.core.errors import DataWarning
from tests.support.helpers import SHORT, alframe, read_rows

DIGITS = [setting for setting in SHORT if not setting.startswith("data.limit")]


def test_a_long_tail_with_a_noisy_oracle(tmp_path: Path) -> None:
    done = alframe(
        *DIGITS,
        *["data.limit=900", "data.imbalance.kind=long_tail", "data.imbalance.ratio=20"],
        *["oracle=noisy", "oracle.rate=0.2", "initial=typiclust", "initial.num=60", "tracker=none"],
        "hydra.run.dir=trial",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    summary = json.loads((tmp_path / "trial" / "summary.json").read_text())
    per_class = summary["per_class"]
    sizes = [item["n_samples"] for item in per_class]
    assert sum(sizes) == summary["n_samples"] < 400
    assert sizes[0] > 70
    assert 3 <= sizes[9] <= 5

    truth = load_digits().target
    rows = read_rows(tmp_path / "trial" / "labels.csv")
    hand = [row for row in rows if row["source"] in ("seed", "query", "remainder")]
    assert len(rows) == summary["n_samples"]
    errors = sum(int(row["label"]) != truth[int(row["index"])] for row in hand)
    assert 0.08 * len(hand) < errors < 0.35 * len(hand)
    # Hand labels that differ from the truth are mislabelled like any other.
    wrong = sum(int(row["label"]) != truth[int(row["index"])] for row in rows)
    assert summary["mislabelled"] == wrong == sum(item["mislabelled"] for item in per_class)
    shares = [item["mislabelled"] / item["n_samples"] for item in per_class]
    assert abs(summary["mislabelled_share_macro"] - sum(shares) / 10) < 1e-12
    worst = max(range(10), key=lambda digit: shares[digit])
    assert f"macro average {100 * sum(shares) / 10:16.2f} %  (worst: class {worst}," in done.stdout


def test_a_ratio_that_would_empty_a_class_warns_in_one_line(tmp_path: Path) -> None:
    with pytest.warns(DataWarning, match=r"no sample of class 5, 6, 7, 8, 9 \(counted") as caught:
        done = alframe(
            *SHORT,
            *["data.imbalance.kind=step", "data.imbalance.ratio=1000", "initial=stratified", "tracker=none"],
            "hydra.run.dir=trial",
            cwd=tmp_path,
        )
    assert done.returncode == 0, done.stderr
    line = warnings.formatwarning(caught[0].message, DataWarning, "file.py", 1)
    assert line.startswith("alframe: data.imbalance.ratio: no sample of class")
    rows = read_rows(tmp_path / "trial" / "labels.csv")
    seeds = [int(load_digits().target[int(row["index"])]) for row in rows if row["source"] == "seed"]
    counts = [seeds.count(digit) for digit in range(10)]
    assert counts[5:] == [1] * 5
    assert max(counts[:5]) - min(counts[:5]) <= 1


def test_a_matrix_for_another_number_of_classes_is_a_users_mistake(tmp_path: Path) -> None:
    done = alframe(*SHORT, "oracle=noisy", "oracle.rate=null", "oracle.confusion=[[1,0],[0,1]]", cwd=tmp_path)
    assert done.returncode == 2
    assert "oracle.confusion: expected 10 rows of 10 probabilities, one per class, got '2 x 2'" in done.stderr
