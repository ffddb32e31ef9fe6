"""CIFAR-10 as sprites and Fashion-MNIST as Debian packs it; with the real files where they are."""

import gzip

import numpy as np
import pytest
from PIL import Image
from torchvision.datasets import CIFAR10, FashionMNIST

from alframe.core.errors import DataError
from alframe.data import other_layouts, torchvision_dataset


@pytest.fixture
def sprites(tmp_path):
    """The first and second sprite of three images each, one sprite of two test images, and their labels."""
    folder, generator = tmp_path / "cifar10", np.random.default_rng(0)
    folder.mkdir()
    images = {"train_00": 3, "train_01": 3, "test_00": 2}
    images = {name: generator.integers(0, 256, (n, 1024, 3), dtype=np.uint8) for name, n in images.items()}
    for name, rows in images.items():
        Image.fromarray(rows).save(folder / f"{name}.png")
    (folder / "train_labels.txt").write_text("6\n9\n0\n1\n1\n2\n7\n")  # of more sprites than are there
    (folder / "test_labels.txt").write_text("3\n8\n")
    return images


def cifar10(root):
    return torchvision_dataset(name="cifar10", dataset=CIFAR10, data_dir=str(root), download=False)


def fashion(root):
    return torchvision_dataset(name="fashion_mnist", dataset=FashionMNIST, data_dir=str(root), download=False)


def test_sprites_are_read_where_the_pickles_are_not(tmp_path, sprites):
    data = cifar10(tmp_path)
    assert data.images_N.shape == (6, 3, 32, 32)
    assert (data.images_N[4].permute(1, 2, 0).numpy() == sprites["train_01"][1].reshape(32, 32, 3)).all()
    assert data.truth_N.tolist() == [6, 9, 0, 1, 1, 2]
    assert data.test_truth_T.tolist() == [3, 8]
    assert data.class_names[6] == "frog"


@pytest.mark.parametrize("gone", ["train_00.png", "test_00.png", "test_labels.txt"])
def test_missing_sprites_are_named(tmp_path, sprites, gone):
    (tmp_path / "cifar10" / gone).unlink()
    with pytest.raises(DataError, match=rf"data_dir: expected the files of cifar10 .*{gone[:5]}"):
        cifar10(tmp_path)


def write_debian(folder, n=4):
    folder.mkdir()
    images = np.random.default_rng(n).integers(0, 256, (n, 28, 28), dtype=np.uint8)
    for split in ("train", "t10k"):
        for kind, array in (("images-idx3", images), ("labels-idx1", np.arange(n, dtype=np.uint8))):
            header = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
            (folder / f"{split}-{kind}-ubyte.gz").write_bytes(gzip.compress(header + array.tobytes()))
    return images


@pytest.mark.parametrize("installed", [True, False])
def test_fashion_mnist_is_found_as_debian_packs_it(tmp_path, monkeypatch, installed):
    folder = tmp_path / ("system" if installed else "fashion-mnist")
    monkeypatch.setattr(other_layouts, "DEBIAN", folder if installed else tmp_path / "none")
    images = write_debian(folder)
    data = fashion(tmp_path)
    assert (data.images_N[:, 0].numpy() == images).all()
    assert data.truth_N.tolist() == [0, 1, 2, 3]
    assert data.class_names[3] == "Dress"
    (folder / "train-images-idx3-ubyte.gz").write_bytes(b"\x1f\x8b cut")
    with pytest.raises(DataError, match=r"expected the files of fashion_mnist .* to be whole"):
        fashion(tmp_path)


@pytest.mark.cifar10
def test_the_published_images_of_cifar10_are_read(cifar10_dir):
    data = cifar10(cifar10_dir)
    assert len(data) == 50_000
    assert data.truth_N.bincount().tolist() == [5000] * 10
    assert data.truth_N[:6].tolist() == [6, 9, 9, 4, 1, 1]
    assert data.images_N[0, :, 0, 0].tolist() == [59, 62, 63]


@pytest.mark.skipif(
    not other_layouts.DEBIAN.is_dir(), reason="Debian's dataset-fashion-mnist is not installed"
)
def test_debians_fashion_mnist_is_read(tmp_path):
    data = fashion(tmp_path)
    assert data.images_N.shape == (60_000, 1, 28, 28)
    assert data.truth_N.bincount().tolist() == [6000] * 10
    assert len(data.test_images_T) == 10_000
