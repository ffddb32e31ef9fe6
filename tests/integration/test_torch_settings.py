"""Settings of torch and of warnings that the caller has made do not change a trial."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch

from alframe import LabelResult, label

SETTINGS = {
    "initial.num": 20,
    "query.num": 20,
    "learner.steps": 3,
    "learner.steps_growth": 0,
    "learner.ensemble": 1,
    "precision": "float32",
    "stopping.min_rounds": 1,
    "stopping.max_rounds": 2,
    "remainder": "auto",
    "threads": 1,
}


def run(**settings: object) -> LabelResult:
    images = np.random.default_rng(0).integers(0, 255, (90, 8, 8), np.uint8)
    return label(images, np.arange(90) % 3, query="badge", settings={**SETTINGS, **settings})


@pytest.fixture(scope="module")
def plain() -> LabelResult:
    return run()


@contextmanager
def deterministic() -> Iterator[None]:
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)


@contextmanager
def default_device(name: str) -> Iterator[None]:
    torch.set_default_device(name)
    try:
        yield
    finally:
        torch.set_default_device(None)


@contextmanager
def warnings_as_errors() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.mark.parametrize(
    "setting",
    [
        torch.no_grad,
        deterministic,
        lambda: torch.autocast("cpu"),
        lambda: default_device("meta"),
        warnings_as_errors,
    ],
    ids=["no_grad", "deterministic", "autocast", "default device", "warnings"],
)
def test_the_labels_are_the_same(setting: Callable[[], AbstractContextManager], plain: LabelResult) -> None:
    with setting():
        result = run()
    assert (result.labels == plain.labels).all()
    np.testing.assert_array_equal(result.confidence, plain.confidence)


def test_a_module_that_changes_torch_when_it_is_imported(tmp_path: Path, monkeypatch, plain) -> None:
    text = "import torch\nfrom alframe.query import Badge\ntorch.set_default_dtype(torch.float64)\n"
    (tmp_path / "sets_float64.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    given = {"query._target_": "sets_float64.Badge", "trusted_packages": ["sets_float64"]}
    try:
        assert (run(**given).labels == plain.labels).all()
    finally:
        torch.set_default_dtype(torch.float32)
