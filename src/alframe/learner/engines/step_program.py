"""A training step and a validation step, recorded once and replayed in fit after fit.

A `RecordedStep` owns a private copy of a module and an optimizer for it. Each fit ties its own module to the
copy: the values are copied into the private tensors, and the fit's module then shares these tensors, so code
that reads it during the fit sees the weights being trained. Batches come from tables of integers and learning
rates from a table too; a counter on the device selects the next row.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

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
    outside_a_capture,
    reason_of,
    repeat,
    run_aside,
)
from alframe.learner.engines.flat_parameters import FlatParameters
from alframe.learner.engines.index_table import TABLE_ROWS, IndexTable, load_last_row
from alframe.learner.engines.memory_sharing import copy_modes, tie, undone, zero_state
from alframe.learner.engines.tensor_slots import NoBatchIndex, find_generators, private_copy
from alframe.learner.engines.validation_step import RecordedValidation
from alframe.learner.engines.value_tables import LogTable, RateTable
from alframe.learner.module import Classifier

CHUNK_STEPS = 16  # steps in one graph; the rest of a table is replayed step by step
CHECKED_STEPS = 4  # replayed steps that are compared with eager ones

MakeOptimizer = Callable[[Classifier], torch.optim.Optimizer]


class RecordedStep:
    """The recorded steps of all jobs with one `FitJob.program`.

    Args:
        module: the module of such a job; it is copied.
        batches: its batches. validation: its validation batches, or None if they are not replayed.
        compute: device and precision. capture: records work.

    Attributes:
        log: the values that `training_step` logged.

    Raises:
        CaptureError: the module cannot be copied.
    """

    def __init__(
        self,
        module: Classifier,
        batches: TabledBatches,
        validation: TabledBatches | None,
        compute: Compute,
        capture: Capture,
    ) -> None:
        try:
            self._module = private_copy(module)
        except Exception as error:  # a user's module may contain anything
            raise CaptureError(f"the module cannot be copied: {error}") from error
        # A hook that gets the optimizer would look up the module's own parameters in it.
        untouched = type(module).on_before_optimizer_step is Classifier.on_before_optimizer_step
        self._flat = FlatParameters(self._module) if untouched else None
        self._batches = batches
        self._compute, self._capture = compute, capture
        self._generators = find_generators(self._module)
        self._optimizer: torch.optim.Optimizer | None = None
        self._table = IndexTable([], compute.device)
        self._replays: dict[str, Replay] = {}
        self._loss_S = torch.zeros(TABLE_ROWS, device=compute.device)
        self._rates = RateTable(compute.device)
        self.log = LogTable(compute.device)
        self._validation = (
            None if validation is None else RecordedValidation(self._module, validation, compute, capture)
        )

    # A fit begins.

    def tie(self, module: Classifier) -> Callable[[bool], None]:
        """Let a fit's module share the private tensors, and return the function that unties it; see `tie`."""
        return tie(self._module, self._generators, module)

    def prepare(
        self, module: Classifier, table: BatchTable, make_optimizer: MakeOptimizer, scheduled: bool
    ) -> None:
        """Get ready for a fit of a tied module: record the steps if needed, reset the optimizer's state.

        Args:
            module: the tied module, in the modes in which it trains. table: its first steps.
            make_optimizer: makes the optimizer of a module. scheduled: whether its learning rate changes.

        Raises:
            CaptureError: a step could not be recorded.
        """
        if "step" not in self._replays:
            copy_modes(module, self._module)
            self._optimizer = make_optimizer(self._module)
            if self._flat is not None:
                self._flat.merge(self._optimizer, scheduled)
            for group in self._optimizer.param_groups:
                if "capturable" in group and self._compute.device.type == "cuda":
                    group["capturable"] = True
            if scheduled:
                self._rates.attach(self._optimizer)
            self._record(table)
        zero_state(self._optimizer)

    def autocast(self) -> AbstractContextManager[None]:
        """Return a block in the precision of the recorded steps."""
        return self._compute.autocast()

    # A fit runs.

    def train(self, module: Classifier, table: BatchTable, rate_SG: Tensor, padded: bool) -> Tensor:
        """Take one step per row and return the losses: (rows,) float32 on the device, in nats.

        Args:
            module: the tied module, in the modes in which it trains.
            table: at most `TABLE_ROWS` rows.
            rate_SG: (rows, groups) learning rates; ignored without a schedule.
            padded: True if the last row may be trained with its padding, False if the padding must be cut.
        """
        n = len(table)
        cut = table.last < self._batches.batch_size and not padded
        self._table.fill(table)
        self._rates.fill(rate_SG)
        whole = n - cut
        for _ in range(whole // CHUNK_STEPS):
            self._replays["chunk"]()
        for _ in range(whole % CHUNK_STEPS):
            self._replays["step"]()
        if cut:
            copy_modes(module, self._module)
            self._cut_step(table)
        return self._loss_S[:n].clone()

    def validate(self, module: Classifier, table: BatchTable, padded: bool) -> None:
        """Run the validation step on each row; it counts in the tied module. `padded` as for `train`."""
        assert self._validation is not None
        self._validation.run(module, table, padded)

    # The work that is recorded.

    def _step(self) -> None:
        table = self._table
        self._rates.load(table.at)
        self._train_on(self._batches.load(*table.row()), table.at)
        table.at += 1

    def _train_on(self, batch: Any, at: Tensor) -> None:
        assert self._optimizer is not None
        module = self._module
        with self._compute.autocast():
            out: Any = module.training_step(batch, NoBatchIndex())  # type: ignore[arg-type]
        loss = out["loss"] if isinstance(out, dict) else out
        module.zero_grad()
        loss.backward()
        module.on_after_backward()
        module.on_before_optimizer_step(self._optimizer)
        if self._flat is not None:
            self._flat.gather()
        self._optimizer.step()
        module.on_train_batch_end({"loss": loss}, batch, 0)
        self._loss_S.index_copy_(0, at, loss.detach().float().reshape(1))

    def _cut_step(self, table: BatchTable) -> None:
        """Run the last row without its padding, eagerly: its shape is not the recorded one."""
        at = self._table.at
        self._rates.load(at)
        with self.log.in_place_of_log(self._module, at), outside_a_capture():
            self._train_on(load_last_row(self._batches, table), at)

    # Recording.

    def _record(self, table: BatchTable) -> None:
        device, work = self._compute.device, self._step
        self._table = IndexTable([column.shape[1] for column in table.columns], device)
        # `_undone` takes back what the warm-up does.
        with self._undone(), self.log.in_place_of_log(self._module, self._table.at):
            try:
                self._table.fill(table.first(1))
                run_aside(work, WARM_UP, device)
                self._replays["step"] = self._capture(work, self._generators, device)
                chunk = partial(repeat, work, CHUNK_STEPS)
                self._replays["chunk"] = self._capture(chunk, self._generators, device)
                self._check(work, table)
            except (RuntimeError, TypeError, ValueError, AttributeError) as error:
                self._replays.clear()
                raise CaptureError(reason_of(error)) from error

    def _check(self, work: Callable[[], None], table: BatchTable) -> None:
        """Compare a few replayed steps with eager ones from the same beginning.

        Raises:
            RuntimeError: they differ, so the step depends on something that a capture froze.
        """
        n = min(CHECKED_STEPS, len(table))
        losses = []
        for step in (work, self._replays["step"]):
            with self._undone():
                zero_state(self._optimizer)
                self._table.fill(table.first(CHECKED_STEPS))
                with outside_a_capture():
                    repeat(step, n)
                losses.append(self._loss_S[:n].clone())
        tolerance = 1e-3 if self._compute.precision == "float32" else 3e-2
        eager_S, replayed_S = losses
        if not torch.allclose(eager_S, replayed_S, rtol=tolerance, atol=tolerance, equal_nan=True):
            raise RuntimeError(
                "replayed steps give other losses than the step itself. Does the step count in Python?"
            )

    def _undone(self) -> AbstractContextManager[None]:
        return undone(self._module, [*self._generators, device_generator(self._compute.device)])
