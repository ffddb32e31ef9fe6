"""Queries of what is typical of regions without a label: for trials with few labels.

Axes: P the pool, L the labelled, M the pool's samples of one cluster, D the features.

Source: Hacohen, Dekel & Weinshall, Active learning on a budget, ICML 2022, algorithm 1 (TPC_RP). There
features are those of a network trained without labels; here they are the input of the last layer of the
round's classifier, which has learned from few labels and groups by what it has learned.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from alframe.config.ranges import check_fields
from alframe.core.plan import Amount
from alframe.core.records import Labelled, PoolScores
from alframe.core.selection import rank_within
from alframe.data import MappedImages, make_bank
from alframe.query.base import Subset, finite
from alframe.query.clustering import k_means, sklearn_seed
from alframe.query.clustering import most_typical as most_typical_of_each
from alframe.query.distances import squared_distances

LARGEST = 4096  # samples of a cluster that are compared with each other; of more, so many random ones are


@dataclass(frozen=True, kw_only=True)
class TypiClust(Subset):
    """The most typical sample of each of the largest clusters that hold nothing labelled.

    Pool and labelled samples are clustered together by k-means into as many clusters as there will be labels.
    Where fewer clusters than questions are uncovered, those with the fewest labels follow, and then second
    samples, in turns.

    Attributes:
        max_clusters: at most so many clusters.
        min_cluster: clusters with fewer samples are asked last: what is in none of the others is an outlier.
        neighbours: typical is what has a small mean distance to so many nearest samples of its cluster.
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
        typical_P = typicality(features_PD, cluster_P, self.neighbours, generator, self.device)
        return scores.index_P[most_typical(typical_P, cluster_P, order, n)]


def cluster_order(cluster_P: Tensor, cluster_L: Tensor, n_clusters: int, min_cluster: int) -> Tensor:
    """Return (n_clusters,) int64, all clusters in the order in which they are asked.

    Small ones last; then by how many of their samples are labelled, fewest first; then by their size, largest
    first; then by number.

    >>> cluster_order(torch.tensor([0, 0, 1, 1, 1, 2]), torch.tensor([1]), 3, min_cluster=2).tolist()
    [0, 1, 2]
    """
    n_labelled = torch.bincount(cluster_L, minlength=n_clusters)
    size = torch.bincount(cluster_P, minlength=n_clusters) + n_labelled
    order = size.argsort(descending=True, stable=True)
    order = order[n_labelled[order].argsort(stable=True)]
    return order[(size[order] < min_cluster).long().argsort(stable=True)]


