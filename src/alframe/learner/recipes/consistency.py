"""The consistency recipe: the unlabelled pool is training data too.

An averaged copy of the network predicts the class of each pool image. If it is confident, the network must
predict the same class for an altered copy of the image. A wrong pseudo-label affects only one step, while a
wrong auto-label in the ledger stays.

Source: FixMatch (Sohn et al., NeurIPS 2020) with the averaged network as the teacher (Tarvainen &
Valpola, Mean teachers, NeurIPS 2017).
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from alframe.data.image_bank import Bank
from alframe.learner.batches import ConsistencyBatches
from alframe.learner.interfaces import FitInputs, FitJob
from alframe.learner.module import Classifier, Normalize, OptimizerFactory
from alframe.learner.recipes.augment import RandomDeformation
from alframe.learner.recipes.ema import AveragedNetwork

UNKNOWN = -1  # in place of a label


class ConsistencyClassifier(Classifier):
    """Cross-entropy on altered labelled images plus agreement with the averaged network on the pool.

    Batches are (labelled images, labels, pool images or None), and with known labels the indices of the pool
    images as well.
    """

    known_N: Tensor | None

    def __init__(
        self,
        network: nn.Module,
        normalize: nn.Module,
        optimizer: OptimizerFactory,
        augment: nn.Module | None,
        one_cycle: dict[str, Any] | None,
        *,
        average_decay: float,
        confident: float,
        weight: float,
        label_smoothing: float = 0.0,
        known_N: Tensor | None = None,
    ) -> None:
        """Build the module.

        Args:
            network, normalize, optimizer, augment, one_cycle: as for `Classifier`.
            average_decay: share of the averaged weights that each step keeps.
            confident: only pool images whose averaged prediction is above this probability are used.
            weight: weight of the pool's loss relative to the labelled samples' loss.
            label_smoothing: share of a label's probability that is spread evenly over all classes.
            known_N: (N,) int64, labels of the data set or `UNKNOWN`. A pool image with a label is used only
                if the averaged network predicts it. None uses all.
        """
        super().__init__(network, normalize, optimizer, augment, one_cycle)
        self.average = AveragedNetwork(network, average_decay)
        self._confident = confident
        self._weight = weight
        self._smoothing = label_smoothing
        self.register_buffer("known_N", known_N, persistent=False)

    @property
    def scoring_network(self) -> nn.Module:
        """The averaged network."""
        network: nn.Module = self.average.module.eval()
        return network

    def on_train_start(self) -> None:
        """Put the averaged network into evaluation mode: its statistics are averages, not a batch's."""
        self.average.eval()

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """Return labelled cross-entropy + weight * pool cross-entropy, in nats."""
        image_B, label_B, pool_image_B, *index = batch
        assert self.augment is not None
        x = self.normalize(image_B)
        if pool_image_B is None:
            logits_BC = self.network(self.augment(x))
            return F.cross_entropy(logits_BC, label_B, label_smoothing=self._smoothing)
        x_pool = self.normalize(pool_image_B)
        with torch.no_grad():
            confidence_B, target_B = self.average(x_pool).softmax(dim=1).max(dim=1)
        both = torch.cat([x, x_pool]).contiguous(memory_format=torch.channels_last)
        logits_BC = self.network(self.augment(both))
        teaches_B = confidence_B > self._confident
        if self.known_N is not None:
            teaches_B &= self.agrees(index[0], target_B)
        return self.loss(logits_BC, label_B, target_B, teaches_B)

    def agrees(self, index_B: Tensor, target_B: Tensor) -> Tensor:
        """Return (B,) bool: whether the label that is known of an image is the predicted one, or none is."""
        assert self.known_N is not None
        known_B = self.known_N[index_B]
        return (known_B == target_B) | (known_B == UNKNOWN)

    def loss(self, logits_BC: Tensor, label_B: Tensor, target_B: Tensor, teaches_B: Tensor) -> Tensor:
        """Return labelled cross-entropy + weight * pool cross-entropy, in nats.

        Args:
            logits_BC: of the labelled images, then of the pool images. label_B: of the former.
            target_B, teaches_B: of the latter, their pseudo-labels and whether they count.
        """
        n = len(label_B)
        labelled_loss = F.cross_entropy(logits_BC[:n], label_B, label_smoothing=self._smoothing)
        pool_loss_B = F.cross_entropy(logits_BC[n:], target_B, reduction="none")
        return labelled_loss + self._weight * (pool_loss_B * teaches_B).mean()

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Move the averaged weights and statistics towards the network's."""
        self.average.update(self.network)


