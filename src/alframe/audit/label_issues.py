"""Hand labels that a classifier finds improbable, which are the first to check for mistakes of people.

Axes: L the labelled samples, C the classes.

Source: Northcutt, Jiang & Chuang, Confident learning: estimating uncertainty in dataset labels, JAIR 2021
(ranking by self-confidence, as in cleanlab).
"""

from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from alframe.core.ledger import LabelLedger
from alframe.core.protocols import Learner


class LabelIssueRanking(NamedTuple):
    """Labels ranked by how improbable they are.

    Attributes:
        order_L: int64, positions, the least probable label first; ties keep their order.
        self_confidence_L: float32 in [0, 1], the probability of each given label, in the order given.
    """

    order_L: Tensor
    self_confidence_L: Tensor


def rank_label_issues(log_probs_LC: Tensor, label_L: Tensor) -> LabelIssueRanking:
    """Return the labels ranked by self-confidence, the probability that the classifier gives to them.

    The ranking uses log-probabilities, which stay different where float32 probabilities round to 0. A
    classifier that has memorised a label finds it probable, so that scores of a classifier that has not seen
    it (cross-validation) are more useful.

    Args:
        log_probs_LC: (L, C) float32, at most 0.
        label_L: (L,) int64 in [0, C).

    >>> import torch
    >>> log_probs = torch.tensor([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]]).log()
    >>> order, confidence = rank_label_issues(log_probs, torch.tensor([0, 1, 1]))
    >>> order.tolist(), [round(value, 2) for value in confidence.tolist()]
    ([1, 2, 0], [0.9, 0.2, 0.7])
    """
    given_L = log_probs_LC.gather(1, label_L[:, None])[:, 0]
    return LabelIssueRanking(given_L.argsort(stable=True), given_L.exp())


@dataclass(frozen=True)
class LabelIssue:
    """A hand label to check again.

    Attributes:
        index: of the sample in the data set. label: the hand label. predicted: the classifier's class.
        self_confidence: in [0, 1], the probability that the classifier gives to the label.
    """

    index: int
    label: int
    predicted: int
    self_confidence: float


def find_label_issues(learner: Learner, ledger: LabelLedger, n: int) -> list[LabelIssue]:
    """Return up to n hand labels that the classifier finds least probable, the least probable first."""
    index_L = ledger.index_hand
    if n == 0 or len(index_L) == 0:
        return []
    scores = learner.score(index_L, frozenset({"log_probs"}))
    assert scores.log_probs_PC is not None
    label_L = ledger.label_N[index_L]
    ranked = rank_label_issues(scores.log_probs_PC, label_L)
    first = ranked.order_L[:n]
    columns = (index_L, label_L, scores.predicted_P, ranked.self_confidence_L)
    return [LabelIssue(*row) for row in zip(*(column[first].tolist() for column in columns), strict=True)]
