"""The supervised recipe: cross-entropy on the labels held, early stopping on a held-out part of them.

With the settings of conf/learner/published.yaml this is the published script's training.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from alframe.data.bank import Bank
from alframe.learner.batches import EpochBatches
from alframe.learner.engine import FitJob
from alframe.learner.module import Classifier, Normalize, OptimizerFactory
from alframe.learner.recipe import Lesson

SCORING_BATCH = 512


@dataclass(frozen=True, kw_only=True)
class SupervisedRecipe:
    """Trains epochs over the labelled set until early stopping.

    Attributes:
        optimizer: makes the optimizer from the parameters.
        batch_size: samples per step.
        validation_share: the last share of the labelled samples, in the order in which they were added,
            is held out for early stopping.
        patience: epochs without a better validation accuracy before training stops; the best weights
            are restored.
        max_epochs: cap on epochs, None for none.
    """

    optimizer: OptimizerFactory
    batch_size: int
    validation_share: float
    patience: int
    max_epochs: int | None = None

    def normalize(self, bank: Bank, index_N: Tensor) -> nn.Module:
        """Return pixels / 255."""
        n_channels = bank.image_shape[0]
        return Normalize(torch.zeros(n_channels), torch.full((n_channels,), 255.0))

    def job(self, network: nn.Module, lesson: Lesson) -> FitJob:
        """Return the fit of one round."""
        labelled, bank = lesson.labelled, lesson.bank
        train, validation = split_last(len(labelled), self.validation_share)
        batches = EpochBatches(
            bank,
            labelled.index_L[train],
            labelled.label_L[train],
            self.batch_size,
            torch.Generator().manual_seed(lesson.batches_seed),
        )
        max_steps = -1 if self.max_epochs is None else self.max_epochs * len(batches)
        return FitJob(
            module=Classifier(network, lesson.normalize, self.optimizer),
            n_labelled=len(labelled),
            batches=batches,
            max_steps=max_steps,
            validation=EpochBatches(
                bank, labelled.index_L[validation], labelled.label_L[validation], SCORING_BATCH
            ),
            patience=self.patience,
            program=("supervised", id(self), id(bank)),
        )


def split_last(n: int, share: float) -> tuple[slice, slice]:
    """Return (training, validation) slices: the last `share` of n samples validates, at least one each.

    Source: Keras' validation_split, which cuts at floor(n * (1 - share)).

    >>> split_last(600, 0.2)
    (slice(0, 480, None), slice(480, 600, None))
    """
    cut = min(max(math.floor(n * (1.0 - share)), 1), n - 1)
    return slice(0, cut), slice(cut, n)
