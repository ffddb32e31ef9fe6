"""`make run` if MNIST is not available."""

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "scripts" / "run.py"


def test_without_mnist_the_digits_are_labelled_and_the_reason_is_printed(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "data.download=false", "data_dir=empty", "tracker=none",
         "learner.steps=5", "stopping.max_rounds=1", "hydra.run.dir=trial"],
        cwd=tmp_path, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("MNIST is not available: data_dir: expected mnist under")
    assert "Labelling scikit-learn's 1,797 digits instead." in done.stdout
    assert len((tmp_path / "trial" / "labels.csv").read_text().splitlines()) == 1 + 1797


def test_the_command_reports_a_mistake(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "seed=-1", "data_dir=empty", "data.download=false"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "seed: expected a whole number of at least 0, got -1" in done.stderr
