"""What an engine is: something that runs a fit."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from alframe.core.errors import AlframeError
from alframe.core.records import Labelled
from alframe.data.bank import Bank
from alframe.learner.module import Classifier

Progress = Callable[[str, int, int | None], None]
"""Told (stage, done, total); total is None where nobody knows it."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FitJob:
    """One fit.

    Attributes:
        module: the LightningModule to train, with the weights to start from.
        n_labelled: labels that it learns from, those that validate included.
        batches: what its training_step takes, on the device; an iterable of its own, not a list, which
            Lightning would take for several loaders.
        max_steps: optimizer steps, -1 where early stopping is the only end.
        validation: batches for its validation_step, or None.
        patience: epochs without a better `val_accuracy` before the fit ends with the best weights
            restored; needs `validation`.
        program: jobs with equal programs compute the same and differ in nothing but the values of tensors
            and the states of generators, so that what was captured for one serves them all; None where
            that is not known.
    """

    module: Classifier
    batches: Iterable[Any]
    max_steps: int = -1
    n_labelled: int = 0
    validation: Iterable[Any] | None = None
    patience: int | None = None
    program: Hashable | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class FitResult:
    """What was run.

    Attributes:
        steps, epochs: optimizer steps and passes over the batches.
        loss: mean loss of the last tenth of the steps, in nats.
        loss_S: (steps,) float32, CPU: the loss of each step, in nats.
    """

    steps: int
    epochs: int
    loss: float
    loss_S: Tensor = field(default_factory=lambda: torch.empty(0))


class NotFiniteError(AlframeError):
    """The loss or a weight became NaN or infinite."""


class Forward(Protocol):
    """Runs networks over images."""

    def __call__(
        self, networks: Sequence[nn.Module], bank: Bank, index_P: Tensor, batch_size: int
    ) -> Iterator[list[Tensor]]:
        """Yield batch after batch the logits (B, C) of each network, in the order of `index_P`."""
        ...


class Engine(Protocol):
    """Runs a fit, and networks over a pool."""

    @property
    def name(self) -> str:
        """What ran, or would run: the name it is chosen by."""
        ...

    def fit(self, job: FitJob, progress: Progress) -> FitResult:
        """Train `job.module` in place and leave it on the device.

        Raises:
            NotFiniteError: the loss or a weight is NaN or infinite.
            KeyboardInterrupt: on Ctrl-C.
        """
        ...

    def forward(self, normalize: nn.Module) -> Forward:
        """Return what runs networks over images; `normalize` maps uint8 images to what they take."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class FitInputs:
    """What one round learns from.

    Attributes:
        bank: the images on the device.
        normalize: maps uint8 images to the network's input.
        labelled: the labels held and the pool.
        round: 1-based.
        batches_seed, augment_seed: draw what goes into batches and how images are altered.
        steps: optimizer steps, for recipes that take a number of them; None takes the recipe's own.
    """

    bank: Bank
    normalize: nn.Module
    labelled: Labelled
    round: int
    batches_seed: int
    augment_seed: int
    steps: int | None = None


class Recipe(Protocol):
    """How a round is trained."""

    def normalize(self, bank: Bank, index_N: Tensor) -> nn.Module:
        """Return the map from uint8 images to the network's input, fitted on the images `index_N`."""
        ...

    def job(self, network: nn.Module, lesson: FitInputs) -> FitJob:
        """Return the fit of one round for a network on the device, fresh or started from the last."""
        ...
