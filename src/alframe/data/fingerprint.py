"""A fingerprint of a data set, which tells whether a trial goes on with the data it began with."""

import zlib

import numpy as np
import torch
from torch import Tensor

from alframe.data import ImageDataset

_LOOKED_AT = 2048  # images of a data set, evenly spread, that its fingerprint is taken of


def fingerprint(dataset: ImageDataset, member_N: Tensor) -> str:
    """Return what stands for a data set: its sizes, its classes, its truth and some of its images."""
    n = len(dataset)
    some = torch.from_numpy(np.linspace(0, n - 1, min(n, _LOOKED_AT)).astype(np.int64))
    images = torch.stack([torch.as_tensor(dataset.images_N[int(index)]) for index in some])
    value = zlib.crc32(images.contiguous().numpy().tobytes())
    value = zlib.crc32(member_N.numpy().tobytes(), value)
    if dataset.truth_N is not None:
        value = zlib.crc32(dataset.truth_N.numpy().tobytes(), value)
    shape = "x".join(map(str, dataset.images_N.shape))
    return f"{shape} {dataset.n_classes} {value:08x}"
