"""The recipe of the fit that fine-tunes an encoder: cross-entropy on hand-labelled images, weakly altered."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from alframe.data.image_bank import Bank
from alframe.learner.batches import EpochBatches
from alframe.learner.interfaces import FitInputs, FitJob
from alframe.learner.module import Classifier, OptimizerFactory, scaling
from alframe.learner.recipes.augment_photographs import CropAndFlip


@dataclass(frozen=True, kw_only=True)
class FineTuningRecipe:
    """Trains a number of steps on hand labels, with shifted and mirrored images.

    Attributes:
        optimizer: makes the optimizer from the parameters. one_cycle: options of torch's OneCycleLR.
        steps: optimizer steps of a fit. batch_size: images per step.
        weak: limits of `CropAndFlip`.
    """

    optimizer: OptimizerFactory
    one_cycle: dict[str, Any]
    steps: int
    batch_size: int
    weak: dict[str, float]

    def normalize(self, bank: Bank, index_N: Tensor) -> nn.Module:
        """Return the division of pixels by 255; the network normalises them as its encoder needs them."""
        return scaling("unit", bank, index_N)

    def job(self, network: nn.Module, inputs: FitInputs) -> FitJob:
        """Return the fit."""
        labelled, bank = inputs.labelled, inputs.bank
        index_L, label_L = labelled.index_L[labelled.hand_L], labelled.label_L[labelled.hand_L]
        shuffles = torch.Generator().manual_seed(inputs.batches_seed)
        draws = torch.Generator(bank.device).manual_seed(inputs.augment_seed)
        alter = CropAndFlip(**self.weak, generator=draws)
        return FitJob(
            module=Classifier(network, inputs.normalize, self.optimizer, alter, self.one_cycle),
            n_labelled=len(index_L),
            batches=EpochBatches(bank, index_L, label_L, self.batch_size, shuffles),
            max_steps=inputs.steps or self.steps,
        )
