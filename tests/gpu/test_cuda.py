"""The same trial on CUDA; skipped where there is none."""

import json
from pathlib import Path

import pytest
import torch

from tests.helpers import SHORT, alframe

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]


def test_a_trial_runs_on_cuda_twice_to_the_same_labels(tmp_path: Path) -> None:
    for name in ("a", "b"):
        done = alframe(*SHORT, "device=cuda", "tracker=none", f"hydra.run.dir={name}", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "a" / "labels.csv").read_text() == (tmp_path / "b" / "labels.csv").read_text()
    summary = json.loads((tmp_path / "a" / "summary.json").read_text())
    assert summary["device"] == "cuda:0"
    assert summary["precision"] == "bfloat16"


def test_the_published_recipe_runs_on_cuda(tmp_path: Path) -> None:
    done = alframe(
        "experiment=published", "data=digits", "initial.share=0.1", "stopping.max_rounds=1", "device=cuda",
        "tracker=none", "hydra.run.dir=trial",
        cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
