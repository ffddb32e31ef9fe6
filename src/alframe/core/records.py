"""The frozen records that pass between the components of a trial.

Axes (a suffix per axis, here and everywhere else):

- N  the samples of the data set's file;
- P  the pool: the samples that are scored, which have no current label;
- L  the labelled samples, in the order in which their labels were added;
- A  the auto-labelled among the pool;
- Q  the queried among the pool;
- V  the validation set in use;
- T  the test images;
- B  a batch;  C  the classes;  K  the members of a committee;  D  the features before the last layer.

Indices are always indices into the data set's file (N), never positions in the pool. Tensors in
records are on the CPU.
"""

from dataclasses import dataclass, replace
from typing import Any, Self

import torch
from torch import Tensor

from alframe.core.selection import among


@dataclass(frozen=True, kw_only=True)
class LastLayer:
    """The newest network's last layer: its logits are `features_PD @ weight_CD.T + bias_C`.

    Attributes:
        weight_CD: float32. bias_C: float32, zeros if the layer has no bias.
    """

    weight_CD: Tensor
    bias_C: Tensor


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """The labels that a classifier may learn from, and the samples without a label.

    Attributes:
        index_L: int64, in the order in which the labels were added; validation samples are not among them.
        label_L: int64 in [0, C).
        hand_L: bool, True for a hand label, False for an auto-label.
        pool_P: int64, ascending: the samples without a label and the validation samples. Their images may be
            used without labels. The validation set is included so that it stays representative of the pool.
        features_LD: float32, as in `PoolScores`, if a strategy needs "labelled_features"; else None.
        log_probs_LC: float32, as in `PoolScores`, if a strategy needs "labelled_log_probs"; else None. The
            classifier has learned from these samples, so they are too confident.
    """

    index_L: Tensor
    label_L: Tensor
    hand_L: Tensor
    pool_P: Tensor
    features_LD: Tensor | None = None
    log_probs_LC: Tensor | None = None

    def __len__(self) -> int:
        return len(self.index_L)


@dataclass(frozen=True, kw_only=True)
class PoolScores:
    """Scores of the pool by a classifier: O(P) numbers unless `needs` asks for more.

    A field that is not needed is None.

    Attributes:
        index_P: int64, data-set indices.
        predicted_P: int64 in [0, C), the class with the largest probability.
        log_odds_P: float32, log(p / (1 - p)) of that class's probability p; it does not saturate where
            float32 probabilities do.
        margin_P: float32 >= 0, log(p_1st / p_2nd), for the need "margin".
        entropy_P: float32 >= 0, nats, of the class probabilities, for the need "entropy".
        log_probs_PC: float32, the log-probabilities, for the need "log_probs".
        members_PKC: float32, the log-probabilities of each member of the committee, for the need "members".
            A member is the same member for every sample.
        features_PD: float32, finite, the input of the last layer of the newest network, for the need
            "features".
        last_layer: the layer after these features, for the need "last_layer".
    """

    index_P: Tensor
    predicted_P: Tensor
    log_odds_P: Tensor
    margin_P: Tensor | None = None
    entropy_P: Tensor | None = None
    log_probs_PC: Tensor | None = None
    members_PKC: Tensor | None = None
    features_PD: Tensor | None = None
    last_layer: LastLayer | None = None

    def __len__(self) -> int:
        return len(self.index_P)

    def predictions(self) -> Self:
        """Return these scores without their optional fields."""
        return type(self)(index_P=self.index_P, predicted_P=self.predicted_P, log_odds_P=self.log_odds_P)

    def without(self, index: Tensor) -> Self:
        """Return these scores without the samples in `index` (int64, any length)."""
        if len(index) == 0 or len(self) == 0:
            return self
        return self.at(~among(self.index_P, index))

    def at(self, chosen: Tensor | slice) -> Self:
        """Return these scores for some of the samples, by a (P,) bool mask, int64 positions or a slice."""
        if isinstance(chosen, Tensor) and chosen.dtype == torch.bool and bool(chosen.all()):
            return self
        # By vars, since a field that is None is not read.
        kept: dict[str, Any] = {
            name: value[chosen] if isinstance(value, Tensor) else value for name, value in vars(self).items()
        }
        return type(self)(**kept)


NO_SCORES = PoolScores(
    index_P=torch.empty(0, dtype=torch.int64),
    predicted_P=torch.empty(0, dtype=torch.int64),
    log_odds_P=torch.empty(0),
)


@dataclass(frozen=True, kw_only=True)
class Validation:
    """A random sample of the pool with its labels, which no classifier learns from.

    Attributes:
        scores: of the V samples, with the fields that the policy needs.
        label_V: int64, the oracle's labels.
    """

    scores: PoolScores
    label_V: Tensor

    def __len__(self) -> int:
        return len(self.label_V)

    def at(self, chosen_V: Tensor) -> Self:
        """Return the validation set of some of the samples, by a (V,) bool mask."""
        return replace(self, scores=self.scores.at(chosen_V), label_V=self.label_V[chosen_V])


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """The predictions that an auto-label policy accepts.

    Attributes:
        index_A: int64, data-set indices. label_A: int64, predicted classes. log_odds_A: float32, their
            log-odds.
        threshold: the probability above which labels were accepted, None if there is no such threshold.
        inside_V: bool, True for the validation samples that would have been accepted in the pool; None if no
            validation set was given.
        note: a remark for the reader, such as why nothing was accepted; or None.
    """

    index_A: Tensor
    label_A: Tensor
    log_odds_A: Tensor
    threshold: float | None = None
    inside_V: Tensor | None = None
    note: str | None = None
