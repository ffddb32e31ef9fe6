"""The reference engine: a plain `pytorch_lightning.Trainer`, with everything that clutters switched off.

Every faster engine is measured against this one.
"""

import copy
import logging
import math
import signal
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, EarlyStopping
from torch import Tensor

from alframe.device import Compute
from alframe.learner.engine import FitJob, FitResult, NotFiniteError, Progress


class ReferenceEngine:
    """Runs a fit in a fresh Trainer: no logger, checkpoint, bar, summary or sanity check."""

    name = "reference"

    def __init__(self, compute: Compute) -> None:
        self._compute = compute

    def fit(self, job: FitJob, progress: Progress) -> FitResult:
        """Train `job.module` in place and leave it on the device.

        Raises:
            NotFiniteError: the loss or a weight is NaN or infinite.
            KeyboardInterrupt: on Ctrl-C.
        """
        watch = _Watch(job, progress)
        callbacks: list[Callback] = [watch]
        best = None
        if job.patience is not None:
            best = BestWeights()
            stop = EarlyStopping(
                "val_accuracy", mode="max", patience=job.patience, check_on_train_epoch_end=False
            )
            callbacks += [best, stop]
        with _quiet_lightning(), _interrupts_raised():
            trainer = pl.Trainer(
                **self._compute.trainer_options(),
                max_steps=job.max_steps,
                max_epochs=-1,
                limit_val_batches=0 if job.validation is None else 1.0,
                callbacks=callbacks,
                logger=False,
                enable_checkpointing=False,
                enable_progress_bar=False,
                enable_model_summary=False,
                num_sanity_val_steps=0,
            )
            try:
                trainer.fit(job.module, job.batches, job.validation)
            except SystemExit as error:  # how Lightning passes on a Ctrl-C
                raise KeyboardInterrupt from error
        if not all(bool(torch.isfinite(weight).all()) for weight in job.module.parameters()):
            raise NotFiniteError("a weight is NaN or infinite")
        if best is not None:
            best.restore(job.module)
        job.module.to(self._compute.device)  # a Trainer leaves the module on the CPU
        return watch.result(steps=trainer.global_step, epochs=trainer.current_epoch)


class BestWeights(Callback):
    """Keeps a copy of the weights of the epoch with the highest `val_accuracy`; the first of equals.

    Source: what Keras' EarlyStopping does with restore_best_weights=True.
    """

    def __init__(self) -> None:
        self.value = -math.inf
        self._state: dict[str, Any] | None = None

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Copy the weights when this epoch beats all before it."""
        value = float(trainer.callback_metrics["val_accuracy"])
        if value > self.value:
            self.value = value
            self._state = copy.deepcopy(pl_module.state_dict())

    def restore(self, module: pl.LightningModule) -> None:
        """Load the best weights; none are kept when no validation ran."""
        if self._state is not None:
            module.load_state_dict(self._state)


class _Watch(Callback):
    """Progress, the mean loss at the end, and an early end when the loss is not finite."""

    CHECK_EVERY = 64  # steps between looks at the loss, each of which waits for the device

    def __init__(self, job: FitJob, progress: Progress) -> None:
        self._progress = progress
        self._total = job.max_steps if job.max_steps > 0 else None
        self._losses: list[Tensor] = []

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        loss = outputs["loss"] if isinstance(outputs, dict) else outputs
        self._losses.append(loss.detach())
        if len(self._losses) % self.CHECK_EVERY == 0:
            self._check()
        self._progress("train", trainer.global_step, self._total)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._check()

    def result(self, steps: int, epochs: int) -> FitResult:
        """Return what was run; the loss is NaN without a step."""
        loss_S = torch.stack(self._losses).float().cpu() if self._losses else torch.empty(0)
        last = loss_S[-max(1, len(loss_S) // 10) :]
        return FitResult(
            steps=steps, epochs=epochs, loss=float(last.mean()) if steps else math.nan, loss_S=loss_S
        )

    def _check(self) -> None:
        recent = self._losses[-self.CHECK_EVERY :]
        if recent and not bool(torch.isfinite(torch.stack(recent)).all()):
            raise NotFiniteError("the training loss is NaN or infinite")


@contextmanager
def _quiet_lightning() -> Iterator[None]:
    """No banners; and no advice that is wrong for data that is on the device already."""
    logger = logging.getLogger("pytorch_lightning")
    utilities = logging.getLogger("lightning.pytorch")
    levels = logger.level, utilities.level
    logger.setLevel(logging.ERROR)
    utilities.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*does not have many workers.*")
            warnings.filterwarnings("ignore", message=".*no `val_dataloader`.*")
            warnings.filterwarnings("ignore", message=".*GPU available but not used.*")
            warnings.filterwarnings("ignore", message=".*isinstance.treespec, LeafSpec.*is deprecated.*")
            yield
    finally:
        logger.setLevel(levels[0])
        utilities.setLevel(levels[1])


@contextmanager
def _interrupts_raised() -> Iterator[None]:
    """Give back the Ctrl-C handler, which Lightning replaces when it is interrupted."""
    try:
        before = signal.getsignal(signal.SIGINT)
        yield
    finally:
        if signal.getsignal(signal.SIGINT) is not before:
            signal.signal(signal.SIGINT, before)
