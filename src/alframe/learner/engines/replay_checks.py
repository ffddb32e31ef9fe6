"""Checks whether a fit can be recorded and replayed; the errors name the reasons against it."""

import pytorch_lightning as pl
from torch import nn
from torch.optim import SGD, Adadelta, Adam, AdamW, RMSprop

from alframe.learner.batches import TabledBatches
from alframe.learner.interfaces import FitJob
from alframe.learner.module import Classifier
from alframe.learner.networks import Head, StemConv2d

# Optimizers whose state begins as zeros, so a recorded step can be reset to its beginning.
KNOWN_OPTIMIZERS = (SGD, Adadelta, Adam, AdamW, RMSprop)
# Methods of a module that act in each step, which a replay does not call.
PER_STEP = (
    "on_fit_start",
    "on_train_epoch_start",
    "on_train_batch_start",
    "on_before_backward",
    "on_before_zero_grad",
    "backward",
    "optimizer_step",
    "optimizer_zero_grad",
    "configure_gradient_clipping",
    "lr_scheduler_step",
    "on_validation_batch_start",
    "on_validation_batch_end",
)


class NotReplayable(Exception):
    """Only the reference engine can run the job. The message is the reason, as a clause."""


def check_replayable(job: FitJob) -> None:
    """Raise `NotReplayable` if it is clear before the fit that a job's steps cannot be recorded."""
    if not isinstance(job.batches, TabledBatches):
        raise NotReplayable("the batches are not drawn from tables")
    if not job.batches.bank.resident:
        raise NotReplayable("the images are streamed from a file")
    if not job.module.automatic_optimization:
        raise NotReplayable("the module steps its optimizer itself")
    for name in PER_STEP:
        if getattr(type(job.module), name) is not getattr(pl.LightningModule, name):
            raise NotReplayable(f"the module has a {name} of its own")


def check_stackable(job: FitJob) -> None:
    """Raise `NotReplayable` if the steps of a job cannot be taken together with those of other fits."""
    if job.program is None:
        raise NotReplayable("it is not certain that the steps of two trials are the same")
    for name in ("on_after_backward", "on_before_optimizer_step"):
        if getattr(type(job.module), name) is not getattr(pl.LightningModule, name):
            raise NotReplayable(f"the module has a {name} of its own")


def check_optimizers(trainer: pl.Trainer) -> None:
    """Raise `NotReplayable` for optimizers or schedules that a recorded step cannot follow."""
    if len(trainer.optimizers) != 1 or len(trainer.lr_scheduler_configs) > 1:
        raise NotReplayable("the module has more than one optimizer or schedule")
    optimizer = trainer.optimizers[0]
    optimizer = getattr(optimizer, "optimizer", optimizer)
    if type(optimizer) not in KNOWN_OPTIMIZERS:
        raise NotReplayable(f"{type(optimizer).__name__} is not among the optimizers that it can reset")
    if any(group.get("dampening") for group in optimizer.param_groups):
        raise NotReplayable("SGD's first step differs from the others under dampening")
    for config in trainer.lr_scheduler_configs:
        if config.reduce_on_plateau:
            raise NotReplayable("the schedule waits for a metric")
        if getattr(config.scheduler, "cycle_momentum", False):
            raise NotReplayable("the schedule changes the momentum")
    fused = all(group.get("fused") for group in optimizer.param_groups)
    if isinstance(optimizer, SGD) and trainer.lr_scheduler_configs and not fused:
        raise NotReplayable("SGD reads a scheduled rate on the host unless it is fused")


def may_be_padded(module: Classifier) -> bool:
    """Return True if a batch may be padded with masked samples without a change for the other samples.

    That needs the loss of `Classifier`, which ignores masked samples, and a chain of torch's layers without
    batch norm, in which no sample depends on another.
    """

    def each_sample_alone(part: nn.Module) -> bool:
        chain = type(part).forward is nn.Sequential.forward
        layer = type(part).__module__.startswith("torch.nn.modules") or isinstance(part, (Head, StemConv2d))
        return chain or (layer and not isinstance(part, nn.modules.batchnorm._BatchNorm))

    is_plain = type(module).training_step is Classifier.training_step and module.augment is None
    return is_plain and all(each_sample_alone(part) for part in module.network.modules())


def counts_in_place(job: FitJob) -> bool:
    """Return True if validation can be recorded: the step is `Classifier`'s, which counts on the device."""
    return (
        isinstance(job.validation, TabledBatches)
        and job.validation.bank.resident
        and type(job.module).validation_step is Classifier.validation_step
        and type(job.module).forward is Classifier.forward
    )
