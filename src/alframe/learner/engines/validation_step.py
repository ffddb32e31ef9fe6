"""A validation step, recorded once and replayed in fit after fit."""

import torch
from torch import Tensor

from alframe.learner.batches import BatchTable, TabledBatches
from alframe.learner.compute.device import Compute
from alframe.learner.engines.capture import (
    WARM_UP,
    Capture,
    CaptureError,
    Replay,
    device_generator,
    reason_of,
    run_aside,
)
from alframe.learner.engines.index_table import IndexTable, load_last_row
from alframe.learner.engines.memory_sharing import copy_modes, undone
from alframe.learner.engines.tensor_slots import find_generators
from alframe.learner.module import Classifier


class RecordedValidation:
    """The validation steps of the fits of one private module, which count in it.

    Args:
        private: the module with which each fit's module shares its tensors. batches: those of validation.
        compute: device and precision. capture: records work.
    """

    def __init__(
        self, private: Classifier, batches: TabledBatches, compute: Compute, capture: Capture
    ) -> None:
        self._module, self._batches = private, batches
        self._compute, self._capture = compute, capture
        self._table: IndexTable | None = None
        self._replay: Replay = lambda: None

    def run(self, module: Classifier, table: BatchTable, padded: bool) -> None:
        """Run the validation step on each row.

        Args:
            module: the tied module, in evaluation mode. table: at most `TABLE_ROWS` rows.
            padded: True if the last row may be run with its padding, False if the padding must be cut.

        Raises:
            CaptureError: the step could not be recorded.
        """
        copy_modes(module, self._module)
        cut = table.last < self._batches.batch_size and not padded
        if self._table is None:
            self._table = self._record(table)
        self._table.fill(table)
        for _ in range(len(table) - cut):
            self._replay()
        if cut:
            self._run_on(load_last_row(self._batches, table))

    def _record(self, table: BatchTable) -> IndexTable:
        device, generators = self._compute.device, find_generators(self._module)
        made = IndexTable([column.shape[1] for column in table.columns], device)

        def work() -> None:
            self._run_on(self._batches.load(*made.row()))
            made.at += 1

        with undone(self._module, [*generators, device_generator(device)]):
            try:
                made.fill(table.first(1))
                run_aside(work, WARM_UP, device)
                self._replay = self._capture(work, generators, device)
            except (RuntimeError, TypeError, ValueError, AttributeError) as error:
                raise CaptureError(reason_of(error)) from error
        return made

    def _run_on(self, batch: tuple[Tensor, Tensor]) -> None:
        with torch.no_grad(), self._compute.autocast():
            self._module.validation_step(batch, 0)
