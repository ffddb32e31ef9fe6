"""Rows of an array in a file, read through a memory map of which only a window is resident."""

import mmap
from collections.abc import Iterator
from typing import Any

import numpy as np
from torch import Tensor

WINDOW = 64 * 2**20  # bytes of the file that may be resident before they are dropped
# A page fault maps the whole folio of the page: up to 2 MB if the file system uses large folios.
# Measured on ext4, Linux 6.18: a thousand random images of 784 bytes made 586 MB resident.
FOLIO = 2 * 2**20
ROWS = 16  # scattered rows that are read between two checks of the window


class MappedRows:
    """Rows of a memory map.

    Pages are dropped before more than a window of them is resident. They stay in the system's page cache,
    which frees them if memory is short. If the file is truncated while it is mapped, the system ends the
    process with a bus error.
    """

    def __init__(self, stored: np.memmap[Any, Any]) -> None:
        """Wrap a memory map that is C-contiguous; its first axis counts the rows."""
        self.stored = np.asarray(stored)
        self._mapping = _mapping(stored)
        self._row_bytes = self.stored[:1].nbytes
        self._touched = 0
        self._advised: str | None = None

    def __len__(self) -> int:
        return len(self.stored)

    def read(self, row_B: Tensor) -> Iterator[tuple[int, np.ndarray[Any, Any]]]:
        """Yield copies of the rows `row_B` (int64, CPU) in parts: (position of the first one in it, rows)."""
        done = 0
        for part in self._parts(row_B):
            yield done, self.stored.take(part.numpy(), axis=0)
            done += len(part)
            self._count(part)

    def _parts(self, row_B: Tensor) -> tuple[Tensor, ...]:
        if len(row_B) == 0:
            return ()
        span = self._span(row_B)
        # Read-ahead helps in file order; for scattered rows it would load 128 KB each.
        dense = span <= max(WINDOW, 4 * len(row_B) * self._row_bytes)
        self._advise("MADV_SEQUENTIAL" if dense else "MADV_RANDOM")
        return (row_B,) if span <= WINDOW else row_B.split(ROWS)

    def _span(self, row_B: Tensor) -> int:
        return (int(row_B.max()) - int(row_B.min()) + 1) * self._row_bytes

    def _count(self, row_B: Tensor) -> None:
        """Drop the cached pages once about WINDOW bytes have been read."""
        scattered = len(row_B) * (self._row_bytes + FOLIO)
        self._touched += min(scattered, self._span(row_B) + FOLIO)
        if self._touched > WINDOW:
            self._advise("MADV_DONTNEED")
            self._touched = 0

    def _advise(self, advice: str) -> None:
        if advice == self._advised or not hasattr(mmap, advice):
            return
        self._mapping.madvise(getattr(mmap, advice))
        if advice != "MADV_DONTNEED":
            self._advised = advice


def _mapping(stored: np.ndarray[Any, Any]) -> mmap.mmap:
    base: Any = stored
    while isinstance(base, np.ndarray):
        base = base.base
    if not isinstance(base, mmap.mmap):
        raise TypeError(f"Expected an array over a memory map, but got one over {type(base).__name__}.")
    return base
