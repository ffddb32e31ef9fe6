"""The reports of a fit, a round and a certificate: plain numbers and text, no tensor.

Importing this module does not import torch, so that a report can read the records that a trial writes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Literal, Self

from alframe.core.record_parsing import record_from_text


@dataclass(frozen=True, kw_only=True)
class FitReport:
    """The training of one round.

    Attributes:
        samples: labels used for training, the held-out validation labels included.
        steps: optimizer steps. epochs: passes over the labelled set, None if the budget is in steps.
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
        hand_labels: answers of the oracle, those that set a sample aside included.
        mislabelled: labels that differ from the truth; mislabelled_share: over `n_rated`.
        auto_label_error: wrong auto-labels over auto-labels, None (never 0) without auto-labels.
        set_aside: samples of which the oracle answered that they have no label.
    """

    n_samples: int
    hand_labels: int
    auto_labels: int
    unlabelled: int
    mislabelled: int | None
    mislabelled_share: float | None
    auto_label_error: float | None
    set_aside: int = 0

    @property
    def n_rated(self) -> int:
        """The samples that rates are shares of: all but those set aside; at least 1."""
        return max(1, self.n_samples - self.set_aside)

    @property
    def hand_share(self) -> float:
        """Hand labels over `n_rated`, in [0, 1]; samples that were set aside are in neither."""
        return (self.hand_labels - self.set_aside) / self.n_rated

    @property
    def coverage(self) -> float:
        """Auto-labels over `n_rated`, in [0, 1]."""
        return self.auto_labels / self.n_rated


Kind = Literal["seed", "round", "closing"]


@dataclass(frozen=True, kw_only=True)
class RoundRow:
    """A row of `rounds.csv`. The fields are the columns, in their order; None is an empty cell.

    Attributes:
        round: 0 for the seed set, then 1, 2 and so on.
        train_samples: labels used for training. train_steps: optimizer steps.
        train_seconds: wall-clock seconds of training. score_seconds: of scoring the pool.
        hand_new: hand labels of this round. auto_new: auto-labels of this round; all current
            ones if they are decided anew in each round.
        hand_labels: answers of the oracle after the round. auto_labels: auto-labels after the round.
        seconds: wall-clock seconds of the whole round.
        unlabelled: samples without a label after the round.
        mislabelled: labels that differ from the truth.
        mislabelled_share: mislabelled over the data set without `set_aside`, in [0, 1].
        auto_label_error: wrong auto-labels over auto-labels, in [0, 1].
        coverage: auto-labels over the data set without `set_aside`, in [0, 1].
        threshold: the probability above which predictions were accepted.
        test_accuracy: of this round's classifier on the test set, in [0, 1].
        train_loss: mean training loss of the last tenth of the steps, in nats.
        train_epochs: passes over the labelled set, if the training is measured in epochs.
        kind: "seed" (round 0), "round", or "closing" (the last row: the remainder gets its labels).
        cost: of the trial so far, in the currency of `cost.*`.
        note: a remark for people, such as why no auto-label was accepted.
        set_aside: samples so far that the oracle answered with "cannot tell" or "no class"; they are among
            hand_labels and in no rate.
        spot_checks: predictions that were checked so far before any is accepted.
        spot_checks_wrong: the wrong ones among them.
    """

    round: int
    train_samples: int | None = None
    train_steps: int | None = None
    train_seconds: float | None = None
    score_seconds: float | None = None
    hand_new: int
    auto_new: int
    hand_labels: int
    auto_labels: int
    unlabelled: int
    mislabelled: int | None = None
    mislabelled_share: float | None = None
    auto_label_error: float | None = None
    coverage: float
    threshold: float | None = None
    test_accuracy: float | None = None
    seconds: float
    train_loss: float | None = None
    train_epochs: int | None = None
    kind: Kind
    cost: float | None = None
    note: str | None = None
    set_aside: int = 0
    spot_checks: int | None = None
    spot_checks_wrong: int | None = None

    def to_csv(self) -> dict[str, str]:
        """Return the text of each cell by its column; floats keep every digit."""
        return {name: _cell(value) for name, value in vars(self).items()}

    @classmethod
    def from_csv(cls, cells: Mapping[str, str]) -> Self:
        """Return the row with these cells. Unknown columns are ignored; optional columns may be missing.

        Raises:
            ValueError: a cell cannot be read; the text names its column.
        """
        return record_from_text(cls, cells)


def _cell(value: float | int | str | None) -> str:
    if value is None:
        return ""
    return repr(value) if isinstance(value, float) else str(value)


@dataclass(frozen=True, kw_only=True)
class RoundReport:
    """All figures of one round. Trackers, the terminal, the CSV file and the plots read only this record.

    Attributes:
        kind: "seed" for round 0, "round" for a round that trained, "closing" for the last row, in which
            the remainder gets its labels. The closing row is not counted as a round.
        hand_new, auto_new: labels written in this round. If auto-labels are decided anew in each round,
            `auto_new` counts all of them.
        unlabelled_before: samples without a label when the round began.
        score_seconds, seconds: wall-clock seconds of scoring and of the whole round.
        cost: of the trial so far, in the currency of `cost.*`.
        validation_errors: pairs (share of the pool, share of wrong predictions among the validation samples
            that are at least as confident), the most confident first. n_validation: these samples in use.
        kept_for_check: hand labels of stopping.max_hand_labels that only the check at the end may use.
        spot_checks, spot_checks_wrong: predictions that were checked so far before any is accepted, and the
            wrong ones among them; None for policies without spot checks.
        class_accuracies: on the test images of each class, None for a class without any; empty without a
            test set.
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
    n_validation: int = 0
    kept_for_check: int = 0
    spot_checks: int | None = None
    spot_checks_wrong: int | None = None
    class_accuracies: tuple[float | None, ...] = ()

    def budget_spent(self, max_hand_labels: int) -> str | None:
        """Return that the rounds have used a budget of hand labels, or None if they have not."""
        if self.counts.hand_labels + self.kept_for_check < max_hand_labels:
            return None
        kept = f"; {self.kept_for_check} of them are for the check" if self.kept_for_check else ""
        return f"stopping.max_hand_labels={max_hand_labels} was reached{kept}"

    def without_truth(self) -> Self:
        """Return the report without the figures that need the truth; stopping rules get this one."""
        counts = replace(self.counts, mislabelled=None, mislabelled_share=None, auto_label_error=None)
        return replace(self, counts=counts, test_accuracy=None, class_accuracies=())

    def row(self) -> RoundRow:
        """Return the report as one flat row of `rounds.csv`."""
        values = {**vars(self.counts), "coverage": self.counts.coverage, **vars(self)}
        if self.fit is not None:
            values |= {f"train_{name}": value for name, value in vars(self.fit).items()}
        columns = [field.name for field in fields(RoundRow) if field.name in values]
        return RoundRow(**{name: values[name] for name in columns})


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """The bound on wrong labels that an audit proves, its corrections included.

    Attributes:
        tolerance, confidence: as set by certificate.tolerance and certificate.confidence.
        audited: auto-labels drawn at random and checked.
        asked: all questions, those beyond the random draws included; each answer is a hand label.
        found_wrong: wrong auto-labels found and corrected, among all `asked`. An answer that names no class
            counts as one; the sample is then set aside.
        max_wrong: with probability `confidence`, at most this many wrong labels are left in the data set.
        max_wrong_share: over the whole data set, samples without a label included in its size, samples set
            aside not included.
        reached: `max_wrong` is within the tolerance, or with an `oracle_error` the bound that includes it.
        method: "uniform" or "weighted"; "none" without auto-labels.
        assumes: the assumption of the statement.
        note: a remark for the reader, or None.
        oracle_error: as set by certificate.oracle_error.
        max_wrong_with_oracle_error: an upper bound if the oracle errs at that rate, each answer
            independently: `max_wrong` plus the errors of as many answers as the data set has samples.
        confidence_with_oracle_error: the probability with which that bound holds.
        set_aside: answers of the audit that name no class, among `found_wrong`.
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
    set_aside: int = 0