def typicality(
    features_PD: Tensor,
    cluster_P: Tensor,
    neighbours: int,
    generator: torch.Generator,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Return (P,) float32 > 0: 1 / mean distance to the nearest neighbours in the sample's cluster.

    Infinite where that distance is 0 or the cluster has no other sample; 0 in a cluster of more than LARGEST
    samples but for so many random ones, which are compared with each other alone.

    Args:
        features_PD: (P, D) float32. cluster_P: (P,) int64. neighbours: at most so many.

    Source: Hacohen et al. 2022, typicality.

    >>> x = torch.tensor([[0.0], [1.0], [3.0]])
    >>> typicality(x, torch.zeros(3).long(), 2, torch.Generator()).mul(100).round().tolist()
    [50.0, 67.0, 40.0]
    """
    typical_P = torch.zeros(len(cluster_P))
    order = cluster_P.argsort(stable=True)
    for members_M in order.split(torch.bincount(cluster_P).tolist()):
        if len(members_M) > LARGEST:
            members_M = members_M[torch.randperm(len(members_M), generator=generator)[:LARGEST]]
        if len(members_M):
            typical_P[members_M] = 1 / _mean_distance(features_PD[members_M].to(device), neighbours).cpu()
    return typical_P


def _mean_distance(features_MD: Tensor, neighbours: int) -> Tensor:
    """Return (M,) float32, the mean distance of each to its nearest neighbours; 0 for a sample alone."""
    distance_MM = squared_distances(features_MD, features_MD).sqrt_().fill_diagonal_(torch.inf)
    n_neighbours = min(neighbours, len(features_MD) - 1)
    if n_neighbours == 0:
        return torch.zeros(len(features_MD), device=features_MD.device)
    return distance_MM.topk(n_neighbours, dim=1, largest=False).values.mean(dim=1)


def most_typical(typical_P: Tensor, cluster_P: Tensor, order: Tensor, n: int) -> Tensor:
    """Return (min(n, P),) int64 positions: the most typical of each cluster in `order`, then the second, ...

    Ties go to the lowest position.

    >>> most_typical(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0, 0, 1]), torch.tensor([0, 1]), 3).tolist()
    [1, 2, 0]
    """
    by_typicality = typical_P.argsort(descending=True, stable=True)
    turn = rank_within(cluster_P[by_typicality])
    rank_of_cluster = order.argsort()
    ranked = rank_of_cluster[cluster_P[by_typicality]].argsort(stable=True)
    return by_typicality[ranked[turn[ranked].argsort(stable=True)][:n]]


BATCH = 1024


@dataclass(frozen=True, eq=False)
class TypiclustSeedSet:
    """The most typical sample of each of as many clusters as samples are asked.

    Attributes:
        images_N: (N, channels, height, width) uint8, a tensor or images that stay in their file.
        components: principal components of the pixels.
        neighbours: nearest neighbours whose mean distance says how typical a sample is.
        candidates: from how many random samples of a larger data set it chooses (never fewer than asked).
        side: pixels; larger images are averaged down to so many a side before their components are found.
    """

    amount: Amount
    images_N: Tensor | MappedImages
    components: int
    neighbours: int
    candidates: int
    side: int

    def __post_init__(self) -> None:
        check_fields("initial", self)

    def select(self, index_N: Tensor, generator: torch.Generator) -> Tensor:
        """Return members of `index_N`, int64, the most typical of each cluster; all where no more are there.

        Where samples repeat there are fewer clusters than asked: random candidates fill up.
        """
        n = self.amount.first_count(len(index_N), len(index_N))
        if n >= len(index_N):
            return index_N
        index_P = _subset(index_N, max(n, self.candidates), generator)
        features_PD = principal_components(self._pixels(index_P), self.components, generator)
        cluster_P = k_means(features_PD, n, generator)
        chosen = most_typical_of_each(features_PD, cluster_P, self.neighbours)
        return index_P[_filled(chosen, len(index_P), n, generator)]

    def _pixels(self, index_P: Tensor) -> Tensor:
        """Return (P, channels * height * width) float32 in [0, 1] of the images, averaged down if large."""
        n_channels, *sides = self.images_N.shape[1:]
        height, width = (min(side, self.side) for side in sides)
        pixels_PF = torch.empty(len(index_P), n_channels * height * width)
        stream = make_bank(self.images_N, torch.device("cpu")).stream(index_P, BATCH)
        for rows_BF, image_B in zip(pixels_PF.split(BATCH), stream, strict=True):
            small_B = adaptive_avg_pool2d(image_B.float() / 255, (height, width))
            rows_BF.copy_(small_B.flatten(1))
        return pixels_PF


def principal_components(pixels_PF: Tensor, n_components: int, generator: torch.Generator) -> Tensor:
    """Return features_PD, float32: projections on the first principal components, as many as there are.

    Args:
        pixels_PF: (P, F) float32, finite.
        n_components: at least 1.
        generator: seeds the randomized solver.
    """
    from sklearn.decomposition import PCA
    from threadpoolctl import threadpool_limits

    n_components = min(n_components, *pixels_PF.shape)
    if n_components == 0 or bool((pixels_PF == pixels_PF[0]).all()):
        return torch.zeros(len(pixels_PF), max(1, n_components))  # nothing to tell apart
    method = PCA(n_components, svd_solver="randomized", random_state=sklearn_seed(generator))
    with threadpool_limits(1):
        return torch.from_numpy(method.fit_transform(pixels_PF.numpy()))


def _subset(index_N: Tensor, n: int, generator: torch.Generator) -> Tensor:
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
