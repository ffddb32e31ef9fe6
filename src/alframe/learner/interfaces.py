"""The protocols of recipes and engines, and the records that pass between them.

A recipe turns the `FitInputs` of a round into a `FitJob`. An engine runs the job and returns a `FitResult`.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from alframe.core.errors import AlframeError
from alframe.core.records import Labelled
from alframe.data.decoded import Progress
from alframe.data.image_bank import Bank
from alframe.learner.module import Classifier


@dataclass(frozen=True, kw_only=True, eq=False)
class FitJob:
    """One fit, ready to run.

    Attributes:
        module: the LightningModule to train, with its initial weights.
        n_labelled: number of labels that it learns from, including those for validation.
        batches: batches for its training_step, on the device. The iterable must not be a list: Lightning
            takes a list for several loaders.
        max_steps: optimizer steps; -1 if only early stopping ends the fit.
        validation: batches for its validation_step, or None.
        patience: epochs without a better `val_accuracy` before the fit ends; the best weights are then
            restored. Needs `validation`.
        one_thread: compute on one thread on a CPU: in many short products, threads wait for each other.
        program: a key. Jobs with equal keys run the same operations and differ only in the values of tensors
            and the states of generators, so one recording serves all these jobs. None if that
            is not certain.
    """

    module: Classifier
    batches: Iterable[Any]
    max_steps: int = -1
    n_labelled: int = 0
    validation: Iterable[Any] | None = None
    patience: int | None = None
    one_thread: bool = False
    program: Hashable | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class FitResult:
    """The result of a fit.

    Attributes:
        steps, epochs: number of optimizer steps, and of passes over the batches.
        loss: mean loss of the last tenth of the steps, in nats.
        loss_S: (steps,) float32, CPU: the loss of each step, in nats.
    """

    steps: int
    epochs: int
    loss: float
    loss_S: Tensor = field(default_factory=lambda: torch.empty(0))


class NotFiniteError(AlframeError):
    """The loss or a weight became NaN or infinite."""


Forward = Callable[[Sequence[nn.Module], Bank, Tensor, int], Iterator[list[Tensor]]]
"""Called with (networks, bank, index_P, batch_size); yields batch after batch the logits (B, C) of each
network, in the order of `index_P`."""


class Engine(Protocol):
    """Runs fits, and makes the function that runs networks over a pool."""

    @property
    def name(self) -> str:
        """The name in the config of the engine that runs: "reference" after a fall-back."""
        ...

    def fit(self, job: FitJob, progress: Progress) -> FitResult:
        """Train `job.module` in place and leave it on the device.

        Raises:
            NotFiniteError: the loss or a weight is NaN or infinite.
            KeyboardInterrupt: on Ctrl-C.
        """
        ...

    def forward(self, normalize: nn.Module) -> Forward:
        """Return a function that runs networks; `normalize` maps uint8 images to their input."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class FitInputs:
    """The data and seeds of one fit.

    Attributes:
        bank: the images.
        normalize: maps uint8 images to the network's input.
        labelled: the current labels and the pool.
        round: the round, from 1.
        batches_seed, augment_seed: seeds of the order of samples, and of the alterations of images.
        steps: optimizer steps, for recipes with a number of steps; None takes the recipe's own number.
    """

    bank: Bank
    normalize: nn.Module
    labelled: Labelled
    round: int
    batches_seed: int
    augment_seed: int
    steps: int | None = None


class Recipe(Protocol):
    """The training of a round."""

    def normalize(self, bank: Bank, index_N: Tensor) -> nn.Module:
        """Return the map from uint8 images to the network's input, fitted to the images `index_N`."""
        ...

    def job(self, network: nn.Module, inputs: FitInputs) -> FitJob:
        """Return the fit of one round; `network` is on the device and has its initial weights."""
        ...
