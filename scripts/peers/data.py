"""The data of a job: MNIST from torchvision's files, or vectors that `vectors.py` has written."""

import os
from pathlib import Path

import numpy as np
from torchvision.datasets import MNIST

from peers.job import Data, Job


def data_of(job: Job, folder: Path) -> Data:
    """Return the job's data.

    Args:
        job: what is wanted. folder: of the files of `vectors.py`.
    """
    return mnist(job) if job.data == "mnist" else with_vectors(job, folder)


def mnist(job: Job) -> Data:
    """Return the job's images in an order drawn from its seed; the folder is ALFRAME_DATA_DIR, or `data`."""
    root = os.environ.get("ALFRAME_DATA_DIR", "data")
    train, test = (MNIST(root, train=part, download=False) for part in (True, False))
    order_N = np.random.default_rng(job.seed).permutation(len(train.data))[: job.n_images]
    return Data(
        images_N=train.data.numpy()[order_N],
        truth_N=train.targets.numpy()[order_N],
        test_images_T=test.data.numpy()[: job.n_test],
        test_truth_T=test.targets.numpy()[: job.n_test],
    )


def with_vectors(job: Job, folder: Path) -> Data:
    """Return the images that `vectors.py` has written, and the files of their vectors."""
    files = vector_folder(job, folder)
    with np.load(files / "images.npz") as arrays:
        return Data(
            **{name: arrays[name] for name in arrays.files},
            vectors=files / "vectors.npy",
            test_vectors=files / "test_vectors.npy",
        )


def vector_folder(job: Job, folder: Path) -> Path:
    """Return the folder of a job's vectors."""
    return folder / f"{job.data}_{job.n_images}"
