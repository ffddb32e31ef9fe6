"""The consistency recipe for colour photographs: weak and strong alterations, FixMatch or FlexMatch.

Sources: FixMatch (Sohn et al., NeurIPS 2020); FlexMatch (Zhang et al., NeurIPS 2021). As in
`consistency.py`, the averaged network predicts the classes of pool images, where the papers take the network
itself.
"""

import math
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from alframe.core.seeds import derive_seed
from alframe.data.image_bank import Bank
from alframe.learner.batches import ConsistencyBatches
from alframe.learner.interfaces import FitInputs
from alframe.learner.module import OptimizerFactory, scaling
from alframe.learner.recipes.augment_photographs import CropAndFlip, StrongAlterations
from alframe.learner.recipes.consistency import ConsistencyClassifier, PoolRecipe
from alframe.learner.recipes.curriculum import Curriculum


class PhotographClassifier(ConsistencyClassifier):
    """Cross-entropy on weakly altered labelled images plus agreement on strongly altered pool images.

    Batches are (labelled images, labels, pool images or None, indices of the pool images or None). The
    learning rate falls along a cosine.
    """

    def __init__(
        self,
        network: nn.Module,
        normalize: nn.Module,
        optimizer: OptimizerFactory,
        weak: nn.Module,
        strong: nn.Module,
        curriculum: Curriculum | None,
        *,
        average_decay: float,
        confident: float,
        weight: float,
        known_N: Tensor | None = None,
    ) -> None:
        """Build the module.

        Args:
            network, normalize, optimizer, average_decay, confident, weight, known_N: as for
                `ConsistencyClassifier`.
            weak: maps uint8 images to altered ones: labelled images, and what the averaged network sees.
            strong: maps those to float32 images in [0, 255] that the network must recognise.
            curriculum: thresholds by class; None takes `confident` for each class.
        """
        super().__init__(
            network,
            normalize,
            optimizer,
            None,
            None,
            average_decay=average_decay,
            confident=confident,
            weight=weight,
            known_N=known_N,
        )
        self.weak = weak
        self.strong = strong
        self.curriculum = curriculum

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """Return labelled cross-entropy + weight * pool cross-entropy, in nats."""
        image_B, label_B, pool_image_B, index_B = batch
        x = self.normalize(self.weak(image_B))
        if pool_image_B is None:
            return F.cross_entropy(self.network(x), label_B)
        with torch.no_grad():
            probs_BC = self.average(self.normalize(self.weak(pool_image_B))).softmax(dim=1)
            confidence_B, target_B = probs_BC.max(dim=1)
            teaches_B = confidence_B > self._confident
            if self.curriculum is not None:
                teaches_B = self.curriculum(index_B, target_B, confidence_B, probs_BC.shape[1])
            if self.known_N is not None:
                teaches_B &= self.agrees(index_B, target_B)
        x_pool = self.normalize(self.strong(self.weak(pool_image_B)))
        both = torch.cat([x, x_pool]).contiguous(memory_format=torch.channels_last)
        return self.loss(self.network(both), label_B, target_B, teaches_B)

    def configure_optimizers(self) -> Any:
        """Return the optimizer, with the rate of step k of K at lr * cos(7 pi k / (16 K)) as in FixMatch."""
        optimizer = super().configure_optimizers()
        steps = int(self.trainer.estimated_stepping_batches)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: math.cos(7 * math.pi * step / (16 * steps))
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


@dataclass(frozen=True, kw_only=True)
class PhotographRecipe(PoolRecipe):
    """Trains on labelled photographs and the pool: FlexMatch, or FixMatch without the curriculum.

    Attributes:
        curriculum: True lowers the threshold of hard classes, see `Curriculum`.
        weak: limits of `CropAndFlip`. strong: those of `StrongAlterations`.
        inputs: "unit" divides pixels by 255; "standard" standardises each channel by the trial's own images.
    """

    curriculum: bool
    weak: dict[str, float]
    strong: dict[str, Any]
    inputs: Literal["unit", "standard"]

    def normalize(self, bank: Bank, index_N: Tensor) -> nn.Module:
        """Return the map from pixels to the network's input."""
        return scaling(self.inputs, bank, index_N)

    def alter(self, bank: Bank, normalize: nn.Module, seed: int, strength: float = 1.0) -> CropAndFlip:
        """Return the module that alters images weakly; `strength` scales the shift."""
        generator = torch.Generator(bank.device).manual_seed(seed)
        return CropAndFlip(shift=strength * self.weak["shift"], flip=self.weak["flip"], generator=generator)

    def module(self, network: nn.Module, inputs: FitInputs, pool_P: Tensor) -> PhotographClassifier:
        """Return the LightningModule of a fit."""
        bank = inputs.bank
        strong_seed = derive_seed(inputs.augment_seed, inputs.round, "strong")
        generator = torch.Generator(bank.device).manual_seed(strong_seed)
        return PhotographClassifier(
            network,
            inputs.normalize,
            self.optimizer,
            self.alter(bank, inputs.normalize, inputs.augment_seed),
            StrongAlterations(**self.strong, generator=generator),
            Curriculum(len(bank), pool_P, self.confident) if self.curriculum else None,
            average_decay=self.average_decay,
            confident=self.confident,
            weight=self.weight,
            known_N=self.known(inputs),
        )

    def batches(
        self, bank: Bank, index_L: Tensor, label_L: Tensor, pool_P: Tensor, seed: int
    ) -> ConsistencyBatches:
        """Return the batches of a fit, with the indices of the pool images."""
        return replace(super().batches(bank, index_L, label_L, pool_P, seed), with_index=True)
