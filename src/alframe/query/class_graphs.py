"""The linear graph of each class: all samples in a row, sorted by how likely the class is.

In the row of class k, samples are sorted by their margin p_k - max_j p_j, the largest first. If the
classifier is right, all samples of class k come first and all others follow. The place where the class ends
is then the decision boundary. `Galaxy` and `Direct` use the labels in the row to find this place, and ask
about samples near it. Each row is searched separately, so that a rare class gets as many questions as a
common one.

Axes: M the samples of a graph: the pool first, then the hand-labelled; C the classes, P the pool.

Source: Zhang, Katz-Samuels & Nowak, GALAXY: graph-based active learning at the extreme, ICML 2022.
"""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from alframe.core.records import Labelled, PoolScores
from alframe.query.pool_ranking import finite


@dataclass(frozen=True, kw_only=True)
class ClassGraphs:
    """The samples of the graphs and what is known about them.

    Attributes:
        log_probs_MC: float32, the classifier's.
        label_M: int64, the class, -1 for samples of the pool. Auto-labelled samples are not in the graphs,
            because their labels are only predictions.
    """

    log_probs_MC: Tensor
    label_M: Tensor

    @cached_property
    def _by_confidence(self) -> Tensor:
        return self.log_probs_MC.amax(dim=1).argsort(descending=True, stable=True)

    def order(self, k: int) -> Tensor:
        """Return (M,) int64 positions, the samples in the row of class k.

        Samples with the same margin are in the order of their largest probability, then of their positions.
        """
        # The margin is 0 for all samples that are predicted to be of the class.
        log_probs_MC = self.log_probs_MC[self._by_confidence]
        margin_M = log_probs_MC[:, k].double().exp() - log_probs_MC.amax(dim=1).double().exp()
        return self._by_confidence[margin_M.argsort(descending=True, stable=True)]


def class_graphs(scores: PoolScores, labelled: Labelled) -> ClassGraphs:
    """Return the graphs of the pool and of the hand-labelled samples.

    Args:
        scores: of the pool, with log_probs_PC. labelled: with log_probs_LC.
    """
    log_probs_PC, log_probs_LC = finite(scores, "log_probs_PC"), finite(labelled, "log_probs_LC")
    log_probs_LC = log_probs_LC.reshape(-1, log_probs_PC.shape[1])
    unknown_P = torch.full((len(scores),), -1)
    return ClassGraphs(
        log_probs_MC=torch.cat([log_probs_PC, log_probs_LC[labelled.hand_L]]),
        label_M=torch.cat([unknown_P, labelled.label_L[labelled.hand_L]]),
    )
