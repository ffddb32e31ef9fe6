"""The mistakes of the auto-labels: a confusion matrix, and the error rate by confidence."""

import math
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from alframe.core.ledger import LabelLedger
from alframe.core.log_odds import logit

# Edges of the bins of probability; most auto-labels lie far above 0.99.
EDGES = (0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9995, 0.9999, 0.99999, 0.999999, 0.9999999)


@dataclass(frozen=True, kw_only=True)
class ConfidenceBin:
    """Auto-labels of about the same confidence.

    Attributes:
        low, high: bounds in log-odds, above low and up to high; None is no bound.
        n: auto-labels, at least one. wrong: those that differ from the truth.
        confidence: the mean of their probabilities.
    """

    low: float | None
    high: float | None
    n: int
    wrong: int
    confidence: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Diagnosis:
    """The comparison of the auto-labels with the truth.

    Attributes:
        confusion_CC: (C, C) int64 counts, a row for each true class, a column for each label.
        reliability: non-empty bins, from the least confident to the most confident.
    """

    confusion_CC: Tensor
    reliability: tuple[ConfidenceBin, ...]


def diagnose(ledger: LabelLedger, truth_N: Tensor, n_classes: int) -> Diagnosis:
    """Return the comparison of a ledger's auto-labels with the truth.

    Args:
        ledger: N samples. truth_N: (N,) int64 in [0, C). n_classes: C.
    """
    index_A = ledger.index_auto
    label_A, truth_A = ledger.label_N[index_A], truth_N[index_A]
    pairs = torch.bincount(truth_A * n_classes + label_A, minlength=n_classes**2)
    return Diagnosis(
        confusion_CC=pairs.view(n_classes, n_classes),
        reliability=reliability(ledger.log_odds_N[index_A], label_A != truth_A),
    )


def reliability(log_odds_A: Tensor, wrong_A: Tensor) -> tuple[ConfidenceBin, ...]:
    """Return the non-empty bins between `EDGES`, from the least confident to the most confident.

    Args:
        log_odds_A: (A,) float, the log-odds of the auto-labels. wrong_A: (A,) bool.

    >>> bins = reliability(torch.tensor([0.0, 3.0, 3.5, 30.0]), torch.tensor([True, False, True, False]))
    >>> [(each.n, each.wrong, round(each.confidence, 3)) for each in bins]
    [(1, 1, 0.5), (2, 1, 0.962), (1, 0, 1.0)]
    """
    edges = torch.tensor([logit(edge) for edge in EDGES], dtype=torch.float64)
    odds_A = log_odds_A.double()
    place_A = torch.bucketize(odds_A, edges)  # edges[k - 1] < odds <= edges[k]
    n = len(edges) + 1
    counts = torch.bincount(place_A, minlength=n).tolist()
    wrong = torch.bincount(place_A[wrong_A], minlength=n).tolist()
    totals = torch.bincount(place_A, weights=odds_A.sigmoid(), minlength=n).tolist()
    bounds = [None, *edges.tolist(), None]
    return tuple(
        ConfidenceBin(
            low=bounds[k], high=bounds[k + 1], n=counts[k], wrong=wrong[k], confidence=totals[k] / counts[k]
        )
        for k in range(n)
        if counts[k]
    )


def diagnosis_to_dict(diagnosis: Diagnosis | None) -> dict[str, Any]:
    """Return a diagnosis as plain containers; its values are None if the truth is unknown."""
    if diagnosis is None:
        return {"confusion": None, "reliability": None}
    return {
        "confusion": diagnosis.confusion_CC.tolist(),
        "reliability": [asdict(each) for each in diagnosis.reliability],
    }


def most_confident(ledger: LabelLedger, index_M: Tensor, n: int) -> Tensor:
    """Return the positions in `index_M` (int64) of its n most confident labels, hand labels last."""
    odds_M = ledger.log_odds_N[index_M].nan_to_num(nan=-math.inf)
    return odds_M.argsort(descending=True, stable=True)[:n]
