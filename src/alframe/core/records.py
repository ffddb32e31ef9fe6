"""The frozen records that pass between the rooms of a trial.

Axes (a suffix per axis, here and everywhere else):

- N  the samples of the data set's file;
- P  the pool: what is scored, samples without a label that stands;
- L  the labelled samples, in the order in which their labels were added;
- A  the auto-labelled among the pool;
- Q  the queried among the pool;
- V  the validation set in use;
- T  the test images;
- B  a batch;  C  the classes;  K  the members of a committee;  D  the features before the last layer.

Indices are always indices into the data set's file (N), never positions in the pool. Tensors in
records are on the CPU.
"""

from dataclasses import dataclass, fields, replace
from typing import Any, Self

from torch import Tensor

from alframe.core.reports import Certificate, Counts, FitReport, Kind, RoundReport
from alframe.core.selection import among

__all__ = [
    "Accepted",
    "Certificate",
    "Counts",
    "FitReport",
    "Kind",
    "Labelled",
    "PoolScores",
    "RoundReport",
    "Validation",
]


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """What a classifier may learn from: the labels held and the indices without one.

    Attributes:
        index_L: int64, in the order in which the labels were added; validation samples are not among them.
        label_L: int64 in [0, C).
        hand_L: bool, True where a hand gave the label, False where it is a prediction.
        pool_P: int64, ascending: the samples without a label and the validation samples, whose images may
            be used. A validation set whose images were treated otherwise would not stand for the pool.
        features_LD: float32, as in `PoolScores`, where a strategy needs "labelled_features"; else None.
    """

    index_L: Tensor
    label_L: Tensor
    hand_L: Tensor
    pool_P: Tensor
    features_LD: Tensor | None = None

    def __len__(self) -> int:
        return len(self.index_L)


@dataclass(frozen=True, kw_only=True)
class PoolScores:
    """What a classifier says about the pool, O(P) numbers unless more was asked for by `needs`.

    Attributes:
        index_P: int64, data-set indices.
        predicted_P: int64 in [0, C), the class with the largest probability.
        log_odds_P: float32, log(p / (1 - p)) of that class's probability p; does not saturate where
            float32 probabilities do.
        margin_P: float32 >= 0, log(p_1st / p_2nd), when "margin" was needed; else None.
        entropy_P: float32 >= 0, nats, of the class probabilities, when "entropy" was needed; else None.
        log_probs_PC: float32, the log-probabilities, when "log_probs" was needed; else None.
        members_PKC: float32, the log-probabilities of each member of the committee, when "members" was
            needed; else None. A member is the same member for every sample.
        features_PD: float32, finite, what the last layer of the newest network sees, when "features" was
            needed; else None.
    """

    index_P: Tensor
    predicted_P: Tensor
    log_odds_P: Tensor
    margin_P: Tensor | None = None
    entropy_P: Tensor | None = None
    log_probs_PC: Tensor | None = None
    members_PKC: Tensor | None = None
    features_PD: Tensor | None = None

    def __len__(self) -> int:
        return len(self.index_P)

    def without(self, index: Tensor) -> Self:
        """Return these scores without the samples in `index` (int64, any length)."""
        if len(index) == 0 or len(self) == 0:
            return self
        return self.at(~among(self.index_P, index))

    def at(self, chosen: Tensor | slice) -> Self:
        """Return these scores for some of the samples: a bool mask (P,), int64 positions, or a slice."""
        kept: dict[str, Any] = {
            field.name: value[chosen]
            for field in fields(self)
            if isinstance(value := getattr(self, field.name), Tensor)
        }
        return replace(self, **kept)


@dataclass(frozen=True, kw_only=True)
class Validation:
    """A random sample of the pool with its labels, never learned from.

    Attributes:
        scores: what the classifier says about it, V rows, with the fields that the policy needs.
        label_V: int64, the oracle's labels.
    """

    scores: PoolScores
    label_V: Tensor

    def __len__(self) -> int:
        return len(self.label_V)


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """What an auto-label policy accepts.

    Attributes:
        index_A: int64; label_A: int64; log_odds_A: float32.
        threshold: the probability above which labels were accepted, None where there is no such one.
        inside_V: bool, the validation samples that would have been accepted had they been in the pool;
            None where no validation set was given.
        note: what a person should know, such as why nothing was accepted; None where there is nothing.
    """

    index_A: Tensor
    label_A: Tensor
    log_odds_A: Tensor
    threshold: float | None = None
    inside_V: Tensor | None = None
    note: str | None = None
