"""Counts and rates of a ledger against the truth. Besides the oracle, only this module uses the truth."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from alframe.audit.reliability import Diagnosis, diagnose
from alframe.core.ledger import LabelLedger, Source
from alframe.core.reports import Counts


def count_labels(ledger: LabelLedger, truth_N: Tensor | None) -> Counts:
    """Return the counts and rates of a ledger.

    Args:
        ledger: N samples.
        truth_N: (N,) int64, the true classes, or None if they are unknown: then `mislabelled`, its share
            and `auto_label_error` are None.
    """
    # Masks take one byte for each sample, indices would take eight.
    auto_N = ledger.member_N & (ledger.source_N == Source.AUTO)
    held_N = ledger.member_N & (ledger.source_N != Source.NONE)
    given_N = ledger.member_N & (ledger.source_N == Source.GIVEN)
    n_auto, n_set_aside = int(auto_N.sum()), len(ledger.index_set_aside)
    mislabelled = share = auto_error = None
    if truth_N is not None:
        wrong_N = held_N & (ledger.label_N >= 0) & (ledger.label_N != truth_N)
        mislabelled = int(wrong_N.sum())
        share = mislabelled / max(1, ledger.n_samples - n_set_aside)
        if n_auto:
            auto_error = int((wrong_N & auto_N).sum()) / n_auto
    return Counts(
        n_samples=ledger.n_samples,
        hand_labels=int(held_N.sum()) - n_auto - int(given_N.sum()),
        auto_labels=n_auto,
        unlabelled=len(ledger.index_unlabelled),
        mislabelled=mislabelled,
        mislabelled_share=share,
        auto_label_error=auto_error,
        set_aside=n_set_aside,
    )


@dataclass(frozen=True, kw_only=True)
class ClassCounts:
    """Counts of the samples of one true class.

    Attributes:
        n_samples: samples of the class that were not set aside. hand_labels, auto_labels: those with such a
            label.
        mislabelled: those with the label of another class.
        mislabelled_share: over `n_samples`; None if the class has no sample.
    """

    n_samples: int
    hand_labels: int
    auto_labels: int
    mislabelled: int
    mislabelled_share: float | None


def count_by_class(ledger: LabelLedger, truth_N: Tensor, n_classes: int) -> tuple[ClassCounts, ...]:
    """Return the counts for each true class.

    Args:
        ledger: N samples.
        truth_N: (N,) int64 in [0, C).
        n_classes: C.
    """
    held_N = ledger.member_N & (ledger.label_N >= 0)
    auto_N = held_N & (ledger.source_N == Source.AUTO)
    set_aside_N = ledger.member_N & (ledger.source_N != Source.NONE) & ~held_N
    masks = (
        ledger.member_N & ~set_aside_N,
        held_N & ~auto_N & (ledger.source_N != Source.GIVEN),
        auto_N,
        held_N & (ledger.label_N != truth_N),
    )
    by_class = zip(
        *(torch.bincount(truth_N[mask_N], minlength=n_classes).tolist() for mask_N in masks), strict=True
    )
    return tuple(
        ClassCounts(
            n_samples=n,
            hand_labels=hand,
            auto_labels=auto,
            mislabelled=wrong,
            mislabelled_share=wrong / n if n else None,
        )
        for n, hand, auto, wrong in by_class
    )


def macro_mislabelled_share(classes: Sequence[ClassCounts]) -> float | None:
    """Return the unweighted mean of the classes' mislabelled shares, or None if no class has a sample.

    >>> few = ClassCounts(n_samples=2, hand_labels=0, auto_labels=2, mislabelled=1, mislabelled_share=0.5)
    >>> many = ClassCounts(n_samples=98, hand_labels=0, auto_labels=98, mislabelled=0, mislabelled_share=0.0)
    >>> macro_mislabelled_share([few, many])
    0.25
    """
    shares = [item.mislabelled_share for item in classes if item.mislabelled_share is not None]
    return sum(shares) / len(shares) if shares else None


@dataclass(frozen=True)
class TruthEvaluator:
    """Keeps the truth and returns only counts and mistakes.

    Attributes:
        truth_N: (N,) int64, the true classes, or None if they are unknown.
        test_truth_T: (T,) int64, the true classes of the test images, or None without a test set.
    """

    truth_N: Tensor | None
    test_truth_T: Tensor | None = None

    def counts(self, ledger: LabelLedger) -> Counts:
        """Return the counts and rates of a ledger."""
        return count_labels(ledger, self.truth_N)

    def counts_by_class(self, ledger: LabelLedger, n_classes: int) -> tuple[ClassCounts, ...]:
        """Return the counts for each true class, or () if the truth is unknown."""
        return () if self.truth_N is None else count_by_class(ledger, self.truth_N, n_classes)

    def diagnosis(self, ledger: LabelLedger, n_classes: int) -> Diagnosis | None:
        """Return the mistakes of the auto-labels, or None if the truth is unknown."""
        return None if self.truth_N is None else diagnose(ledger, self.truth_N, n_classes)

    def test_accuracy(self, predicted_T: Tensor | None) -> float | None:
        """Return the share of test images that are classified correctly, or None without a test set."""
        if predicted_T is None or self.test_truth_T is None:
            return None
        return float((predicted_T == self.test_truth_T).double().mean())

    def class_accuracies(self, predicted_T: Tensor | None) -> tuple[float | None, ...]:
        """Return, for each true class of the test set, the share of its images that are classified correctly.

        It is None for a class without test images; there are no shares without a test set.
        """
        if predicted_T is None or self.test_truth_T is None:
            return ()
        n_C = torch.bincount(self.test_truth_T)
        right_C = torch.bincount(self.test_truth_T[predicted_T == self.test_truth_T], minlength=len(n_C))
        return tuple(
            right / n if n else None for right, n in zip(right_C.tolist(), n_C.tolist(), strict=True)
        )

    def mislabelled(self, ledger: LabelLedger) -> tuple[Tensor, Tensor]:
        """Return (index, truth), both int64, of the samples whose label differs from the truth."""
        if self.truth_N is None:
            empty = torch.empty(0, dtype=torch.int64)
            return empty, empty
        wrong_N = ledger.member_N & (ledger.label_N >= 0) & (ledger.label_N != self.truth_N)
        index = wrong_N.nonzero().flatten()
        return index, self.truth_N[index]
