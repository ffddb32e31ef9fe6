"""Ledger and truth in, counts and rates out. Besides the oracle, the only room that sees the truth."""

from dataclasses import dataclass

import torch
from torch import Tensor

from alframe.ledger import LabelLedger
from alframe.records import Counts


def count(ledger: LabelLedger, truth_N: Tensor | None) -> Counts:
    """Return the counts and rates of a ledger.

    Args:
        ledger: N samples.
        truth_N: (N,) int64 true labels, or None when nobody knows them: then `mislabelled`, its share
            and `auto_label_error` are None.
    """
    auto, hand = ledger.index_auto, ledger.index_hand
    mislabelled = share = auto_error = None
    if truth_N is not None:
        held = torch.cat([auto, hand])
        mislabelled = int((ledger.label_N[held] != truth_N[held]).sum())
        share = mislabelled / ledger.n_samples
        if len(auto):
            auto_error = int((ledger.label_N[auto] != truth_N[auto]).sum()) / len(auto)
    return Counts(
        n_samples=ledger.n_samples,
        hand_labels=len(hand),
        auto_labels=len(auto),
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
