"""MNIST from torchvision's files, in an order drawn from the job's seed."""

import os

import numpy as np
from torchvision.datasets import MNIST

from peers.job import Data, Job


def mnist(job: Job) -> Data:
    """Return the job's images; the folder is ALFRAME_DATA_DIR, or `data`."""
    root = os.environ.get("ALFRAME_DATA_DIR", "data")
    train, test = (MNIST(root, train=part, download=False) for part in (True, False))
    order_N = np.random.default_rng(job.seed).permutation(len(train.data))[: job.n_images]
    return Data(
        images_N=train.data.numpy()[order_N],
        truth_N=train.targets.numpy()[order_N],
        test_images_T=test.data.numpy()[: job.n_test],
        test_truth_T=test.targets.numpy()[: job.n_test],
    )
