"""The reference engine: a plain `pytorch_lightning.Trainer` without logger, checkpoints and progress bar.

Tests compare every faster engine with this one.
"""

import logging
import math
import signal
import threading
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytorch_lightning as pl
import torch
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from pytorch_lightning.callbacks import Callback
from torch import Tensor, nn

from alframe.data.decoded import Progress
from alframe.learner.compute.device import Compute
from alframe.learner.interfaces import FitJob, FitResult, Forward, NotFiniteError
from alframe.learner.scoring.pool import EagerForward


class ReferenceEngine:
    """Runs each fit in a new Trainer without logger, checkpoint, bar, summary or sanity check."""

    name = "reference"

    def __init__(self, compute: Compute) -> None:
        self._compute = compute

    def fit(self, job: FitJob, progress: Progress) -> FitResult:
        """Train `job.module` in place and leave it on the device.

        Raises:
            NotFiniteError: the loss or a weight is NaN or infinite.
            KeyboardInterrupt: on Ctrl-C.
        """
        return self.run(job, progress, batches=job.batches, validation=job.validation)

    def run(
        self,
        job: FitJob,
        progress: Progress,
        *,
        batches: Iterable[Any],
        validation: Iterable[Any] | None,
        callbacks: Sequence[Callback] = (),
        options: dict[str, Any] | None = None,
    ) -> FitResult:
        """Fit `job.module` in a new Trainer. Other engines call this with batches of their own.

        Args:
            job, progress: as for `fit`.
            batches, validation: the Trainer iterates over these in place of the job's.
            callbacks: further callbacks. options: Trainer options that replace this engine's.
        """
        watch = _LossWatch(job, progress)
        stop = None if job.patience is None else StopEarly(job.patience)
        with quiet_lightning(), _interrupts_raised(), _threads(1 if job.one_thread else None):
            trainer = pl.Trainer(
                **{**self._compute.trainer_options(), **(options or {})},
                max_steps=job.max_steps,
                max_epochs=-1,
                limit_val_batches=0 if validation is None else 1.0,
                callbacks=[*callbacks, watch, _OwnSigterm(), *([] if stop is None else [stop])],
                logger=False,
                enable_checkpointing=False,
                enable_progress_bar=False,
                enable_model_summary=False,
                num_sanity_val_steps=0,
                # A fit is one process on every cluster, so Lightning must not detect a cluster environment.
                plugins=[LightningEnvironment()],
            )
            try:
                trainer.fit(job.module, batches, validation)
            except SystemExit as error:
                if isinstance(error.__context__, KeyboardInterrupt):  # Lightning turns a Ctrl-C into an exit
                    raise KeyboardInterrupt from error
                raise  # such as submitit's, which puts a job into the queue again
        if not all(bool(torch.isfinite(weight).all()) for weight in job.module.parameters()):
            raise NotFiniteError("a weight is NaN or infinite")
        if stop is not None:
            stop.restore(job.module)
        job.module.to(self._compute.device)  # a Trainer leaves the module on the CPU
        return watch.result(steps=trainer.global_step, epochs=trainer.current_epoch)

    def forward(self, normalize: nn.Module) -> Forward:
        """Return a function that runs networks over images batch by batch."""
        return EagerForward(normalize, self._compute)


class StopEarly(Callback):
    """Ends a fit `patience` epochs after the highest `val_accuracy` and keeps the weights of that epoch.

    Among equal accuracies the first counts. The metric is read once per epoch; nothing else waits for the
    device.

    Source: Keras' EarlyStopping with restore_best_weights=True.
    """

    def __init__(self, patience: int) -> None:
        self._patience = patience
        self._best = -math.inf
        self._epochs_since = 0
        self._state: dict[str, Tensor] | None = None

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Copy the weights if this epoch is the best so far; stop the fit if patience is used up."""
        value = float(trainer.callback_metrics["val_accuracy"])
        self._epochs_since += 1
        if value > self._best:
            self._best, self._epochs_since = value, 0
            self._keep(pl_module.state_dict())
        if self._epochs_since >= self._patience:
            trainer.should_stop = True

    def restore(self, module: pl.LightningModule) -> None:
        """Load the best weights; does nothing if no validation ran."""
        if self._state is not None:
            module.load_state_dict(self._state)

    def _keep(self, state: dict[str, Tensor]) -> None:
        if self._state is None:
            self._state = {name: tensor.clone() for name, tensor in state.items()}
        for name, tensor in state.items():
            self._state[name].copy_(tensor)


class _LossWatch(Callback):
    """Reports progress, keeps the losses, and ends the fit if a loss is not finite."""

    CHECK_EVERY = 64  # batches between checks of the loss; a check waits for the device

    def __init__(self, job: FitJob, progress: Progress) -> None:
        self._progress = progress
        self._total = job.max_steps if job.max_steps > 0 else None
        self._losses: list[Tensor] = []

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        loss = outputs["loss"] if isinstance(outputs, dict) else outputs
        self._losses.append(loss.detach().reshape(-1))
        if len(self._losses) % self.CHECK_EVERY == 0:
            self._check()
        self._progress("train", trainer.global_step, self._total)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._check()

    def result(self, steps: int, epochs: int) -> FitResult:
        """Return the steps, epochs and losses; the mean loss is NaN without a step."""
        loss_S = torch.cat(self._losses).float().cpu() if self._losses else torch.empty(0)
        last = loss_S[-max(1, len(loss_S) // 10) :]
        return FitResult(
            steps=steps, epochs=epochs, loss=float(last.mean()) if steps else math.nan, loss_S=loss_S
        )

    def _check(self) -> None:
        recent = self._losses[-self.CHECK_EVERY :]
        if recent and not bool(torch.isfinite(torch.cat(recent)).all()):
            raise NotFiniteError("the training loss is NaN or infinite")


class _OwnSigterm(Callback):
    """Keeps the handler of SIGTERM during a fit.

    Lightning's handler ends the fit as a Ctrl-C does. A sweep would then end because a cluster cancels or
    requeues one of its jobs, in which submitit ignores SIGTERM.
    """

    def __init__(self) -> None:
        self._handler = signal.getsignal(signal.SIGTERM)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if threading.current_thread() is threading.main_thread() and self._handler is not None:
            signal.signal(signal.SIGTERM, self._handler)


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Silence Lightning's banners, and its advice that does not apply to data on the device."""
    logger = logging.getLogger("pytorch_lightning")
    utilities = logging.getLogger("lightning.pytorch")
    levels = logger.level, utilities.level
    logger.setLevel(logging.ERROR)
    utilities.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*does not have many workers.*")
            warnings.filterwarnings("ignore", message=".*no `val_dataloader`.*")
            warnings.filterwarnings("ignore", message=".*in eval mode at the start of training.*")
            warnings.filterwarnings("ignore", message=".*GPU available but not used.*")
            warnings.filterwarnings("ignore", message=".*`srun` command is available.*")
            warnings.filterwarnings("ignore", message=".*isinstance.treespec, LeafSpec.*is deprecated.*")
            yield
    finally:
        logger.setLevel(levels[0])
        utilities.setLevel(levels[1])


@contextmanager
def _threads(n: int | None) -> Iterator[None]:
    """Compute on n threads; None changes nothing."""
    before = torch.get_num_threads()
    torch.set_num_threads(n or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _interrupts_raised() -> Iterator[None]:
    """Restore the Ctrl-C handler, which Lightning replaces when it is interrupted."""
    try:
        before = signal.getsignal(signal.SIGINT)
        yield
    finally:
        if signal.getsignal(signal.SIGINT) is not before:
            signal.signal(signal.SIGINT, before)
