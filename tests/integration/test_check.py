"""The check sample of whole trials: what is said where nobody knows the truth, and answers given in parts."""

import json
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from alframe import label
from tests.integration.test_people import answer
from tests.support.helpers import UNMEASURED, alframe, read_rows

HARD = {
    "initial.num": 60,
    "learner.steps": 12,
    "learner.batch_size": 16,
    "learner.pool_batch_size": 16,
    "network.widths": [4, 8],
    "auto_label.threshold": 0.12,
    "stopping.max_rounds": 1,
    "stopping.min_rounds": 1,
    "remainder": "auto",
    "threads": 1,
    "learner.scoring_batch_size": 256,
}


def test_auto_labels_of_hard_images_are_not_to_be_used_and_the_last_lines_say_so(capsys) -> None:
    generator = np.random.default_rng(0)
    truth = generator.integers(0, 10, 600)
    shades = generator.integers(0, 256, (10, 32, 32, 3))
    images = (0.05 * shades[truth] + 0.95 * generator.integers(0, 256, (600, 32, 32, 3))).astype(np.uint8)
    result = label(
        images,
        oracle=lambda index: truth[index],
        class_names=[f"kind {k}" for k in range(10)],
        console=True,
        auto_label="threshold",
        settings=HARD,
    )
    assert result.check is not None
    auto = result.labels[~result.is_hand] != truth[~result.is_hand]
    wrong = int(auto.sum()) + result.check["found_wrong"]
    assert wrong / result.check["n_auto"] > 0.05
    assert result.check["least_share"] <= wrong / result.check["n_auto"] <= result.check["most_share"]
    assert auto.sum() <= result.check["most_left"]
    *_, why, what, rounds, policy, hand = capsys.readouterr().out.splitlines()
    assert why.startswith("Do not use the auto-labels as they are: up to ")
    assert what == "What helps is another trial with one or more of:"
    assert "stopping.min_rounds=2 " in rounds
    assert policy.endswith("auto_label=checked")
    assert hand.endswith("auto_label=none remainder=hand")


def checked_labels(file: Path) -> int:
    """Return the answers of the check in labels.csv, 0 if there is none yet."""
    return sum(row["source"] == "audit" for row in read_rows(file)) if file.exists() else 0


def test_a_check_answered_in_parts_asks_the_samples_of_a_simulation_that_asks(tmp_path) -> None:
    bundle = load_digits()
    images, truth = (bundle.images[:200] * 15).astype(np.uint8), bundle.target[:200]
    np.savez(tmp_path / "mine.npz", images=images)
    np.savez(tmp_path / "known.npz", images=images, labels=truth)
    line = [
        *UNMEASURED,
        "data=arrays", "tracker=none", "auto_label=threshold", "learner.steps=6", "learner.batch_size=16",
        "learner.pool_batch_size=16", "query.num=15", "stopping.min_rounds=1", "stopping.max_rounds=1",
        "remainder=auto", "check.num=25",
    ]  # fmt: skip
    names = "data.class_names=[0,1,2,3,4,5,6,7,8,9]"
    people = [*line, "oracle=files", "data.path=mine.npz", names, "hydra.run.dir=people"]
    assert alframe(*line, "data.path=known.npz", "hydra.run.dir=simulated", cwd=tmp_path).returncode == 0
    for n_answers, n_before in ((None, 0), (None, 0), (9, 0), (7, 9), (None, 16)):
        done = alframe(*people, cwd=tmp_path)
        assert "waiting for" in done.stdout, done.stderr
        assert checked_labels(tmp_path / "people" / "labels.csv") == n_before
        answer(tmp_path / "people", truth, n=n_answers)
    assert "waiting for 9 labels for the check of the auto-labels: 16 of 25 are there" in done.stdout
    done = alframe(*people, cwd=tmp_path)
    summaries = [
        json.loads((tmp_path / name / "summary.json").read_text()) for name in ("people", "simulated")
    ]
    assert summaries[0]["check"] == summaries[1]["check"]
    assert summaries[0]["check"]["asked"] == 25
    labels = [(tmp_path / name / "labels.csv").read_bytes() for name in ("people", "simulated")]
    assert labels[0] == labels[1]
    assert checked_labels(tmp_path / "people" / "labels.csv") == 25
    assert "Do not use the auto-labels as they are" in done.stdout.splitlines()[-5]
