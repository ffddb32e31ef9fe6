"""Trials on CUDA; skipped without a CUDA device."""

import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from alframe.data import MappedBank, MappedImages
from alframe.trial.run import run_trial
from tests.support.helpers import SHORT, alframe, config_of

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


@pytest.fixture
def stored(tmp_path: Path) -> Any:
    """Ten thousand images in a file, mapped."""
    images = np.random.default_rng(0).integers(0, 256, (10_000, 28, 28), dtype=np.uint8)
    np.save(tmp_path / "images.npy", images)
    return np.load(tmp_path / "images.npy", mmap_mode="r")


@pytest.mark.parametrize("batch_size", [64, 512, 3000, 20_000])
def test_a_stream_through_two_pinned_buffers_overwrites_nothing(stored: Any, batch_size: int) -> None:
    """The consumer's stream is kept busy, so that copies wait while the reader would like to go on."""
    device = torch.device("cuda", 0)
    bank = MappedBank(MappedImages(stored), device).cropped(2)
    expected = torch.from_numpy(np.array(stored))[:, None, 2:-2, 2:-2].to(device)
    index_P = torch.randperm(len(bank))
    busy = torch.rand(4096, 4096, device=device)
    for n, image_B in enumerate(bank.stream(index_P, batch_size)):
        assert image_B.device == device
        wanted = index_P[n * batch_size :][:batch_size].to(device)
        assert torch.equal(image_B, expected[wanted])
    got = []
    for image_B in bank.stream(index_P, batch_size):
        busy = (busy @ busy).clamp(0, 1)
        got.append(image_B.clone())
    assert torch.equal(torch.cat(got), expected[index_P.to(device)])


def test_a_gather_goes_through_pinned_memory_to_the_device(stored: Any) -> None:
    bank = MappedBank(MappedImages(stored), torch.device("cuda", 0))
    expected = torch.from_numpy(np.array(stored))[:, None]
    index = torch.randint(0, len(bank), (200, 128))
    taken = [bank.take(index_B) for index_B in index]
    for index_B, image_B in zip(index, taken, strict=True):
        assert torch.equal(image_B.cpu(), expected[index_B])


def test_a_stream_on_cuda_that_stops_early_leaves_no_thread(stored: Any) -> None:
    stream = MappedBank(MappedImages(stored), torch.device("cuda", 0)).stream(torch.arange(10_000), 100)
    next(stream)
    stream.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("alframe-reader")]


def test_a_trial_from_a_file_runs_on_cuda_to_the_same_labels(tmp_path: Path) -> None:
    digits = load_digits()
    np.savez(tmp_path / "pool.npz", images=(digits.images * 15).astype(np.uint8), labels=digits.target)
    short = ["data=arrays", "data.path=pool.npz", *SHORT[1:]]
    for value in ("true", "false"):
        done = alframe(
            *short, f"data.in_memory={value}", "device=cuda", "engine=reference", "tracker=none",
            f"hydra.run.dir=in_memory_{value}",
            cwd=tmp_path,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    held, mapped = (tmp_path / f"in_memory_{value}" / "labels.csv" for value in ("true", "false"))
    assert held.read_text() == mapped.read_text()


@pytest.mark.parametrize("engine", ["reference", "graph"])
@pytest.mark.parametrize(
    "experiment", [["query.num=10"], ["experiment=published", "initial.share=0.1"]], ids=["fast", "published"]
)
def test_a_resumed_trial_ends_with_the_same_labels(
    engine: str, experiment: list[str], tmp_path: Path
) -> None:
    config = config_of(
        *experiment, *SHORT[:2], "stopping.min_rounds=1", "stopping.max_rounds=3",
        "device=cuda", f"engine={engine}", "tracker=none",
    )  # fmt: skip
    run_trial(config, tmp_path / "whole")
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            run_trial(config, tmp_path / "parts", stop_wanted=lambda: True)
    summary = run_trial(config, tmp_path / "parts")
    assert (summary.rounds, summary.engine) == (3, engine)
    whole, parts = (tmp_path / name / "labels.csv" for name in ("whole", "parts"))
    assert whole.read_text() == parts.read_text()
