"""Exact copies of an image, so that people are asked about one of them first."""

import hashlib
import warnings

import numpy as np
import torch
from torch import Tensor

from alframe.core.errors import DataWarning
from alframe.data.image_bank import Bank

BATCH = 1024  # images that are read at once
MIN_TOLD_SHARE = 0.01  # of the samples: fewer copies are not worth a line


class Copies:
    """The groups of equal images of a data set, found when they are first wanted.

    Args:
        bank: the images. index_M: int64, the samples that take part.
    """

    def __init__(self, bank: Bank, index_M: Tensor) -> None:
        self._bank, self._index_M = bank, index_M
        self._found: tuple[Tensor | None] | None = None

    def __call__(self) -> Tensor | None:
        """Return first_N, int64: for each sample the first one with an equal image; None without copies."""
        if self._found is None:
            first_N, n_blank = find_copies(self._bank, self._index_M)
            n_copies, n = int((first_N != torch.arange(len(first_N))).sum()), len(self._index_M)
            self._found = (first_N if n_copies else None,)
            if n_copies >= MIN_TOLD_SHARE * n:
                blank = f", and {n_blank:,} images have a single colour" if n_blank else ""
                warnings.warn(
                    f"data: {n_copies:,} of {n:,} images are exact copies of another one{blank}. "
                    "One of each group of copies is asked about, as long as other images are left.",
                    DataWarning,
                    stacklevel=2,
                )
        return self._found[0]


def find_copies(bank: Bank, index_M: Tensor) -> tuple[Tensor, int]:
    """Return first_N, as `Copies` does, and the number of images whose pixels are all equal.

    Args:
        bank: N images. index_M: int64, ascending; only these are compared.
    """
    digest_M, n_blank = np.empty(len(index_M), dtype=np.int64), 0
    at = 0
    for image_B in bank.stream(index_M, BATCH):
        channels = image_B.flatten(2)
        if channels.shape[2] > 1:  # not a vector
            n_blank += int((channels.amax(2) == channels.amin(2)).all(dim=1).sum())
        for row in image_B.cpu().contiguous().flatten(1).numpy():
            content = hashlib.blake2b(row.data, digest_size=8).digest()
            digest_M[at] = int.from_bytes(content, "little", signed=True)
            at += 1
    digest_G, group_M = torch.from_numpy(digest_M).unique(return_inverse=True)
    first_G = torch.full_like(digest_G, len(bank)).scatter_reduce(0, group_M, index_M, "amin")
    first_N = torch.arange(len(bank))
    first_N[index_M] = first_G[group_M]
    return first_N, n_blank
