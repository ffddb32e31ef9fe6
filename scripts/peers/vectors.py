"""Write the images and vectors of a data set for the jobs on frozen vectors.

    python -m peers.vectors digits 1500 FOLDER
    python -m peers.vectors cifar10 10000 FOLDER [key=value ...]

DATA is `digits`, whose vectors are the pixels, or `cifar10`, whose vectors are those of EfficientNet-Lite0 in
alframe's store: what the store lacks is made. The overrides are those of `alframe-embed`.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Part = tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.float32]]  # images, classes, vectors


def main(data: str, n: str, folder: str, *overrides: str) -> None:
    """Write images.npz, vectors.npy and test_vectors.npy into the folder."""
    Path(folder).mkdir(parents=True)
    if data == "digits":
        write_digits(int(n), Path(folder))
    else:
        write_encoded(int(n), Path(folder), list(overrides))


def write_digits(n: int, folder: Path) -> None:
    """Write scikit-learn's digits: the first n are the data set, the others its test set."""
    from sklearn.datasets import load_digits

    found = load_digits()
    pixels_N, truth_N = found.images.astype(np.uint8), found.target.astype(np.int64)
    vectors_ND = found.data.astype(np.float32)
    write(folder, (pixels_N[:n], truth_N[:n], vectors_ND[:n]), (pixels_N[n:], truth_N[n:], vectors_ND[n:]))


def write_encoded(n: int, folder: Path, overrides: list[str]) -> None:
    """Write n images with the encoder's vectors, and the test set; the overrides name the data set."""
    from alframe.cli.embed_job import Work
    from alframe.config.compose import composed

    limits = ["encoder=efficientnet_lite0", f"data.limit={n}"]
    work = Work.of({**composed([*overrides, *limits]), "shard": None})
    filled, filled_test = work.fill(lambda *_: None)
    dataset, index_T = work.dataset, torch.arange(len(filled_test.row_Q))
    parts = (
        part_of(filled, dataset.images_N, dataset.truth_N, work.index),
        part_of(filled_test, dataset.test_images_T, dataset.test_truth_T, index_T),
    )
    write(folder, *parts)


def part_of(filled: Any, images_N: Any, truth_N: Any, index: Tensor) -> Part:
    """Return the images of an index with their classes and the vectors of a filled store."""
    vectors = filled.store.vectors(filled.row_Q).take(torch.arange(len(index)))
    return images_N[index].numpy(), truth_N[index].numpy(), vectors.float().numpy()


def write(folder: Path, part: Part, test_part: Part) -> None:
    """Write the files of a data set and of its test set."""
    images_N, truth_N, vectors_ND = part
    test_images_T, test_truth_T, test_vectors_TD = test_part
    np.savez(
        folder / "images.npz",
        images_N=images_N,
        truth_N=truth_N,
        test_images_T=test_images_T,
        test_truth_T=test_truth_T,
    )
    np.save(folder / "vectors.npy", vectors_ND)
    np.save(folder / "test_vectors.npy", test_vectors_TD)


if __name__ == "__main__":
    main(*sys.argv[1:])
