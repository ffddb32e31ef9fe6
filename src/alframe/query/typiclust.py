"""TypiClust: typical samples of clusters without a label, as a query strategy and as a seed set.

Axes: P the pool or the candidates, L the labelled, D the features, F the numbers of one image, B a batch.

Source: Hacohen, Dekel & Weinshall, Active learning on a budget, ICML 2022, algorithm 1 (TPC_RP).
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from alframe.config.ranges import check_fields
from alframe.core.loop_plan import Amount
from alframe.core.records import Labelled, PoolScores
from alframe.data import Images, make_bank
from alframe.query.clustering import k_means, sklearn_seed
from alframe.query.pool_ranking import Subset, finite
from alframe.query.typicality import mean_neighbour_distance, most_typical, typicality

BATCH = 1024  # images read at once


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


@dataclass(frozen=True, eq=False)
class TypiclustSeedSet:
    """Labels the most typical sample of each of n clusters first, where n is the size of the seed set.

    The clusters are found by k-means on the principal components of the pixels. No label is needed for it.

    Attributes:
        amount: the size of the seed set.
        images_N: (N, channels, height, width) uint8, in memory or in files.
        components: at least 1, the number of principal components of the pixels.
        neighbours: at least 1, the number of nearest samples in its cluster that typicality is based on.
        candidates: at least 1; a larger data set is reduced to this many random samples, or to n if that is
            more.
        side: at least 1, pixels; larger images are averaged down to this height and width.

    Source: Hacohen, Dekel & Weinshall, Active learning on a budget, ICML 2022, algorithm 1 (TPC_RP).
    """

    amount: Amount
    images_N: Images
    components: int
    neighbours: int
    candidates: int
    side: int

    def __post_init__(self) -> None:
        check_fields("initial", self)

    def select(self, index_N: Tensor, generator: torch.Generator) -> Tensor:
        """Return members of `index_N`, int64, the most typical of each cluster; all if there are no more.

        If samples are equal, there may be fewer clusters than wanted; random candidates fill the seed set up.
        """
        n = self.amount.first_count(len(index_N), len(index_N))
        if n >= len(index_N):
            return index_N
        index_P = _random_part(index_N, max(n, self.candidates), generator)
        features_PD = principal_components(self._pixels(index_P), self.components, generator)
        cluster_P = k_means(features_PD, n, generator)
        typical_P = -mean_neighbour_distance(features_PD, cluster_P, self.neighbours)
        chosen = most_typical(typical_P, cluster_P, torch.arange(n), n=len(cluster_P.unique()))
        return index_P[_filled(chosen, len(index_P), n, generator)]

    def _pixels(self, index_P: Tensor) -> Tensor:
        """Return (P, channels * height * width) float32 in [0, 1], the images, averaged down if large."""
        n_channels, *sides = self.images_N.shape[1:]
        height, width = (min(side, self.side) for side in sides)
        pixels_PF = torch.empty(len(index_P), n_channels * height * width)
        stream = make_bank(self.images_N, torch.device("cpu")).stream(index_P, BATCH)
        for rows_BF, image_B in zip(pixels_PF.split(BATCH), stream, strict=True):
            small_B = adaptive_avg_pool2d(image_B.float() / 255, (height, width))
            rows_BF.copy_(small_B.flatten(1))
        return pixels_PF


def principal_components(pixels_PF: Tensor, n_components: int, generator: torch.Generator) -> Tensor:
    """Return (P, D) float32, the projections on the first principal components.

    D is the smallest of `n_components`, P and F.

    Args:
        pixels_PF: (P, F) float32, finite.
        n_components: at least 1.
        generator: seeds the randomized solver.
    """
    from sklearn.decomposition import PCA
    from threadpoolctl import threadpool_limits

    n_components = min(n_components, *pixels_PF.shape)
    if n_components == 0 or bool((pixels_PF == pixels_PF[0]).all()):
        return torch.zeros(len(pixels_PF), max(1, n_components))  # all samples are equal
    method = PCA(n_components, svd_solver="randomized", random_state=sklearn_seed(generator))
    with threadpool_limits(1):
        return torch.from_numpy(method.fit_transform(pixels_PF.numpy()))


def _random_part(index_N: Tensor, n: int, generator: torch.Generator) -> Tensor:
    """Return `n` random members of `index_N` in file order, or all of them."""
    if n >= len(index_N):
        return index_N
    return index_N[torch.randperm(len(index_N), generator=generator)[:n].sort().values]


def _filled(chosen: Tensor, size: int, n: int, generator: torch.Generator) -> Tensor:
    """Return `chosen`, filled up to n positions below `size` with random others."""
    if len(chosen) == n:
        return chosen
    other = torch.ones(size, dtype=torch.bool).index_fill_(0, chosen, False).nonzero().flatten()
    return torch.cat([chosen, other[torch.randperm(len(other), generator=generator)[: n - len(chosen)]]])
