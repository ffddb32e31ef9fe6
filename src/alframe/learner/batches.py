"""Batches by index from an image bank: iterables that a Trainer takes in place of a DataLoader.

Random choices make a table of integers, one row per step. A row is then loaded as the batch for
`training_step`. All engines use the same tables and differ only in where they load.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from alframe.data.image_bank import Bank

MASKED = -100  # the label of a padding sample, which `F.cross_entropy` ignores


@dataclass(frozen=True, eq=False)
class BatchTable:
    """The batches of S steps as integers.

    Attributes:
        columns: tensors (S, B) int64, CPU, each with its own B; the label column of a padded row ends in
            `MASKED`.
        last: number of samples in the last row without its padding.
    """

    columns: tuple[Tensor, ...]
    last: int

    def __len__(self) -> int:
        return len(self.columns[0])

    def first(self, n: int) -> "BatchTable":
        """Return the first n rows."""
        last = self.last if n >= len(self) else self.columns[0].shape[1]
        return BatchTable(tuple(column[:n] for column in self.columns), last)

    def parts(self, n_rows: int) -> "Iterator[BatchTable]":
        """Yield the table in parts of at most `n_rows` rows."""
        pieces = zip(*(column.split(n_rows) for column in self.columns), strict=True)
        for start, columns in zip(range(0, len(self), n_rows), pieces, strict=True):
            whole = start + n_rows < len(self)
            yield BatchTable(columns, columns[0].shape[1] if whole else self.last)


@runtime_checkable
class TabledBatches(Protocol):
    """Batches that are drawn as tables first and loaded row by row."""

    bank: Bank
    batch_size: int
    generator: torch.Generator | None

    def tables(self) -> Iterator[BatchTable]:
        """Yield the tables of an epoch; endless if the batches are endless."""
        ...

    def load(self, *row: Tensor) -> Any:
        """Return the batch of a row; the row's tensors are on the bank's `index_device`."""
        ...

    def __iter__(self) -> Iterator[Any]:
        """Yield the loaded batches of an epoch, the last one without its padding."""
        ...


class IndexStream:
    """An endless stream of indices: one shuffled pass after another; a batch may span two passes."""

    def __init__(self, index: Tensor, generator: torch.Generator) -> None:
        """Take the int64 indices and the CPU generator that shuffles them."""
        if len(index) == 0:
            raise ValueError("Expected at least one index, but got none.")
        self._index = index
        self._generator = generator
        self._left = torch.empty(0, dtype=torch.int64)  # positions in the index

    def take(self, n: int) -> Tensor:
        """Return the next n indices, int64."""
        while len(self._left) < n:
            order = torch.randperm(len(self._index), generator=self._generator)
            self._left = torch.cat([self._left, order]) if len(self._left) else order
        taken, self._left = self._left[:n], self._left[n:]
        return self._index[taken]


@dataclass(eq=False)
class EpochBatches:
    """(images, labels), each sample once per epoch; the last batch has the remaining samples.

    Attributes:
        bank: the images. index_L: int64. label_L: int64.
        batch_size: samples per batch.
        generator: shuffles each epoch; None keeps the order.
    """

    bank: Bank
    index_L: Tensor
    label_L: Tensor
    batch_size: int
    generator: torch.Generator | None = None

    def __len__(self) -> int:
        return -(-len(self.index_L) // self.batch_size)

    def tables(self) -> Iterator[BatchTable]:
        """Yield the one table of an epoch, the last row padded."""
        n, n_rows = len(self.index_L), len(self)
        order_L = torch.arange(n)
        if self.generator is not None:
            order_L = torch.randperm(n, generator=self.generator)
        padding = n_rows * self.batch_size - n
        index = torch.cat([self.index_L[order_L], self.index_L[order_L[:1]].expand(padding)])
        label = torch.cat([self.label_L[order_L], torch.full((padding,), MASKED)])
        columns = index.view(n_rows, self.batch_size), label.view(n_rows, self.batch_size)
        yield BatchTable(columns, last=self.batch_size - padding)

    def load(self, *row: Tensor) -> tuple[Tensor, Tensor]:
        """Return (images, labels)."""
        index_B, label_B = row
        return self.bank.take(index_B), label_B.to(self.bank.device)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for table in self.tables():
            # One transfer an epoch; the batches are cut on the device.
            rows = list(zip(*(column.to(self.bank.index_device) for column in table.columns), strict=True))
            for index_B, label_B in rows[:-1]:
                yield self.load(index_B, label_B)
            yield self.load(*(column_B[: table.last] for column_B in rows[-1]))


ROWS = 64  # steps of `ConsistencyBatches` that are drawn and moved at once


@dataclass(eq=False)
class ConsistencyBatches:
    """Endless (labelled images, labels, pool images); the pool part is None when the pool is empty.

    With `with_index` a batch has a fourth part: the indices of the pool images, or None.
    """

    bank: Bank
    index_L: Tensor
    label_L: Tensor
    pool_P: Tensor
    batch_size: int
    pool_batch_size: int
    generator: torch.Generator
    with_index: bool = False

    def tables(self) -> Iterator[BatchTable]:
        """Yield endless tables: labelled indices, labels and, unless the pool is empty, pool indices."""
        rows = self._rows()
        while True:
            columns = zip(*islice(rows, ROWS), strict=True)
            yield BatchTable(tuple(torch.stack(column) for column in columns), last=self.batch_size)

    def load(self, *row: Tensor) -> tuple[Tensor | None, ...]:
        """Return (labelled images, labels, pool images or None), and with `with_index` the pool indices."""
        device = self.bank.device
        index_B, label_B, *pool = row
        parts = [self.bank.take(index_B), label_B.to(device), self.bank.take(pool[0]) if pool else None]
        if self.with_index:
            parts.append(pool[0].to(device) if pool else None)
        return tuple(parts)

    def __iter__(self) -> Iterator[tuple[Tensor | None, ...]]:
        for table in self.tables():
            columns = [column.to(self.bank.index_device) for column in table.columns]
            for row in zip(*columns, strict=True):
                yield self.load(*row)

    def _rows(self) -> Iterator[tuple[Tensor, ...]]:
        labelled = IndexStream(torch.arange(len(self.index_L)), self.generator)
        with_pool = self.pool_batch_size and len(self.pool_P)
        pool = IndexStream(self.pool_P, self.generator) if with_pool else None
        while True:
            position_B = labelled.take(self.batch_size)
            row = self.index_L[position_B], self.label_L[position_B]
            yield row if pool is None else (*row, pool.take(self.pool_batch_size))
