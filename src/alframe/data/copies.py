"""Exact copies of an image, so that people are asked about one of them first."""

import hashlib
import warnings
from typing import Any

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
        self._look_in: tuple[Bank, Tensor] | None = (bank, index_M)  # dropped after the search
        self._first_N: Tensor | None = None

    def __call__(self) -> Tensor | None:
        """Return first_N, int64: for each sample the first one with an equal image; None without copies."""
        if self._look_in is not None:
            (first_N, blank_N), n = find_copies(*self._look_in), len(self._look_in[1])
            n_copies, self._look_in = int((first_N != torch.arange(len(first_N))).sum()), None
            self._first_N = first_N if n_copies else None
            if n_copies >= MIN_TOLD_SHARE * n:
                n_blank = int(blank_N.sum())
                blank = f", and {n_blank:,} images have a single colour" if n_blank else ""
                warnings.warn(
                    f"data: {n_copies:,} of {n:,} images are exact copies of another one{blank}. "
                    "One of each group of copies is asked about, as long as other images are left.",
                    DataWarning,
                    stacklevel=2,
                )
        return self._first_N


def find_copies(bank: Bank, index_M: Tensor) -> tuple[Tensor, Tensor]:
    """Return first_N, as `Copies` does, and blank_N, bool: the images whose pixels are all equal.

    Args:
        bank: N images. index_M: int64, ascending; only these are compared.
    """
    digest_M, blank_M = np.empty(len(index_M), dtype=np.int64), torch.zeros(len(index_M), dtype=torch.bool)
    at = 0
    for image_B in bank.stream(index_M, BATCH):
        channels = image_B.flatten(2)
        if channels.shape[2] > 1:  # not a vector
            blank_M[at : at + len(image_B)] = (channels.amax(2) == channels.amin(2)).all(dim=1).cpu()
        for row in image_B.cpu().contiguous().flatten(1).numpy():
            content = hashlib.blake2b(row.data, digest_size=8).digest()
            digest_M[at] = int.from_bytes(content, "little", signed=True)
            at += 1
    first_N = torch.arange(len(bank))
    shared_S = torch.from_numpy(_is_shared(digest_M)).nonzero().flatten()
    digest_G, group_S = torch.from_numpy(digest_M)[shared_S].unique(return_inverse=True)
    first_G = torch.full_like(digest_G, len(bank)).scatter_reduce(0, group_S, index_M[shared_S], "amin")
    first_N[index_M[shared_S]] = first_G[group_S]
    blank_N = torch.zeros(len(bank), dtype=torch.bool)
    blank_N[index_M] = blank_M
    return first_N, blank_N


def _is_shared(digest_M: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return (M,) bool, True for a digest that another sample has too; only one sorted copy is in memory."""
    sorted_M = np.sort(digest_M)
    repeated_R = sorted_M[1:][sorted_M[1:] == sorted_M[:-1]]
    del sorted_M
    if len(repeated_R) == 0:
        return np.zeros(len(digest_M), dtype=bool)
    return np.asarray(repeated_R[np.searchsorted(repeated_R[:-1], digest_M)] == digest_M)
