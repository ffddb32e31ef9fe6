"""A fit whose steps are replayed, inside an ordinary Trainer.

The Trainer sees the user's own module, real epochs and validations, and the same logged values as under the
reference engine. But each of its batches is a table of steps, which runs on the device.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.utilities.types import LRSchedulerConfig
from torch import Tensor

from alframe.learner.batches import BatchTable, TabledBatches
from alframe.learner.engines.index_table import TABLE_ROWS
from alframe.learner.engines.replay_checks import check_optimizers, counts_in_place, may_be_padded
from alframe.learner.engines.step_program import MakeOptimizer
from alframe.learner.engines.value_tables import LogTable
from alframe.learner.interfaces import FitJob
from alframe.learner.module import Classifier


class _TableBatch:
    """A table as a Trainer's batch: a Trainer moves tensors, but passes other objects on unchanged."""

    def __init__(self, table: BatchTable) -> None:
        self.table = table


class _TableLoader:
    """The Trainer's loader: each batch is a table of steps."""

    def __init__(self, batches: TabledBatches, max_steps: int = -1) -> None:
        self._batches = batches
        self._left = max_steps

    def __iter__(self) -> Iterator[_TableBatch]:
        for table in self._batches.tables():
            for part in table.parts(TABLE_ROWS):
                if 0 <= self._left < len(part):
                    # The Trainer ends after these steps. The batch that follows shows it an unfinished epoch.
                    yield _TableBatch(part.first(self._left))
                self._left -= len(part) if self._left >= 0 else 0
                yield _TableBatch(part)


class Steps(Protocol):
    """The recorded steps of a fit; `RecordedStep` describes the methods."""

    log: LogTable

    def tie(self, module: Classifier) -> Callable[[bool], None]: ...  # noqa: D102
    def prepare(  # noqa: D102
        self, module: Classifier, table: BatchTable, make_optimizer: MakeOptimizer, scheduled: bool
    ) -> None: ...
    def autocast(self) -> AbstractContextManager[None]: ...  # noqa: D102
    def train(self, module: Classifier, table: BatchTable, rate_SG: Tensor, padded: bool) -> Tensor: ...  # noqa: D102
    def validate(self, module: Classifier, table: BatchTable, padded: bool) -> None: ...  # noqa: D102


class Replayer(Callback):
    """Replaces a module's steps during one fit, and counts them for the Trainer.

    Args:
        job: the fit. recorded: its steps.
    """

    def __init__(self, job: FitJob, recorded: Steps) -> None:
        self._job, self._module, self._recorded = job, job.module, recorded
        self._padded = may_be_padded(job.module)
        self._scheduler: LRSchedulerConfig | None = None
        self._trainer: pl.Trainer | None = None
        self._epoch_steps = 0

    def train_tables(self) -> Any:
        """Return the Trainer's training batches: tables of steps."""
        assert isinstance(self._job.batches, TabledBatches)
        return _TableLoader(self._job.batches, self._job.max_steps)

    def validation_tables(self) -> Any:
        """Return the Trainer's validation batches: tables, or the job's own if they are not replayed."""
        if not counts_in_place(self._job):
            return self._job.validation
        assert isinstance(self._job.validation, TabledBatches)
        return _TableLoader(self._job.validation)

    @contextmanager
    def in_place_of_steps(self) -> Iterator[None]:
        """Put the replays where the Trainer calls the module's steps."""
        counted = counts_in_place(self._job)
        stand_ins = {
            "training_step": self._train,
            "on_train_batch_end": lambda *_: None,
            "validation_step": self._validate
            if counted
            else self._validate_eagerly(self._module.validation_step),
        }
        vars(self._module).update(stand_ins)
        try:
            yield
        finally:
            for name in stand_ins:
                del vars(self._module)[name]
            self._module.automatic_optimization = True

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Read the optimizer and its schedule; the Trainer steps neither from here on."""
        self._trainer = trainer
        check_optimizers(trainer)
        self._scheduler = trainer.lr_scheduler_configs[0] if trainer.lr_scheduler_configs else None
        pl_module.automatic_optimization = False

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Count an epoch's steps from zero, as the Trainer does for a schedule's frequency."""
        self._epoch_steps = 0

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Step a schedule that counts epochs."""
        if self._scheduler is not None and self._scheduler.interval == "epoch":
            self._step_scheduler(trainer.current_epoch + 1)

    def _train(self, batch: _TableBatch, batch_idx: int) -> dict[str, Tensor]:
        trainer = self._trainer
        assert trainer is not None
        if trainer.global_step == 0:
            self._recorded.prepare(self._module, batch.table, self._optimizer_of, self._scheduler is not None)
        table = batch.table
        rate_SG = self._rates(trainer, len(table))
        losses = self._recorded.train(self._module, table, rate_SG, self._padded)
        self._log(table)
        # The Trainer counts these itself only if it steps the optimizer.
        steps = trainer.fit_loop.epoch_loop.manual_optimization.optim_step_progress
        for counter in (steps.total, steps.current):
            counter.ready += len(table)
            counter.completed += len(table)
        return {"loss": losses}

    def _validate(self, batch: _TableBatch, batch_idx: int) -> None:
        self._recorded.validate(self._module, batch.table, self._padded)

    def _validate_eagerly(self, step: Callable[..., Any]) -> Callable[..., Any]:
        def validate(*args: Any) -> Any:
            with self._recorded.autocast():
                return step(*args)

        return validate

    def _optimizer_of(self, module: Classifier) -> torch.optim.Optimizer:
        before, vars(module)["_trainer"] = vars(module)["_trainer"], self._trainer
        configured = module.configure_optimizers()
        vars(module)["_trainer"] = before
        while not isinstance(configured, torch.optim.Optimizer):
            configured = configured["optimizer" if isinstance(configured, dict) else 0]
        return configured

    def _rates(self, trainer: pl.Trainer, n: int) -> Tensor:
        """Return the learning rates (n, groups) of the next n steps, and step the schedule n times."""
        groups = trainer.optimizers[0].param_groups
        if self._scheduler is None:
            return torch.empty(0)
        if self._scheduler.interval != "step":
            return torch.tensor([[group["lr"] for group in groups]]).repeat(n, 1)
        rates = []
        for _ in range(n):
            rates.append([group["lr"] for group in groups])
            self._epoch_steps += 1
            self._step_scheduler(self._epoch_steps)
        return torch.tensor(rates)

    def _step_scheduler(self, done: int) -> None:
        assert self._scheduler is not None
        if done % self._scheduler.frequency == 0:
            with warnings.catch_warnings():
                # The optimizer that steps is the recorded step's own.
                warnings.filterwarnings("ignore", message=".*lr_scheduler.step.*before.*optimizer.step.*")
                schedule: Any = self._scheduler.scheduler
                schedule.step()

    def _log(self, table: BatchTable) -> None:
        """Log what the recorded steps logged: the mean over their samples, or the last step's value."""
        sizes = torch.full((len(table),), float(table.columns[0].shape[1]))
        sizes[-1] = table.last
        for name, value_S in self._recorded.log.first(len(table)).items():
            options = dict(self._recorded.log.options[name])
            if options.pop("on_epoch", False):
                weight_S = sizes.to(value_S.device)
                options |= {"on_step": False, "on_epoch": True, "batch_size": int(sizes.sum())}
                self._module.log(name, (value_S * weight_S).sum() / weight_S.sum(), **options)
            else:
                self._module.log(name, value_S[-1], **options)
