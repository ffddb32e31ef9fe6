"""A training step of several replicas as one, recorded once for each number of replicas.

A replica is a fit among others with the same program: the same network, batch sizes and data, but its own
labels, order, weights and random numbers. Each step moves all replicas that are in a fit by one step of their
own. A replica has a table of its next steps, as in `RecordedStep`, and a counter of its own.

Axes: K replicas, W the first replicas of these, S the rows of a table, B a batch.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from alframe.learner.batches import BatchTable, TabledBatches
from alframe.learner.compute.device import Compute, same_bits
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
from alframe.learner.engines.index_table import TABLE_ROWS, load_last_row, move
from alframe.learner.engines.memory_sharing import copy_modes, restored
from alframe.learner.engines.stacked_module import StackedModule
from alframe.learner.engines.stacked_optimizer import StackedOptimizer
from alframe.learner.engines.step_program import CHECKED_STEPS, CHUNK_STEPS, MakeOptimizer
from alframe.learner.engines.tensor_slots import NoBatchIndex
from alframe.learner.module import Classifier


class StackedStep:
    """The training steps of K replicas.

    Args:
        module: of one of the fits; it is copied. batches: its batches.
        n: K. compute: device and precision. capture: records work.

    Attributes:
        replicas: the tensors of all replicas.

    Raises:
        CaptureError: the module cannot be stacked.
    """

    def __init__(
        self, module: Classifier, batches: TabledBatches, n: int, compute: Compute, capture: Capture
    ) -> None:
        try:
            self.replicas = StackedModule(module, n)
        except Exception as error:  # a user's module may contain anything
            raise CaptureError(f"the module cannot be stacked: {reason_of(error)}") from error
        self._n, self._batches, self._compute, self._capture = n, batches, compute, capture
        self._optimizer: StackedOptimizer | None = None
        self._replays: dict[int, tuple[Replay, Replay]] = {}  # of one step and of a chunk, by W
        device = compute.device
        self._columns: list[Tensor] = []  # (K, S, B) int64
        self._at_K = torch.zeros(n, dtype=torch.int64, device=device)
        self._loss_KS = torch.zeros(n, TABLE_ROWS, device=device)
        self._rate_KS = torch.zeros(n, TABLE_ROWS, device=device)
        self._left = [0] * n  # rows of each table that are not trained yet
        self._error: CaptureError | None = None

    def prepare(self, k: int, module: Classifier, make_optimizer: MakeOptimizer, scheduled: bool) -> None:
        """Get replica k ready for a fit of a tied module; see `RecordedStep.prepare`."""
        copy_modes(module, self.replicas.template)
        if self._optimizer is None:
            made = make_optimizer(self.replicas.template)
            self._optimizer = StackedOptimizer(made, self.replicas, scheduled)
        self._optimizer.zero_state(k)

    def submit(self, k: int, table: BatchTable, rate_SG: Tensor, n_rows: int) -> None:
        """Take the first `n_rows` rows of a table as the next steps of replica k."""
        if not self._columns:
            self._columns = [
                torch.zeros(self._n, TABLE_ROWS, column.shape[1], dtype=torch.int64, device=self._at_K.device)
                for column in table.columns
            ]
        for mine, theirs in zip(self._columns, table.columns, strict=True):
            move(theirs, mine[k, : len(table)])
        if rate_SG.numel():
            move(rate_SG[:, 0], self._rate_KS[k, : len(table)])
        self._at_K[k] = 0
        self._left[k] = n_rows

    def is_done(self, k: int) -> bool:
        """Return True if the rows that replica k has submitted are trained, or never will be."""
        return self._left[k] == 0 or self._error is not None

    def losses(self, k: int, n_rows: int) -> Tensor:
        """Return the losses (rows,) of the submitted rows, float32 on the device, in nats.

        Raises:
            CaptureError: the step could not be recorded; nothing was trained.
        """
        if self._error is not None:
            raise CaptureError(str(self._error))
        return self._loss_KS[k, :n_rows].clone()

    def advance(self) -> None:
        """Take steps of all replicas that have submitted rows, until the first of them has none left."""
        waiting = [k for k, left in enumerate(self._left) if left]
        if not waiting or self._error is not None:
            return
        n = min(self._left[k] for k in waiting)
        try:
            with _current(self._compute.device), same_bits():
                one, chunk = self._recorded(waiting)
                for _ in range(n // CHUNK_STEPS):
                    chunk()
                for _ in range(n % CHUNK_STEPS):
                    one()
        except (CaptureError, RuntimeError) as error:
            self._error = error if isinstance(error, CaptureError) else CaptureError(reason_of(error))
        for k in waiting:
            self._left[k] -= n

    def train_last_row(self, k: int, table: BatchTable) -> Tensor:
        """Take a step of replica k on the last submitted row without its padding; return its loss (1,)."""
        assert self._optimizer is not None
        member = self.replicas.members[k]
        copy_modes(self.replicas.template, member)  # a validation has changed them
        batch = load_last_row(self._batches, table)
        member.zero_grad()
        with self._compute.autocast():
            out: Any = member.training_step(batch, NoBatchIndex())  # type: ignore[arg-type]
        loss: Tensor = out["loss"] if isinstance(out, dict) else out
        loss.backward()
        self.replicas.take_gradients(k)
        self._optimizer.step(slice(k, k + 1), self._rate_KS[k, len(table) - 1].reshape(1))
        member.on_train_batch_end({"loss": loss}, batch, 0)
        return loss.detach().float().reshape(1)

    # The work that is recorded.

    def _work(self, width: int) -> None:
        assert self._optimizer is not None
        at_W = self._at_K[:width]
        row = [_rows(column[:width], at_W) for column in self._columns]
        batch = tree_map(
            lambda part: part.unflatten(0, (width, -1)) if isinstance(part, Tensor) else part,
            self._batches.load(*(each.flatten() for each in row)),
        )
        with self._compute.autocast():
            loss_W = self.replicas.losses(batch, width)
        self._optimizer.step(slice(0, width), self._rate_KS[:width].gather(1, at_W[:, None])[:, 0])
        if type(self.replicas.template).on_train_batch_end is not Classifier.on_train_batch_end:
            for k, member in enumerate(self.replicas.members[:width]):
                own = tree_map(lambda part, k=k: part[k] if isinstance(part, Tensor) else part, batch)
                member.on_train_batch_end({"loss": loss_W[k]}, own, 0)
        self._loss_KS[:width].scatter_(1, at_W[:, None], loss_W[:, None])
        at_W.add_(1).clamp_(max=TABLE_ROWS - 1)  # replicas without a fit stay within their tables

    # Recording.

    def _recorded(self, waiting: list[int]) -> tuple[Replay, Replay]:
        width = stacked_width(waiting[-1] + 1, self._n, exact=self._compute.device.type == "cpu")
        if width not in self._replays:
            device, work = self._compute.device, partial(self._work, width)
            generators = self.replicas.generators
            try:
                with self._undone():
                    self._check_alone(work, waiting[0])
                    run_aside(work, WARM_UP, device)
                    one = self._capture(work, generators, device)
                    chunk = self._capture(partial(repeat, work, CHUNK_STEPS), generators, device)
                    self._check(work, one, width, waiting)
            except torch.OutOfMemoryError as error:
                raise CaptureError(f"{width} replicas need too much memory") from error
            except (RuntimeError, TypeError, ValueError, AttributeError) as error:
                raise CaptureError(reason_of(error)) from error
            self._replays[width] = one, chunk
        return self._replays[width]

    def _check_alone(self, work: Callable[[], None], k: int) -> None:
        """Compare the loss of a replica's first step among the others with that of the step alone.

        Raises:
            RuntimeError: they differ.
        """
        member, default = self.replicas.members[k], device_generator(self._compute.device)
        copy_modes(self.replicas.template, member)
        at = int(self._at_K[k])
        row = [column[k, at].to(self._batches.bank.index_device) for column in self._columns]
        with self._undone(), torch.no_grad(), self._compute.autocast(), outside_a_capture():
            default.set_state(self.replicas.defaults[k].get_state())
            out: Any = member.training_step(self._batches.load(*row), NoBatchIndex())  # type: ignore[arg-type]
            alone = (out["loss"] if isinstance(out, dict) else out).detach().float().clone()
        with self._undone(), outside_a_capture():
            work()
            together = self._loss_KS[k, at].clone()
        self._compare(alone, together, "a step among others gives another loss than the step alone")

    def _check(self, work: Callable[[], None], one: Replay, width: int, waiting: list[int]) -> None:
        n, losses = min(CHECKED_STEPS, *(self._left[k] for k in waiting)), []
        for step in (work, one):
            with self._undone():
                with outside_a_capture():
                    repeat(step, n)
                losses.append(self._loss_KS[:width].clone()[waiting])
        message = "replayed steps give other losses than the step itself. Does the step count in Python?"
        self._compare(losses[0], losses[1], message)

    def _compare(self, one: Tensor, other: Tensor, message: str) -> None:
        tolerance = 1e-3 if self._compute.precision == "float32" else 3e-2
        if not torch.allclose(one, other, rtol=tolerance, atol=tolerance, equal_nan=True):
            raise RuntimeError(message)

    def _undone(self) -> AbstractContextManager[None]:
        """Return a block after which replicas, optimizer, tables and generators are as they were."""
        assert self._optimizer is not None
        tensors = [*self.replicas.tensors, *self._optimizer.state, self._at_K, self._loss_KS]
        generators = [*self.replicas.generators, device_generator(self._compute.device)]
        return restored(tensors, generators)


def stacked_width(used: int, n: int, *, exact: bool) -> int:
    """Return how many replicas a step moves, of which the first `used` are needed.

    Each number is recorded once, so that only the powers of two are used where a recording takes seconds.

    Args:
        used: at least 1. n: the most. exact: True takes each number.

    >>> [stacked_width(used, 12, exact=False) for used in (1, 3, 5, 9)]
    [1, 4, 8, 12]
    """
    return used if exact else min(n, 1 << (used - 1).bit_length())


def _rows(column_WSB: Tensor, at_W: Tensor) -> Tensor:
    """Return (W, B), the next row of each table."""
    width, _, size = column_WSB.shape
    return column_WSB.gather(1, at_W.view(width, 1, 1).expand(width, 1, size))[:, 0]


def _current(device: torch.device) -> AbstractContextManager[Any]:
    """Return a block in which a CUDA device is the current one, as in the thread of a fit."""
    return torch.cuda.device(device) if device.type == "cuda" else nullcontext()
