"""Hand labels that the last classifier of a trial finds improbable: the first to check for mistakes.

Axes: L the labelled samples.
"""

from dataclasses import dataclass

from alframe.audit.label_ranking import label_quality, rank_suspects
from alframe.core.ledger import LabelLedger
from alframe.core.protocols import Learner


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
    """Return up to n hand labels that the classifier finds least probable, the least probable first.

    The classifier has learned from them, and finds a label that it has memorised probable. An audit of given
    labels asks classifiers that have not (`alframe.trial.out_of_sample`).
    """
    index_L = ledger.index_hand
    if n == 0 or len(index_L) == 0:
        return []
    scores = learner.score(index_L, frozenset({"log_probs"}))
    assert scores.log_probs_PC is not None
    label_L = ledger.label_N[index_L]
    quality_L = label_quality(scores.log_probs_PC, label_L, "self_confidence")
    first = rank_suspects(quality_L)[:n]
    columns = (index_L, label_L, scores.predicted_P, quality_L.exp())
    return [LabelIssue(*row) for row in zip(*(column[first].tolist() for column in columns), strict=True)]
