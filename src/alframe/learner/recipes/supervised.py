"""The supervised recipe: cross-entropy on the current labels, for some epochs or until early stopping.

With the settings of conf/learner/published.yaml it trains like the published script.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from alframe.core.records import Labelled
from alframe.data.image_bank import Bank
from alframe.learner.batches import EpochBatches
from alframe.learner.interfaces import FitInputs, FitJob
from alframe.learner.module import Classifier, OptimizerFactory, scaling

VALIDATION_BATCH = 512  # images per validation step


@dataclass(frozen=True, kw_only=True)
class SupervisedRecipe:
    """Trains on the labelled set for a number of epochs, or until early stopping.

    Attributes:
        optimizer: makes the optimizer from the parameters.
        batch_size: samples per step.
        validation_share: the last share of the labelled samples, in the order in which they were added,
            is held out for early stopping; None holds out none.
        patience: epochs without a better validation accuracy before training stops; the best weights
            are restored. If it and `validation_share` are None, every sample trains for `max_epochs`.
        max_epochs: the most epochs; None for no limit, which requires early stopping.
        inputs: "unit" divides pixels by 255; "standard" standardises each channel by the trial's own images.
        auto_labels: "train" uses auto-labels like hand labels; "ignore" leaves them out.
    """

    optimizer: OptimizerFactory
    batch_size: int
    validation_share: float | None
    patience: int | None
    max_epochs: int | None
    auto_labels: Literal["train", "ignore"]
    inputs: Literal["unit", "standard"]

    def normalize(self, bank: Bank, index_N: Tensor) -> nn.Module:
        """Return the map from pixels to the network's input."""
        return scaling(self.inputs, bank, index_N)

    def job(self, network: nn.Module, inputs: FitInputs) -> FitJob:
        """Return the fit of one round."""
        bank = inputs.bank
        index_L, label_L = self._learned(inputs.labelled)
        train, held_out = slice(None), None
        if self.validation_share is not None:
            train, held_out = split_last(len(index_L), self.validation_share)
        shuffles = torch.Generator().manual_seed(inputs.batches_seed)
        batches = EpochBatches(bank, index_L[train], label_L[train], self.batch_size, shuffles)
        validation = None
        if held_out is not None:
            validation = EpochBatches(bank, index_L[held_out], label_L[held_out], VALIDATION_BATCH)
        return FitJob(
            module=Classifier(network, inputs.normalize, self.optimizer),
            n_labelled=len(index_L),
            batches=batches,
            max_steps=self._max_steps(inputs, len(batches)),
            validation=validation,
            patience=self.patience,
            program=("supervised", id(self), id(bank)),
        )

    def _max_steps(self, inputs: FitInputs, steps_per_epoch: int) -> int:
        if inputs.steps is not None:
            return inputs.steps
        return -1 if self.max_epochs is None else self.max_epochs * steps_per_epoch

    def _learned(self, labelled: Labelled) -> tuple[Tensor, Tensor]:
        """Return the (indices, labels) to train on, in the order in which the labels were added."""
        if self.auto_labels == "train":
            return labelled.index_L, labelled.label_L
        return labelled.index_L[labelled.hand_L], labelled.label_L[labelled.hand_L]


def split_last(n: int, share: float) -> tuple[slice, slice]:
    """Return (training, validation) slices: the last `share` of n samples validates; each has at least one.

    Source: Keras' validation_split, which cuts at floor(n * (1 - share)).

    >>> split_last(600, 0.2)
    (slice(0, 480, None), slice(480, 600, None))
    """
    cut = min(max(math.floor(n * (1.0 - share)), 1), n - 1)
    return slice(0, cut), slice(cut, n)
