"""The recipe of a head on the vectors of an encoder: consistency on the pool, calibrated probabilities.

The heads of all folds are trained in the same steps on the same vectors: one product of matrices more each,
instead of one fit more each.

Axes: B a batch, L the labelled, D the features, C the classes.

Sources: FixMatch (Sohn et al., NeurIPS 2020); temperature scaling (Guo et al., ICML 2017) on out-of-fold
predictions.
"""

import copy
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from alframe.core.log_odds import temperature
from alframe.data.image_bank import Bank
from alframe.learner.batches import ConsistencyBatches
from alframe.learner.heads import MAX_TEMPERATURE, LinearHead, StandardVectors
from alframe.learner.interfaces import FitInputs, FitJob
from alframe.learner.module import Classifier, OptimizerFactory
from alframe.learner.scoring.committee import divide_logits, last_linear

CALIBRATED_ON = 2**14  # at most this many labels, evenly spread, set the temperature


class HeadClassifier(Classifier):
    """Smoothed cross-entropy on labelled vectors, plus agreement with its own predictions on the pool.

    Batches are (labelled vectors, coded labels, pool vectors or None). A coded label is
    label + n_classes * fold.
    """

    def __init__(
        self,
        network: nn.Module,
        normalize: nn.Module,
        optimizer: OptimizerFactory,
        one_cycle: dict[str, Any] | None,
        *,
        n_classes: int,
        n_folds: int,
        dropout: float,
        label_smoothing: float,
        confident: float,
        weight: float,
        calibration: "Calibration | None",
    ) -> None:
        """Build the module.

        Args:
            network, normalize, optimizer, one_cycle: as for `Classifier`.
            n_classes: C. n_folds: heads that are trained without a part of the labels.
            dropout: share of the features dropped. label_smoothing: share of the probability spread evenly.
            confident: probability above which a prediction teaches. weight: of the pool's loss.
            calibration: the labelled vectors that set the temperature; None keeps the temperature 1.
        """
        super().__init__(network, normalize, optimizer, None, one_cycle)
        self.fold_networks = nn.ModuleList(copy.deepcopy(network) for _ in range(n_folds))
        self._n_classes, self._smoothing = n_classes, label_smoothing
        self._dropout = dropout
        self._confident, self._weight = confident, weight
        self._calibration = calibration

    @property
    def trained(self) -> nn.Module:
        """The head and the heads of the folds."""
        return nn.ModuleList([self.network, *self.fold_networks])

    @property
    def scoring_network(self) -> nn.Module:
        """A copy of the head whose last layer is divided by the temperature."""
        network = copy.deepcopy(self.network).eval()
        if self._calibration is not None and len(self.fold_networks):
            divide_logits(network, self._temperature(self._calibration))
        return network

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """Return the sum over all heads of labelled loss + weight * pool loss, in nats."""
        vector_B, coded_B, pool_vector_B = batch
        label_B, fold_B = coded_B % self._n_classes, coded_B // self._n_classes
        logits_BHC = self._logits(self._drop(self.normalize(vector_B)))
        loss_BH = _cross_entropy(logits_BHC, label_B[:, None].expand(-1, self.n_heads), self._smoothing)
        # The first head learns from all labels, each of the others from those that are not its fold's.
        learned_BH = fold_B[:, None] != torch.arange(-1, self.n_heads - 1, device=fold_B.device)
        loss = ((loss_BH * learned_BH).sum(0) / learned_BH.sum(0).clamp_min(1)).sum()
        if pool_vector_B is None:
            return loss
        x_pool = self.normalize(pool_vector_B)
        with torch.no_grad():
            confidence_BH, target_BH = self._logits(x_pool).softmax(dim=2).max(dim=2)
        pool_loss_BH = _cross_entropy(self._logits(self._drop(x_pool)), target_BH, 0.0)
        return loss + self._weight * (pool_loss_BH * (confidence_BH > self._confident)).mean(0).sum()

    def _drop(self, x_BD: Tensor) -> Tensor:
        """Return vectors with a random part of their features set to zero and the others scaled up.

        One random byte decides about a feature, so that the share is a multiple of 1/256. For 256 x 1,280
        features on a CPU this takes 0.7 ms; `nn.Dropout` takes 3.2 ms, and at times 40 ms on a busy machine.
        """
        n_samples, n_features = x_BD.shape
        words = torch.empty(n_samples, -(-n_features // 8), dtype=torch.int64, device=x_BD.device)
        byte_BD = words.random_(-(2**63), None).view(torch.uint8)[:, :n_features]
        n_dropped = round(256 * self._dropout)
        kept_BD = byte_BD >= n_dropped
        return (x_BD * kept_BD).mul_(256 / max(1, 256 - n_dropped))

    @property
    def n_heads(self) -> int:
        """The head and the heads of the folds."""
        return 1 + len(self.fold_networks)

    def _logits(self, x_BD: Tensor) -> Tensor:
        """Return (B, heads, C); linear heads are one product of matrices."""
        heads = [self.network, *self.fold_networks]
        if not isinstance(self.network, LinearHead):
            return torch.stack([head(x_BD) for head in heads], dim=1)
        weight = torch.cat([head.weight for head in heads])
        bias = torch.cat([head.bias for head in heads])
        return F.linear(x_BD, weight, bias).float().view(len(x_BD), len(heads), -1)

    def _temperature(self, given: "Calibration") -> float:
        with torch.no_grad():
            x = self.normalize(given.bank.take(given.index_L.to(given.bank.index_device)))
            logits_LFC = torch.stack([network(x) for network in self.fold_networks], dim=1).double().cpu()
        logits_LC = logits_LFC[torch.arange(len(given.fold_L)), given.fold_L]
        return temperature(logits_LC, given.label_L, most=MAX_TEMPERATURE)

    def configure_optimizers(self) -> Any:
        """Return the optimizer of all heads, with the one-cycle schedule if there is one."""
        return self.optimizers_of(self.trained)


def _cross_entropy(logits_BHC: Tensor, target_BH: Tensor, smoothing: float) -> Tensor:
    """Return (B, heads), the cross-entropy of each head with each target, in nats."""
    return F.cross_entropy(
        logits_BHC.flatten(0, 1), target_BH.flatten(), reduction="none", label_smoothing=smoothing
    ).view_as(target_BH)


@dataclass(frozen=True, kw_only=True, eq=False)
class Calibration:
    """The labelled vectors that set the temperature.

    Attributes:
        bank: the vectors. index_L, label_L: int64, their indices and labels. fold_L: int64, the head that
            was trained without each.
    """

    bank: Bank
    index_L: Tensor
    label_L: Tensor
    fold_L: Tensor

    def __deepcopy__(self, memo: dict[int, Any]) -> "Calibration":
        return self  # it is read only, and the bank is large


@dataclass(frozen=True, kw_only=True)
class HeadRecipe:
    """Trains a head on vectors for a number of steps, on labels and pool together.

    Attributes:
        optimizer: makes the optimizer from the parameters. one_cycle: options of torch's OneCycleLR.
        steps: optimizer steps of a fit.
        batch_size, pool_batch_size: labelled and pool vectors per step.
        confident, weight, dropout, label_smoothing: see `HeadClassifier`.
        folds: parts of the labels, each with a head trained without it; 0 does not calibrate.
        auto_labels: "train" uses auto-labels like hand labels; "consistency" treats their samples as part of
            the pool and uses only hand labels.
    """

    optimizer: OptimizerFactory
    one_cycle: dict[str, Any]
    steps: int
    batch_size: int
    pool_batch_size: int
    confident: float
    weight: float
    dropout: float
    label_smoothing: float
    folds: int
    auto_labels: Literal["train", "consistency"]

    def normalize(self, bank: Bank, index_N: Tensor) -> nn.Module:
        """Return the standardisation of each feature by the trial's own vectors."""
        return StandardVectors(*bank.channel_statistics(index_N))

    def job(self, network: nn.Module, inputs: FitInputs) -> FitJob:
        """Return the fit of one round."""
        labelled, bank = inputs.labelled, inputs.bank
        trusted_L = labelled.hand_L if self.auto_labels == "consistency" else torch.ones_like(labelled.hand_L)
        index_L, label_L = labelled.index_L[trusted_L], labelled.label_L[trusted_L]
        n_folds = self.folds if len(index_L) >= 2 * self.folds else 0
        fold_L = torch.arange(len(index_L)) % max(1, n_folds)
        pool_P = torch.cat([labelled.pool_P, labelled.index_L[~trusted_L]])
        batches = ConsistencyBatches(
            bank,
            index_L,
            label_L + last_linear(network).out_features * fold_L,
            pool_P,
            self.batch_size,
            self.pool_batch_size,
            torch.Generator().manual_seed(inputs.batches_seed),
        )
        some = slice(None, None, -(-len(index_L) // CALIBRATED_ON))
        calibration = Calibration(
            bank=bank, index_L=index_L[some], label_L=label_L[some], fold_L=fold_L[some]
        )
        return FitJob(
            module=self._module(network, inputs.normalize, n_folds, calibration),
            n_labelled=len(index_L),
            batches=batches,
            max_steps=inputs.steps or self.steps,
            one_thread=True,
            program=("head", id(self), id(bank), n_folds, bool(len(pool_P) and self.pool_batch_size)),
        )

    def _module(
        self, network: nn.Module, normalize: nn.Module, n_folds: int, calibration: Calibration
    ) -> HeadClassifier:
        return HeadClassifier(
            network,
            normalize,
            self.optimizer,
            self.one_cycle,
            n_classes=last_linear(network).out_features,
            n_folds=n_folds,
            dropout=self.dropout,
            label_smoothing=self.label_smoothing,
            confident=self.confident,
            weight=self.weight,
            calibration=calibration,
        )
