"""A fingerprint of a data set, to check that a resumed trial continues with the same data."""

import zlib

import numpy as np
import torch
from torch import Tensor

from alframe.data import DecodedImages, ImageDataset
from alframe.data.unreadable_files import n_bytes

_N_IMAGES = 2048  # images, evenly spread over the data set, that the fingerprint uses


def fingerprint(dataset: ImageDataset, member_N: Tensor) -> str:
    """Return a fingerprint of a data set: of its sizes, its classes, its truth and some of its images.

    Of image files it takes the names, and the bytes of some of them instead of the pixels.

    Args:
        dataset: N images. member_N: (N,) bool, the samples that are part of the trial.
    """
    n = len(dataset)
    some = torch.from_numpy(np.linspace(0, n - 1, min(n, _N_IMAGES)).astype(np.int64))
    if isinstance(dataset.images_N, DecodedImages):
        sizes = [n_bytes(dataset.images_N.paths[int(index)]) for index in some]
        value = zlib.crc32(repr((dataset.files_N, sizes)).encode("utf-8", "backslashreplace"))
    else:
        images = torch.stack([torch.as_tensor(dataset.images_N[int(index)]) for index in some])
        value = zlib.crc32(images.contiguous().numpy().data)
    value = zlib.crc32(member_N.numpy().data, value)
    if dataset.truth_N is not None:
        value = zlib.crc32(dataset.truth_N.contiguous().numpy().data, value)
    shape = "x".join(map(str, dataset.images_N.shape))
    return f"{shape} {dataset.n_classes} {value:08x}"
