"""The vectors of all samples: in memory, or in files of which a window is resident.

Axes: N the samples, B a batch, D the features.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from alframe.core.errors import DataError
from alframe.data.decoded import IN_MEMORY_BYTES
from alframe.data.mapped_rows import MappedRows
from alframe.embedding.segment import Array

BLOCK = 8192  # vectors that are read at a time


def fits_memory(n: int, n_features: int) -> bool:
    """Return True if n vectors are held in memory: at most 1 GiB as float16."""
    return 2 * n * n_features <= IN_MEMORY_BYTES


class Vectors:
    """(N, D) float16, read by index.

    Attributes:
        shape: (N, D, 1, 1), the shape of images of one pixel, so that a bank serves both.
        table: (N, D) float16 on the CPU if the vectors are in memory, else None.
    """

    dtype = torch.float16

    def __init__(
        self,
        stored: Array | Sequence[Array],
        row_N: Tensor | None = None,
        *,
        named: Callable[[int], str] | None = None,
    ) -> None:
        """Read the vectors into memory if they take at most 1 GiB.

        Args:
            stored: (n, D) float16, float32 or float64 in either byte order, a memory map or an array in
                memory; or several of them, whose rows are counted as if they were one array.
            row_N: (N,) int64, the row of each sample, -1 for a vector of zeros; None for all rows in order.
            named: returns a row's name for the error. Each row is checked when it is first read. None if
                all values are known to be finite numbers of float16.

        Raises:
            DataError: a vector that is read has a value that is not finite, here or later.
        """
        parts = [stored] if isinstance(stored, np.ndarray) else list(stored)
        self._parts = [MappedRows(part) if isinstance(part, np.memmap) else part for part in parts]
        self._ends = torch.tensor([len(part) for part in parts]).cumsum(0)
        self._row_N, self._named = row_N, named
        n = int(self._ends[-1]) if row_N is None else len(row_N)
        self.shape = (n, int(parts[0].shape[1]), 1, 1)
        self._unchecked_N = torch.full((n if named else 0,), True)
        self.table: Tensor | None = None
        if fits_memory(n, self.n_features):
            self.table = self._read_all()

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def n_features(self) -> int:
        """Number of features, D."""
        return self.shape[1]

    @property
    def in_memory(self) -> bool:
        """True if all vectors are in memory."""
        return self.table is not None

    def take(self, index_B: Tensor) -> Tensor:
        """Return (B, D) float16 on the CPU: the vectors of `index_B` (int64, CPU)."""
        if self.table is not None:
            return self.table.index_select(0, index_B)
        out_B = torch.empty(len(index_B), self.n_features, dtype=self.dtype)
        self.read_into(out_B, index_B)
        return out_B

    def read_into(self, out_B: Tensor, index_B: Tensor, pixels: int = 0) -> None:
        """Write the vectors of `index_B` (int64, CPU) into `out_B`, (B, D) or (B, D, 1, 1) float16."""
        flat_B = out_B.view(len(index_B), self.n_features)
        if self.table is not None:
            torch.index_select(self.table, 0, index_B, out=flat_B)
            return
        row_B = index_B if self._row_N is None else self._row_N[index_B]
        part_B = torch.bucketize(row_B, self._ends, right=True)
        for k, part in enumerate(self._parts):
            at = ((part_B == k) & (row_B >= 0)).nonzero().flatten()
            within = row_B[at] - (self._ends[k] - len(part))
            for start, rows in part.read(within) if isinstance(part, MappedRows) else [(0, part[within])]:
                native = rows.astype(rows.dtype.newbyteorder("="), copy=False)
                flat_B[at[start : start + len(rows)]] = torch.from_numpy(native).to(self.dtype)
        flat_B[row_B < 0] = 0
        self._check(flat_B, index_B)

    def _read_all(self) -> Tensor:
        table = torch.empty(len(self), self.n_features, dtype=self.dtype)
        for index_B in torch.arange(len(self)).split(BLOCK):
            self.read_into(table[index_B[0] : index_B[-1] + 1], index_B)
        return table

    def _check(self, vector_B: Tensor, index_B: Tensor) -> None:
        """Raise `DataError` for the first new vector that has NaN, infinity or a number beyond float16."""
        if self._named is None or not self._unchecked_N[index_B].any():
            return
        # The ends are NaN if any value is; a test of each value takes 20 times as long.
        if not torch.stack(vector_B.aminmax()).isfinite().all():
            wrong = (~vector_B.isfinite().all(1)).nonzero().flatten().tolist()
            name = self._named(int(index_B[wrong[0]]))
            raise DataError(f"{name}: expected finite numbers below 65,504, got {_odd(vector_B[wrong[0]])}.")
        self._unchecked_N[index_B] = False


def _odd(vector: Tensor) -> str:
    return "NaN" if vector.isnan().any() else "infinity, or a number beyond it"
