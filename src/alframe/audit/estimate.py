"""How many given labels are wrong: a uniform sample that is answered without a look at the label.

A labels were given. m of them, a number fixed before the first answer, are drawn uniformly without
replacement. The number found wrong is hypergeometric, so that the interval is exact for a finite data set
(`alframe.audit.hypergeometric`); it is never wider than that of Clopper and Pearson, to which it tends for a
large one. The sample of the labels of one class is a uniform sample of them too, given its size.

Axes: D drawn samples; C classes.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from alframe.audit.hypergeometric import least_wrong, most_wrong
from alframe.core.ledger import CANNOT_TELL

LEAST_OF_CLASS = 10  # answers, for an interval of a class: with fewer it is wider than 0 to 0.3


@dataclass(frozen=True, kw_only=True)
class WrongShare:
    """The share of wrong labels in a population, with its interval.

    Attributes:
        n_labels: labels in the population. answers: of these drawn. found_wrong: of these wrong.
        undecided: answers "cannot tell". They count as wrong in `high` and as right in `low`.
        wrong_share: found_wrong / decided answers; None without one.
        low, high: shares; both hold at once with the probability `confidence` of the estimate.
    """

    n_labels: int
    answers: int
    found_wrong: int
    undecided: int
    wrong_share: float | None
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class ErrorEstimate:
    """The estimated share of wrong labels of a data set.

    Attributes:
        overall: of all labels.
        confidence: of the interval. That of each class holds with this probability too, for this class.
        classes: by given class; None for a class with too few answers.
    """

    overall: WrongShare
    confidence: float
    classes: tuple[WrongShare | None, ...]


def wrong_share(
    n_labels: int, answers: int, found_wrong: int, undecided: int, confidence: float
) -> WrongShare:
    """Return the share of wrong labels with its exact two-sided interval, half of the error on each side.

    Args:
        n_labels: at least 1. answers: in [0, n_labels]. found_wrong + undecided: at most answers.
        confidence: in (0, 1).

    >>> found = wrong_share(60_000, 400, 20, 0, confidence=0.95)
    >>> found.wrong_share, round(found.low, 4), round(found.high, 4)
    (0.05, 0.0309, 0.0761)
    """
    alpha = (1.0 - confidence) / 2
    decided = answers - undecided
    return WrongShare(
        n_labels=n_labels,
        answers=answers,
        found_wrong=found_wrong,
        undecided=undecided,
        wrong_share=found_wrong / decided if decided else None,
        low=least_wrong(n_labels, answers, found_wrong, alpha) / n_labels,
        high=most_wrong(n_labels, answers, found_wrong + undecided, alpha) / n_labels,
    )


def estimate_errors(given_D: Tensor, answer_D: Tensor, size_C: Tensor, confidence: float) -> ErrorEstimate:
    """Return how many labels are wrong, by the answers to a uniform sample.

    Args:
        given_D: (D,) int64 in [0, C), the given labels of the sample.
        answer_D: (D,) int64, the answers: classes, `CANNOT_TELL` or `NO_CLASS`.
        size_C: (C,) int64, the number of labels of each class in the data set.
        confidence: in (0, 1).
    """
    undecided_D, wrong_D = answer_D == CANNOT_TELL, called_wrong(given_D, answer_D)
    n_classes = len(size_C)
    drawn_C, wrong_C, undecided_C = (
        torch.bincount(given_D[mask_D], minlength=n_classes).tolist()
        for mask_D in (torch.ones_like(wrong_D), wrong_D, undecided_D)
    )
    return ErrorEstimate(
        overall=wrong_share(int(size_C.sum()), len(given_D), sum(wrong_C), sum(undecided_C), confidence),
        confidence=confidence,
        classes=tuple(
            wrong_share(n, drawn, wrong, undecided, confidence)
            if drawn >= min(n, LEAST_OF_CLASS) > 0
            else None
            for n, drawn, wrong, undecided in zip(size_C.tolist(), drawn_C, wrong_C, undecided_C, strict=True)
        ),
    )


def called_wrong(given_D: Tensor, answer_D: Tensor) -> Tensor:
    """Return (D,) bool: the given labels (int64) whose answer (int64) names another class, or no class."""
    return (answer_D != given_D) & (answer_D != CANNOT_TELL)
