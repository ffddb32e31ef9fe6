"""Cluster-Margin: the lowest margins, taken in turns from the clusters of the features.

Axes: P the candidates, D the features.

Source: Citovsky et al., Batch active learning at scale, NeurIPS 2021, algorithms 1 and 2. There the whole
pool is clustered once, by average linkage up to a distance. Here the candidates are clustered in each round,
in the features of the round's classifier, into a given number of clusters, because distances
cannot be compared between classifiers. The margin is log(p_1st / p_2nd); there it is p_1st - p_2nd.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from alframe.config.ranges import check_fields
from alframe.core.records import Labelled, PoolScores
from alframe.core.selection import lowest, rank_within
from alframe.query.clustering import average_linkage, k_means
from alframe.query.pool_ranking import finite


@dataclass(frozen=True, kw_only=True)
class ClusterMargin:
    """Asks samples with low margins, in turns from each cluster, the smallest cluster first.

    Attributes:
        spread: at least 1; the candidates are the spread * n lowest margins.
        clusters_per_sample: above 0; n questions are taken from clusters_per_sample * n clusters.
        max_agglomerated: at least 1; up to this number of candidates, clusters come from average linkage, as
            published. More candidates are clustered by k-means, because average linkage keeps every pair's
            distance in memory.

    Source: Citovsky et al., Batch active learning at scale, NeurIPS 2021, algorithms 1 and 2.
    """

    spread: float
    clusters_per_sample: float
    max_agglomerated: int
    needs: frozenset[str] = field(default=frozenset({"margin", "features"}), init=False)

    def __post_init__(self) -> None:
        check_fields("query", self)

    def candidates(self, scores: PoolScores, n: int, generator: torch.Generator) -> Tensor:
        """Return int64 data-set indices, those of the spread * n lowest margins of the pool."""
        return scores.index_P[self._lowest_margins(scores, n)]

    def value(self, scores: PoolScores) -> Tensor:
        """Return (P,) float32, the lower, the earlier it is asked."""
        return finite(scores, "margin_P")

    def select(self, scores: PoolScores, labelled: Labelled, n: int, generator: torch.Generator) -> Tensor:
        """Return (min(n, P),) int64, the data-set indices to ask."""
        candidates = self._lowest_margins(scores, n)
        features_PD = finite(scores, "features_PD")[candidates]
        n_clusters = max(1, round(self.clusters_per_sample * n))
        if len(candidates) <= self.max_agglomerated:
            cluster_P = average_linkage(features_PD, n_clusters)
        else:
            cluster_P = k_means(features_PD, n_clusters, generator)
        return scores.index_P[candidates[in_turns(cluster_P, n, generator)]]

    def _lowest_margins(self, scores: PoolScores, n: int) -> Tensor:
        """Return int64 positions of the spread * n lowest margins."""
        n_candidates = max(n, round(min(self.spread * n, len(scores))))
        return lowest(finite(scores, "margin_P"), n_candidates)


def in_turns(cluster_P: Tensor, n: int, generator: torch.Generator) -> Tensor:
    """Return (min(n, P),) int64 positions: in turns a random sample of each cluster.

    The smallest cluster is first in every turn; clusters of the same size follow the order of their first
    samples.

    Args:
        cluster_P: (P,) int64 >= 0. n: how many. generator: orders the samples of a cluster.

    >>> in_turns(torch.tensor([0, 0, 0, 1]), 2, torch.Generator().manual_seed(0))[0].item()
    3
    """
    if len(cluster_P) == 0:
        return torch.empty(0, dtype=torch.int64)
    order_P = torch.randperm(len(cluster_P), generator=generator)
    turn_P = rank_within(cluster_P[order_P])
    size_P = torch.bincount(cluster_P)[cluster_P[order_P]]
    first_P = first_positions(cluster_P)[order_P]
    # Stable sorts, the least important key first.
    ranked = first_P.argsort(stable=True)
    ranked = ranked[size_P[ranked].argsort(stable=True)]
    ranked = ranked[turn_P[ranked].argsort(stable=True)]
    return order_P[ranked[:n]]


def first_positions(cluster_P: Tensor) -> Tensor:
    """Return (P,) int64, the position of the first sample of each sample's cluster.

    >>> first_positions(torch.tensor([5, 2, 5])).tolist()
    [0, 1, 0]
    """
    first = torch.full((int(cluster_P.max()) + 1,), len(cluster_P))
    first.scatter_reduce_(0, cluster_P, torch.arange(len(cluster_P)), reduce="amin")
    return first[cluster_P]
