"""TypiClust: typical samples of clusters without a label; `TypiclustSeedSet` is the seed set.

Axes: P the pool, L the labelled, D the features.

Source: Hacohen, Dekel & Weinshall, Active learning on a budget, ICML 2022, algorithm 1 (TPC_RP).
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from alframe.core.records import Labelled, PoolScores
from alframe.query.clustering import k_means
from alframe.query.pool_ranking import Subset, finite
from alframe.query.typicality import most_typical, typicality


@dataclass(frozen=True, kw_only=True)
class TypiClust(Subset):
    """Asks the most typical sample of each of the largest clusters without a label. For few labels.

    Pool and labelled samples are clustered together by k-means, into as many clusters as there will be
    labels. If there are fewer clusters without a label than questions, the clusters with the fewest labels
    follow, and then the second samples of each cluster, in turns.

    In the source the features are those of a network that was trained without labels. Here they are the input
    of the last layer of the round's classifier, which has learned from few labels.

    Attributes:
        max_candidates: at least 1, the size of the random part of the pool that is clustered; None takes all.
        max_clusters: at least 1, the upper limit of the number of clusters.
        min_cluster: at least 1; smaller clusters come last, because their samples are probably outliers.
        neighbours: at least 1, the number of nearest samples in its cluster that typicality is based on.
        device: where distances are computed; the trial passes it.

    Source: Hacohen, Dekel & Weinshall, Active learning on a budget, ICML 2022, algorithm 1 (TPC_RP).
    """

    max_clusters: int
    min_cluster: int
    neighbours: int
    needs: frozenset[str] = field(default=frozenset({"features", "labelled_features"}), init=False)

    def select(self, scores: PoolScores, labelled: Labelled, n: int, generator: torch.Generator) -> Tensor:
        """Return index_Q, int64, min(n, P) samples, the largest uncovered cluster's first."""
        features_PD, labelled_LD = finite(scores, "features_PD"), finite(labelled, "features_LD")
        if len(scores) == 0 or n == 0:
            return scores.index_P[:0]
        both = torch.cat([features_PD, labelled_LD.reshape(-1, features_PD.shape[1])])
        n_clusters = min(len(labelled_LD) + n, self.max_clusters)
        cluster_P, cluster_L = k_means(both, n_clusters, generator).tensor_split([len(scores)])
        order = cluster_order(cluster_P, cluster_L, n_clusters, self.min_cluster)
        typical_P = typicality(features_PD, cluster_P, self.neighbours, generator, self.distance_device)
        return scores.index_P[most_typical(typical_P, cluster_P, order, n)]


def cluster_order(cluster_P: Tensor, cluster_L: Tensor, n_clusters: int, min_cluster: int) -> Tensor:
    """Return (n_clusters,) int64, all cluster numbers in the order in which they are asked.

    Clusters of fewer than `min_cluster` samples come last. Otherwise: fewest labelled samples first, then
    largest first, then lowest number first.

    Args:
        cluster_P, cluster_L: int64 in [0, n_clusters), the clusters of the pool and of the labelled samples.
        n_clusters: how many. min_cluster: at least 1.

    >>> cluster_order(torch.tensor([0, 0, 1, 1, 1, 2]), torch.tensor([1]), 3, min_cluster=2).tolist()
    [0, 1, 2]
    """
    n_labelled = torch.bincount(cluster_L, minlength=n_clusters)
    size = torch.bincount(cluster_P, minlength=n_clusters) + n_labelled
    order = size.argsort(descending=True, stable=True)
    order = order[n_labelled[order].argsort(stable=True)]
    return order[(size[order] < min_cluster).long().argsort(stable=True)]
