"""A pool that stays in its file: the same trial, and files that are refused before its first round."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits

from tests.support.helpers import UNMEASURED, alframe, read_rows

SHORT = [
    *UNMEASURED,
    "data=arrays",
    "tracker=none",
    "stopping.min_rounds=1",
    "stopping.max_rounds=1",
    "query.num=10",
]


@pytest.fixture
def bundle() -> dict[str, Any]:
    """400 digits to label and 100 to test."""
    digits = load_digits()
    images = np.round(digits.images * (255 / 16)).astype(np.uint8)
    return {
        "images": images[:400],
        "labels": digits.target[:400],
        "test_images": images[400:500],
        "test_labels": digits.target[400:500],
    }


def save(folder: Path, bundle: dict[str, Any]) -> None:
    folder.mkdir()
    for name, array in bundle.items():
        np.save(folder / f"{name}.npy", array)


@pytest.mark.parametrize(
    "more",
    [["learner.steps=15", "learner.crop=1"], ["learner=published", "learner.max_epochs=2", "initial.num=60"]],
)
def test_the_same_trial_from_the_file_and_from_memory(
    tmp_path: Path, bundle: dict[str, Any], more: list[str]
) -> None:
    save(tmp_path / "pool", bundle)
    np.savez(tmp_path / "pool.npz", **bundle)
    more = [*more, "data.limit=300"]
    runs = {"memory": ("pool", "true"), "folder": ("pool", "false"), "npz": ("pool.npz", "false")}
    for name, (path, in_memory) in runs.items():
        done = alframe(
            *SHORT, *more, f"data.path={path}", f"data.in_memory={in_memory}", f"hydra.run.dir={name}",
            cwd=tmp_path,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    labels = {name: (tmp_path / name / "labels.csv").read_text() for name in runs}
    assert labels["folder"] == labels["npz"] == labels["memory"]
    accuracies = {
        name: [row["test_accuracy"] for row in read_rows(tmp_path / name / "rounds.csv")] for name in runs
    }
    assert accuracies["folder"] == accuracies["npz"] == accuracies["memory"]
    assert accuracies["folder"][1]


@pytest.mark.parametrize(
    ("wrong", "in_memory"),
    [
        *itertools.product(["cut off", "labels"], ["true", "false"]),
        ("floats", "false"),  # in memory they are scaled
    ],
)
def test_a_pool_that_cannot_be_labelled_is_refused_before_the_first_round(
    tmp_path: Path, bundle: dict[str, Any], wrong: str, in_memory: str
) -> None:
    if wrong == "floats":
        bundle["images"] = bundle["images"] / np.float32(255)
    if wrong == "labels":
        bundle["labels"] = bundle["labels"][:-1]
    save(tmp_path / "pool", bundle)
    if wrong == "cut off":
        file = tmp_path / "pool" / "images.npy"
        file.write_bytes(file.read_bytes()[:-1])
    done = alframe(
        *SHORT, "data.path=pool", f"data.in_memory={in_memory}", "hydra.run.dir=trial", cwd=tmp_path
    )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "trial" / "rounds.csv").exists()


def test_in_memory_is_true_or_false(tmp_path: Path) -> None:
    done = alframe(*SHORT, "data.path=pool", "data.in_memory=perhaps", cwd=tmp_path)
    assert done.returncode == 2
    assert "data.in_memory: expected true or false, got 'perhaps'" in done.stderr
