"""Queries of close calls from many places: the lowest margins, spread round-robin over clusters.

Axes: P the candidates, D the features.

Source: Citovsky et al., Batch active learning at scale, NeurIPS 2021, algorithms 1 and 2. There the whole
pool is clustered once, by average linkage up to a distance; here the candidates of each round are, in the
features of the round's classifier, into a number of clusters: distances of one classifier are no measure for
the next.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from alframe.config.ranges import check_fields
from alframe.core.records import Labelled, PoolScores
from alframe.core.selection import lowest, rank_within
from alframe.query.base import finite
from alframe.query.clustering import average_linkage, k_means


@dataclass(frozen=True, kw_only=True)
class ClusterMargin:
    """The candidates with the lowest margins, in turns from each cluster, the smallest cluster first.

    Attributes:
        spread: at least 1; the candidates are the spread * n lowest margins.
        clusters_per_sample: above 0; clusters are made for so many times the question.
        max_agglomerated: up to so many candidates are clustered by average linkage, as published; more by
            k-means, because every pair's distance would have to be in memory.
    """

    spread: float
    clusters_per_sample: float
    max_agglomerated: int
    needs: frozenset[str] = field(default=frozenset({"margin", "features"}), init=False)

    def __post_init__(self) -> None:
        check_fields("query", self)

    def candidates(self, scores: PoolScores, n: int, generator: torch.Generator) -> Tensor:
        """Return int64 data-set indices, the spread * n lowest margins of the pool."""
        n_candidates = max(n, round(min(self.spread * n, len(scores))))
        return scores.index_P[lowest(finite(scores, "margin_P"), n_candidates)]

    def value(self, scores: PoolScores) -> Tensor:
        """Return (P,) float32, the lower, the sooner asked."""
        return finite(scores, "margin_P")

    def select(self, scores: PoolScores, labelled: Labelled, n: int, generator: torch.Generator) -> Tensor:
        """Return index_Q, int64, min(n, P) samples out of the candidates."""
        candidates = lowest(finite(scores, "margin_P"), max(n, round(min(self.spread * n, len(scores)))))
        features_PD = finite(scores, "features_PD")[candidates]
        n_clusters = max(1, round(self.clusters_per_sample * n))
        if len(candidates) <= self.max_agglomerated:
            cluster_P = average_linkage(features_PD, n_clusters)
        else:
            cluster_P = k_means(features_PD, n_clusters, generator)
        return scores.index_P[candidates[in_turns(cluster_P, n, generator)]]


def in_turns(cluster_P: Tensor, n: int, generator: torch.Generator) -> Tensor:
    """Return (min(n, P),) int64 positions: one of each cluster in turns, random within it.

    The smallest cluster is first in every turn; clusters of the same size are in the order of their first
    sample.

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
    # The last key first: sorts are stable.
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
