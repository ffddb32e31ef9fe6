"""scripts/compare.py on the trials of a tiny sweep."""

import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import fmean

import pytest

from tests.helpers import SHORT, alframe

SCRIPT = Path(__file__).parents[2] / "scripts" / "compare.py"


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two strategies and two seeds on 200 digits."""
    folder = tmp_path_factory.mktemp("compare")
    done = alframe(
        "-m", *SHORT, "data.limit=200", "learner.steps=5", "tracker=none", "query=random,margin", "seed=1,2",
        "hydra.sweep.dir=sweep", cwd=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder / "sweep"


def compare(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def test_the_tables_hold_what_the_trials_came_to(sweep: Path, tmp_path: Path) -> None:
    done = compare(sweep, "--by", "query", "--json", tmp_path / "out.json")
    assert done.returncode == 0, done.stderr
    assert "Paired differences from random" in done.stdout
    assert "Warning: fewer than 5 seeds for random, margin." in done.stdout
    assert done.stdout.count("| margin |") == 2
    content = json.loads((tmp_path / "out.json").read_text())
    assert content["seeds"] == {"random": [1, 2], "margin": [1, 2]}
    summaries = [json.loads((sweep / name / "summary.json").read_text()) for name in "0123"]
    for key, scale in (("hand_labels", 1), ("mislabelled_share", 100), ("coverage", 100)):
        one, other = (fmean(scale * each[key] for each in half) for half in (summaries[:2], summaries[2:]))
        assert content["means"]["random"][key]["mean"] == pytest.approx(one)
        assert content["differences"]["margin"][key]["difference"]["mean"] == pytest.approx(other - one)
    # scikit-learn's digits have no test set.
    assert content["means"]["random"]["test_accuracy"] is None
    assert content["ranges"]["accuracy"] is None
    assert "No AUBC of test accuracy" in done.stdout


def test_a_mistake_is_told_in_one_line(sweep: Path, tmp_path: Path) -> None:
    for arguments, said in (
        ([tmp_path], "expected finished trials"),
        ([sweep, "--against", "badge"], "--against: expected one of random, margin, got badge."),
        ([sweep, "--by", "learner"], "got two of seed 1 for fast"),
    ):
        done = compare(*arguments)
        assert done.returncode == 2
        assert said in done.stderr
        assert done.stderr.count("\n") == 1
