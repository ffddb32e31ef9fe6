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

from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, Self

from torch import Tensor

from alframe.core.selection import among


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


@dataclass(frozen=True, kw_only=True)
class FitReport:
    """What one round's training did.

    Attributes:
        samples: labels that were learned from, those that validate included.
        steps: optimizer steps. epochs: passes over the labelled set, None where steps are the budget.
        loss: mean training loss of the last tenth of the steps, in nats.
        seconds: wall-clock seconds.
    """

    samples: int
    steps: int
    epochs: int | None
    loss: float
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Counts and rates of a ledger (METHODS: counts and rates); None where undefined.

    Attributes:
        mislabelled: labels that differ from the truth; mislabelled_share: over the whole data set.
        auto_label_error: wrong auto-labels over auto-labels, None (never 0) when there are none.
    """

    n_samples: int
    hand_labels: int
    auto_labels: int
    unlabelled: int
    mislabelled: int | None
    mislabelled_share: float | None
    auto_label_error: float | None

    @property
    def hand_share(self) -> float:
        """Hand labels over the data set's size, in [0, 1]."""
        return self.hand_labels / self.n_samples

    @property
    def coverage(self) -> float:
        """Auto-labels over the data set's size, in [0, 1]."""
        return self.auto_labels / self.n_samples


Kind = Literal["seed", "round", "closing"]


@dataclass(frozen=True, kw_only=True)
class RoundReport:
    """Every figure of one round: trackers, terminal, CSV and plots read this and nothing else.

    `kind` is "seed" for round 0, "round" for a round that trained, "closing" for the last row, in
    which the remainder gets its labels; the closing row is not counted as a round. `hand_new` and
    `auto_new` are labels written in this round; when auto-labels are judged anew, `auto_new` is all
    that stand. `seconds` is the round's wall-clock time. `cost` is what the trial has come to so far, in
    the currency of the cost figures. `validation_errors` are pairs (share of the pool, share of wrong
    predictions among the validation samples that are as confident), the most confident first.
    """

    kind: Kind
    round: int
    counts: Counts
    hand_new: int
    auto_new: int
    unlabelled_before: int
    fit: FitReport | None = None
    score_seconds: float | None = None
    threshold: float | None = None
    test_accuracy: float | None = None
    seconds: float = 0.0
    stopped_because: str | None = None
    note: str | None = None
    cost: float | None = None
    validation_errors: tuple[tuple[float, float], ...] = ()

    def without_truth(self) -> Self:
        """Return the report without the figures that take the truth to know; for those who decide."""
        counts = replace(self.counts, mislabelled=None, mislabelled_share=None, auto_label_error=None)
        return replace(self, counts=counts, test_accuracy=None)

    def row(self) -> dict[str, float | int | str | None]:
        """Return the round as one flat row, in the column order of `rounds.csv`."""
        counts, fit = self.counts, self.fit
        return {
            "round": self.round,
            "train_samples": fit.samples if fit else None,
            "train_steps": fit.steps if fit else None,
            "train_seconds": fit.seconds if fit else None,
            "score_seconds": self.score_seconds,
            "hand_new": self.hand_new,
            "auto_new": self.auto_new,
            "hand_labels": counts.hand_labels,
            "auto_labels": counts.auto_labels,
            "unlabelled": counts.unlabelled,
            "mislabelled": counts.mislabelled,
            "mislabelled_share": counts.mislabelled_share,
            "auto_label_error": counts.auto_label_error,
            "coverage": counts.coverage,
            "threshold": self.threshold,
            "test_accuracy": self.test_accuracy,
            "seconds": self.seconds,
            "train_loss": fit.loss if fit else None,
            "train_epochs": fit.epochs if fit else None,
            "kind": self.kind,
            "cost": self.cost,
            "note": self.note,
        }


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """What was proven about the labels as they stand after the audit's corrections.

    Attributes:
        tolerance, confidence: as asked for.
        audited: auto-labels drawn at random and checked.
        asked: all questions, those beyond the random draws included; each is a hand label now.
        found_wrong: wrong auto-labels found and corrected, among all `asked`.
        max_wrong: with probability `confidence`, at most so many wrong labels are left in the data set.
        max_wrong_share: over the whole data set, samples without a label included in its size.
        reached: `max_wrong` is within the tolerance, or with an `oracle_error` the bound that includes it.
        method: "uniform" or "weighted"; "none" where there was no auto-label.
        assumes: what the statement rests on.
        note: what the reader should know besides, None for nothing.
        oracle_error: as asked for.
        max_wrong_with_oracle_error: an upper bound when the oracle errs at that rate, each answer
            independently: `max_wrong` plus the errors of as many answers as the data set has samples.
        confidence_with_oracle_error: the probability with which that one holds.
    """

    tolerance: float
    confidence: float
    audited: int
    asked: int
    found_wrong: int
    max_wrong: int
    max_wrong_share: float
    reached: bool
    method: str
    assumes: str
    note: str | None = None
    oracle_error: float | None = None
    max_wrong_with_oracle_error: int | None = None
    confidence_with_oracle_error: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values, for `summary.json`."""
        return asdict(self)
