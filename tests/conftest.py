"""Fixtures for all tests: no network, a quiet W&B, data where it is, small fakes of the components."""

import getpass
import os
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path

# The test processes share the cores. With the number fixed, no label depends on what else runs here.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch
from hypothesis import settings

from alframe.data import ImageDataset
from alframe.learner.compute.device import Compute

# It runs in an environment with label-studio-sdk: make test-label-studio.
collect_ignore = ["support/label_studio_checks.py"]

# What probes find is kept between test runs, apart from what the user's own trials have found.
os.environ["ALFRAME_CACHE_DIR"] = f"{tempfile.gettempdir()}/alframe-tests-{getpass.getuser()}"

# Generated inputs are the same in each run. HYPOTHESIS_PROFILE=default draws new ones.
settings.register_profile("same", derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip long tests, unless they are what is asked for: make test-long."""
    if config.getoption("markexpr"):
        return
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker(pytest.mark.skip(reason="long: make test-long runs it"))


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse connections to anywhere but this machine, and keep W&B silent and offline."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        host = address[0] if isinstance(address, tuple) else "local"
        if host not in ("127.0.0.1", "::1", "localhost", "local"):
            raise OSError(f"a test tried to reach {host}")
        connect(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", guarded)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.delenv("WANDB_API_KEY", raising=False)


@pytest.fixture(scope="session")
def mnist_dir() -> Path:
    """The folder that holds MNIST/raw; skips the test where there is none."""
    root = Path(os.environ.get("ALFRAME_DATA_DIR", "data"))
    if not (root / "MNIST" / "raw" / "train-images-idx3-ubyte").is_file():
        pytest.skip("MNIST is not in ALFRAME_DATA_DIR")
    return root


@pytest.fixture(scope="session")
def cifar10_dir() -> Path:
    """The folder that holds CIFAR-10 in one of its forms; skips the test where there is none."""
    root = Path(os.environ.get("ALFRAME_DATA_DIR", "data"))
    if not any(
        (root / file).is_file() for file in ("cifar10/train_49.png", "cifar-10-batches-py/data_batch_5")
    ):
        pytest.skip("CIFAR-10 is not in ALFRAME_DATA_DIR")
    return root


@pytest.fixture
def cpu() -> Compute:
    """The CPU in float32."""
    return Compute(device=torch.device("cpu"), precision="float32")


@pytest.fixture
def make_dataset() -> Callable[..., ImageDataset]:
    """Makes a data set of noise images whose class is written into a bright square: easy to learn."""

    def make(n: int = 60, n_classes: int = 3, side: int = 8, seed: int = 0) -> ImageDataset:
        generator = torch.Generator().manual_seed(seed)
        images = torch.randint(0, 60, (n, side, side), generator=generator, dtype=torch.uint8)
        labels = torch.arange(n) % n_classes
        for index, label in enumerate(labels.tolist()):
            row, column = divmod(label, side // 4)
            images[index, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4] = 250
        return ImageDataset.from_arrays("squares", images, labels)

    return make


@pytest.fixture
def in_tmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The test's own current directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
