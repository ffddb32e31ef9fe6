"""DropQuery: samples whose predicted class changes under dropout, one near the centre of each of n clusters.

Axes: P the pool, K the members of the committee, C the classes, D the features, S the doubtful samples.

Source: Gupte, Aklilu, Nirschl & Yeung-Levy, Revisiting active learning in the era of vision foundation
models, TMLR 2024 (arXiv 2401.14555), algorithm 1. The two rules for few doubtful samples are those of the
authors' code. There a pass is one with dropout on the features. Here it is a member of the committee, which
with `learner.committee.kind=last_layer` drops the same features for every sample.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from alframe.core.records import Labelled, PoolScores
from alframe.query.clustering import nearest_to_centres
from alframe.query.distances import unit_rows
from alframe.query.pool_ranking import Subset, finite


@dataclass(frozen=True, kw_only=True)
class DropQuery(Subset):
    """Asks the sample nearest to the centre of each of n clusters of samples in doubt.

    A sample is in doubt if its predicted class changes in more than half of the passes. If there are fewer
    of them than spread * n, samples with fewer changes join, down to one change. If there are still fewer
    than n, all are asked, and random ones besides. Clusters come from k-means on the directions of the
    features.

    Attributes:
        max_candidates: at least 1, the size of the random part of the pool that is looked at; None takes all.
        passes: at least 1, how many members of the committee are compared with the prediction; the first
            ones, or all if there are fewer.
        spread: at least 1.

    Source: Gupte, Aklilu, Nirschl & Yeung-Levy, TMLR 2024, algorithm 1.
    """

    passes: int
    spread: float
    needs: frozenset[str] = field(default=frozenset({"members", "features"}), init=False)

    def select(self, scores: PoolScores, labelled: Labelled, n: int, generator: torch.Generator) -> Tensor:
        """Return (min(n, P),) int64, the data-set indices to ask."""
        members_PKC = finite(scores, "members_PKC")[:, : self.passes]
        features_PD = finite(scores, "features_PD")
        changes_P = changes(members_PKC, scores.predicted_P)
        least = least_changes(changes_P, members_PKC.shape[1], round(min(self.spread * n, len(scores))))
        doubtful_S = (changes_P >= least).nonzero().flatten()
        if len(doubtful_S) > n:
            doubtful_S = doubtful_S[nearest_to_centres(unit_rows(features_PD[doubtful_S]), n, generator)]
        sure = (changes_P < least).nonzero().flatten()
        sure = sure[torch.randperm(len(sure), generator=generator)[: n - len(doubtful_S)]]
        return scores.index_P[torch.cat([doubtful_S, sure])]


def changes(members_PKC: Tensor, predicted_P: Tensor) -> Tensor:
    """Return (P,) int64 in [0, K], how many members predict another class.

    Args:
        members_PKC: (P, K, C) float, log-probabilities. predicted_P: (P,) int64.

    >>> changes(torch.tensor([[[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]]]).log(), torch.tensor([0])).tolist()
    [2]
    """
    if len(members_PKC) == 0:
        return torch.empty(0, dtype=torch.int64)
    return (members_PKC.argmax(dim=2) != predicted_P[:, None]).sum(dim=1)


def least_changes(changes_P: Tensor, n_passes: int, wanted: int) -> int:
    """Return how many changes a doubtful sample has at least: more than half, or fewer, but at least 1.

    It is lowered while fewer than `wanted` samples have so many.

    >>> least_changes(torch.tensor([3, 2, 1, 0]), 3, 2), least_changes(torch.tensor([3, 2, 1, 0]), 3, 4)
    (2, 1)
    """
    least = n_passes // 2 + 1
    while least > 1 and int((changes_P >= least).sum()) < wanted:
        least -= 1
    return least
