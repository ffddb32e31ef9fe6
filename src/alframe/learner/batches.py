"""Batches by index from an image bank: iterables that a Trainer takes in place of a DataLoader."""

from collections.abc import Iterator

import torch
from torch import Tensor

from alframe.data.bank import ImageBank


class IndexStream:
    """An endless stream of indices: one shuffled pass after another, cut where batches need it."""

    def __init__(self, index: Tensor, generator: torch.Generator) -> None:
        """Take the int64 indices to pass over and the CPU generator that shuffles them."""
        if len(index) == 0:
            raise ValueError("Expected at least one index, but got none.")
        self._index = index
        self._generator = generator
        self._left = index[:0]

    def take(self, n: int) -> Tensor:
        """Return the next n indices, int64."""
        while len(self._left) < n:
            order = torch.randperm(len(self._index), generator=self._generator)
            self._left = torch.cat([self._left, self._index[order]])
        taken, self._left = self._left[:n], self._left[n:]
        return taken


class EpochBatches:
    """(images, labels) once per sample and epoch, the last batch as small as it comes.

    Args:
        bank: the images. index_L: int64. label_L: int64.
        batch_size: samples per batch.
        generator: shuffles each epoch; None keeps the order.
    """

    def __init__(
        self,
        bank: ImageBank,
        index_L: Tensor,
        label_L: Tensor,
        batch_size: int,
        generator: torch.Generator | None = None,
    ) -> None:
        self._bank = bank
        self._index_L = index_L
        self._label_L = label_L
        self._batch_size = batch_size
        self._generator = generator

    def __len__(self) -> int:
        return -(-len(self._index_L) // self._batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        n, device = len(self._index_L), self._bank.device
        order_L = torch.arange(n)
        if self._generator is not None:
            order_L = torch.randperm(n, generator=self._generator)
        # One transfer an epoch; the batches are cut on the device.
        index_L = self._index_L[order_L].to(device)
        label_L = self._label_L[order_L].to(device)
        for index_B, label_B in zip(
            index_L.split(self._batch_size), label_L.split(self._batch_size), strict=True
        ):
            yield self._bank.take(index_B), label_B


class ConsistencyBatches:
    """Endless (labelled images, labels, pool images); the pool part is None when the pool is empty."""

    def __init__(
        self,
        bank: ImageBank,
        index_L: Tensor,
        label_L: Tensor,
        pool_P: Tensor,
        batch_size: int,
        pool_batch_size: int,
        generator: torch.Generator,
    ) -> None:
        self._bank = bank
        self._index_L = index_L
        self._label_L = label_L
        self._pool_P = pool_P
        self._batch_size = batch_size
        self._pool_batch_size = pool_batch_size if len(pool_P) else 0
        self._generator = generator

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor, Tensor | None]]:
        device = self._bank.device
        labelled = IndexStream(torch.arange(len(self._index_L)), self._generator)
        pool = IndexStream(self._pool_P, self._generator) if self._pool_batch_size else None
        while True:
            position_B = labelled.take(self._batch_size)
            image_B = self._bank.take(self._index_L[position_B].to(device))
            label_B = self._label_L[position_B].to(device)
            pool_image_B = None
            if pool is not None:
                pool_image_B = self._bank.take(pool.take(self._pool_batch_size).to(device))
            yield image_B, label_B, pool_image_B