@dataclass(frozen=True, kw_only=True)
class PoolRecipe(ABC):
    """What recipes share that train a number of steps on labels and pool together.

    Attributes:
        optimizer: makes the optimizer from the parameters.
        steps, steps_growth: a fit takes steps + steps_growth * (round - 1) optimizer steps.
        max_pool_passes: the steps pass over the pool at most this often, because a network memorises a small
            pool, wrong pseudo-labels included. None for no limit.
        batch_size, pool_batch_size: labelled and pool images per step.
        average_decay, confident, weight: see `ConsistencyClassifier`.
        auto_labels: "train" uses auto-labels like hand labels; "consistency" treats their images as part of
            the pool and uses only hand labels; "agree" does so too, but such an image is used only if the
            averaged network predicts its auto-label.
    """

    optimizer: OptimizerFactory
    steps: int
    batch_size: int
    pool_batch_size: int
    average_decay: float
    confident: float
    weight: float
    steps_growth: int
    max_pool_passes: float | None
    auto_labels: Literal["train", "consistency", "agree"]

    def normalize(self, bank: Bank, index_N: Tensor) -> nn.Module:
        """Return the per-channel standardisation by the trial's own images."""
        return Normalize(*bank.channel_statistics(index_N))

    @abstractmethod
    def module(self, network: nn.Module, inputs: FitInputs, pool_P: Tensor) -> Classifier:
        """Return the LightningModule of a fit; `pool_P` are the indices of the pool."""

    def batches(
        self, bank: Bank, index_L: Tensor, label_L: Tensor, pool_P: Tensor, seed: int
    ) -> ConsistencyBatches:
        """Return the batches of a fit, in an order drawn from `seed`."""
        generator = torch.Generator().manual_seed(seed)
        sizes = self.batch_size, self.pool_batch_size
        with_index = self.auto_labels == "agree"
        return ConsistencyBatches(bank, index_L, label_L, pool_P, *sizes, generator, with_index)

    def known(self, inputs: FitInputs) -> Tensor | None:
        """Return the auto-labels with which a prediction must agree, or None.

        They are (N,) int64 on the bank's device, those of the round before, and `UNKNOWN` elsewhere.
        """
        if self.auto_labels != "agree":
            return None
        labelled, label_N = inputs.labelled, torch.full((len(inputs.bank),), UNKNOWN)
        label_N[labelled.index_L[~labelled.hand_L]] = labelled.label_L[~labelled.hand_L]
        return label_N.to(inputs.bank.device)

    def job(self, network: nn.Module, inputs: FitInputs) -> FitJob:
        """Return the fit of one round."""
        labelled, bank = inputs.labelled, inputs.bank
        trusted_L = torch.ones_like(labelled.hand_L) if self.auto_labels == "train" else labelled.hand_L
        index_L, label_L = labelled.index_L[trusted_L], labelled.label_L[trusted_L]
        pool_P = torch.cat([labelled.pool_P, labelled.index_L[~trusted_L]])
        return FitJob(
            module=self.module(network, inputs, pool_P),
            n_labelled=len(index_L),
            batches=self.batches(bank, index_L, label_L, pool_P, inputs.batches_seed),
            max_steps=self._steps(inputs, len(pool_P), len(labelled.pool_P) + len(labelled)),
            program=("consistency", id(self), id(bank), bool(len(pool_P) and self.pool_batch_size)),
        )

    def _steps(self, inputs: FitInputs, n_pool: int, n_samples: int) -> int:
        steps = inputs.steps or self.steps + self.steps_growth * (inputs.round - 1)
        if self.max_pool_passes is None or n_pool == 0 or self.pool_batch_size == 0:
            return steps
        return min(steps, max(1, math.ceil(self.max_pool_passes * n_samples / self.pool_batch_size)))


@dataclass(frozen=True, kw_only=True)
class ConsistencyRecipe(PoolRecipe):
    """Trains on labels and pool together, with deformed images and a one-cycle learning rate.

    Attributes:
        one_cycle: options of torch's OneCycleLR.
        augment: limits of `RandomDeformation`.
        label_smoothing: see `ConsistencyClassifier`.
    """

    one_cycle: dict[str, Any]
    augment: dict[str, float]
    label_smoothing: float

    def alter(self, bank: Bank, normalize: nn.Module, seed: int, strength: float = 1.0) -> RandomDeformation:
        """Return the module that alters normalised images; `strength` scales all limits but `flip`."""
        n_channels, height, width = bank.image_shape
        black = torch.zeros(1, n_channels, 1, 1, dtype=torch.uint8, device=bank.device)
        return RandomDeformation(
            **{name: limit if name == "flip" else strength * limit for name, limit in self.augment.items()},
            image_size=(height, width),
            fill=normalize(black)[0],
            generator=torch.Generator(bank.device).manual_seed(seed),
        )

    def module(self, network: nn.Module, inputs: FitInputs, pool_P: Tensor) -> ConsistencyClassifier:
        """Return the LightningModule of a fit."""
        return ConsistencyClassifier(
            network,
            inputs.normalize,
            self.optimizer,
            self.alter(inputs.bank, inputs.normalize, inputs.augment_seed),
            self.one_cycle,
            average_decay=self.average_decay,
            confident=self.confident,
            weight=self.weight,
            label_smoothing=self.label_smoothing,
            known_N=self.known(inputs),
        )
