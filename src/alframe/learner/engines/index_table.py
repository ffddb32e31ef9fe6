"""Tables of integers on the device, with a counter there that selects the next row."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from alframe.learner.batches import BatchTable, TabledBatches

TABLE_ROWS = 1024  # rows of a table on the device; longer tables are split


class IndexTable:
    """A table on the device and the number of the next row.

    Attributes:
        columns: tensors (TABLE_ROWS, width) int64. at: (1,) int64, the next row.
    """

    def __init__(self, widths: Sequence[int], device: torch.device) -> None:
        self.columns = [torch.zeros(TABLE_ROWS, width, dtype=torch.int64, device=device) for width in widths]
        self.at = torch.zeros(1, dtype=torch.int64, device=device)

    def fill(self, table: BatchTable) -> None:
        """Write a table's rows, at most `TABLE_ROWS`, and go to the first."""
        for mine, theirs in zip(self.columns, table.columns, strict=True):
            move(theirs, mine[: len(table)])
        self.at.zero_()

    def row(self) -> list[Tensor]:
        """Return the columns of the next row: (width,) int64 tensors on the device."""
        return [column.index_select(0, self.at)[0] for column in self.columns]


def move(source: Tensor, target: Tensor) -> None:
    """Copy a CPU tensor to the device; does not wait for the copy."""
    if target.device.type == "cuda":
        source = source.pin_memory()
    target.copy_(source, non_blocking=True)


def load_last_row(batches: TabledBatches, table: BatchTable) -> Any:
    """Return the batch of a table's last row, without its padding."""
    row = (column[-1, : table.last] for column in table.columns)
    return batches.load(*(part.to(batches.bank.index_device) for part in row))
