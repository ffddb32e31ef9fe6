"""Ledger and truth in, counts and rates out. Besides the oracle, the only room that sees the truth."""

from dataclasses import dataclass

import torch
from torch import Tensor

from alframe.ledger import LabelLedger, Source
from alframe.records import Counts


def count(ledger: LabelLedger, truth_N: Tensor | None) -> Counts:
    """Return the counts and rates of a ledger.

    Args:
        ledger: N samples.
        truth_N: (N,) int64 true labels, or None when nobody knows them: then `mislabelled`, its share
            and `auto_label_error` are None.
    """
    # Masks, of a byte a sample, where indices would take eight.
    auto_N, held_N = ledger.source_N == Source.AUTO, ledger.source_N != Source.NONE
    n_auto = int(auto_N.sum())
    mislabelled = share = auto_error = None
    if truth_N is not None:
        wrong_N = held_N & (ledger.label_N != truth_N)
        mislabelled = int(wrong_N.sum())
        share = mislabelled / ledger.n_samples
        if n_auto:
            auto_error = int((wrong_N & auto_N).sum()) / n_auto
    return Counts(
        n_samples=ledger.n_samples,
        hand_labels=int(held_N.sum()) - n_auto,
        auto_labels=n_auto,
        unlabelled=len(ledger.index_unlabelled),
        mislabelled=mislabelled,
        mislabelled_share=share,
        auto_label_error=auto_error,
    )


@dataclass(frozen=True)
class Audit:
    """Holds the truth and answers with counts only.

    Attributes:
        truth_N: (N,) int64, or None when people are the oracle.
        test_truth_T: (T,) int64, or None without a test set.
    """

    truth_N: Tensor | None
    test_truth_T: Tensor | None = None

    def counts(self, ledger: LabelLedger) -> Counts:
        """Return `count(ledger, truth)`."""
        return count(ledger, self.truth_N)

    def test_accuracy(self, predicted_T: Tensor | None) -> float | None:
        """Return the share of test images classified rightly, None without a test set."""
        if predicted_T is None or self.test_truth_T is None:
            return None
        return float((predicted_T == self.test_truth_T).double().mean())

    def mislabelled(self, ledger: LabelLedger) -> tuple[Tensor, Tensor]:
        """Return (index, truth), both int64, of the samples whose label differs from the truth."""
        if self.truth_N is None:
            empty = torch.empty(0, dtype=torch.int64)
            return empty, empty
        wrong_N = (ledger.label_N >= 0) & (ledger.label_N != self.truth_N)
        index = wrong_N.nonzero().flatten()
        return index, self.truth_N[index]
