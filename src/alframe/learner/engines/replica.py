"""One fit among several whose steps are taken together."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import torch
from torch import Tensor

from alframe.learner.batches import BatchTable, TabledBatches
from alframe.learner.compute.device import Compute
from alframe.learner.engines.capture import Capture, as_it_is, device_generator
from alframe.learner.engines.memory_sharing import tie
from alframe.learner.engines.stacked_step import StackedStep
from alframe.learner.engines.step_program import MakeOptimizer
from alframe.learner.engines.turns import Turns
from alframe.learner.engines.validation_step import RecordedValidation
from alframe.learner.engines.value_tables import LogTable
from alframe.learner.module import Classifier


class Replica:
    """The steps of one replica, for the Trainer of its fit.

    Args:
        number: of the replica. stacked: the steps of all replicas. turns: where it waits for the others.
        batches: of training. validation: of validation, or None if it is not replayed.
        compute: device and precision. capture: records work.

    Attributes:
        log: the values that `training_step` logged: none, since a step that logs is not stacked.
    """

    def __init__(
        self,
        number: int,
        stacked: StackedStep,
        turns: Turns,
        batches: TabledBatches,
        validation: TabledBatches | None,
        compute: Compute,
        capture: Capture,
    ) -> None:
        self._number, self._stacked, self._turns, self._batches = number, stacked, turns, batches
        self._compute, self._pads = compute, capture is not as_it_is
        self._member = stacked.replicas.members[number]
        self._validation = (
            None if validation is None else RecordedValidation(self._member, validation, compute, capture)
        )
        self.log = LogTable(compute.device)

    def tie(self, module: Classifier) -> Callable[[bool], None]:
        """Let a fit's module share the tensors of the replica; see `memory_sharing.tie`."""
        return tie(self._member, self._stacked.replicas.own_generators(self._number), module)

    def prepare(
        self, module: Classifier, table: BatchTable, make_optimizer: MakeOptimizer, scheduled: bool
    ) -> None:
        """Get ready for a fit of a tied module; see `RecordedStep.prepare`."""
        self._stacked.prepare(self._number, module, make_optimizer, scheduled)

    def autocast(self) -> AbstractContextManager[None]:
        """Return a block in the precision of the recorded steps."""
        return self._compute.autocast()

    def train(self, module: Classifier, table: BatchTable, rate_SG: Tensor, padded: bool) -> Tensor:
        """Take one step per row, together with other replicas; see `RecordedStep.train`.

        If nothing is recorded, the last batch is not padded, because dropout would draw for its padding.
        """
        cut = table.last < self._batches.batch_size and not (padded and self._pads)
        n = len(table) - cut
        default, mine = device_generator(self._compute.device), self._stacked.replicas.defaults[self._number]
        mine.set_state(default.get_state())
        self._stacked.submit(self._number, table, rate_SG, n)
        if n:
            self._turns.wait(lambda: self._stacked.is_done(self._number))
        default.set_state(mine.get_state())
        losses = self._stacked.losses(self._number, n)
        if not cut:
            return losses
        return torch.cat([losses, self._stacked.train_last_row(self._number, table)])

    def validate(self, module: Classifier, table: BatchTable, padded: bool) -> None:
        """Run the validation step on each row; it counts in the tied module. `padded` as for `train`."""
        assert self._validation is not None
        self._validation.run(module, table, padded)
