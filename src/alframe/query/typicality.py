"""How typical each sample is of its cluster, and the most typical samples of each.

A sample is typical if its mean distance to its nearest neighbours in the cluster is small. Distances are
computed in two ways. Seed sets compare pixels, and equal images are frequent: differences put them at
distance 0 exactly. Queries compare features of hundreds of numbers each round: products of matrices in
float32 are much faster, above all on a GPU, and only a part of a large cluster is compared.

Axes: P the samples, M the samples of one cluster, B a block, D the features, G the non-empty clusters.

Source: Hacohen, Dekel & Weinshall, Active learning on a budget, ICML 2022, section 3: typicality is 1 / mean
distance to the nearest neighbours.
"""

import torch
from torch import Tensor

from alframe.core.selection import rank_within
from alframe.query.distances import scaled_to_unit
from alframe.query.neighbours import float32_distances

DISTANCES = 2**22  # distances held at once
LARGEST = 4096  # samples of one cluster that are compared with each other; a larger cluster is sampled


def mean_neighbour_distance(features_PD: Tensor, cluster_P: Tensor, neighbours: int) -> Tensor:
    """Return (P,) float32, the mean distance to the nearest neighbours in the same cluster, by differences.

    The lower, the more typical; infinite for a sample that is alone in its cluster.

    Args:
        features_PD: (P, D) float32, finite.
        cluster_P: (P,) int64.
        neighbours: at least 1; a cluster with fewer other samples uses all of them.

    >>> features = torch.tensor([[0.0], [1.0], [3.0], [9.0]])
    >>> mean_neighbour_distance(features, torch.tensor([0, 0, 0, 1]), neighbours=2).tolist()
    [2.0, 1.5, 2.5, inf]
    """
    mean_P = torch.full((len(cluster_P),), float("inf"))
    for member_M in cluster_members(cluster_P):
        if len(member_M) > 1:
            mean_P[member_M] = _by_differences(features_PD[member_M], min(neighbours, len(member_M) - 1))
    return mean_P


def typicality(
    features_PD: Tensor,
    cluster_P: Tensor,
    neighbours: int,
    generator: torch.Generator,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Return (P,) float64 >= 0, 1 / mean distance to the nearest neighbours in the same cluster, by products.

    Infinite if that distance is 0 or the cluster has no other sample. In a cluster of more than LARGEST
    samples, LARGEST random ones are compared with each other, and the others have typicality 0.

    Args:
        features_PD: (P, D) float32. cluster_P: (P,) int64.
        neighbours: at least 1; a cluster with fewer other samples uses all of them.
        generator: draws from large clusters. device: where distances are computed.

    >>> x = torch.tensor([[0.0], [1.0], [3.0]])
    >>> typicality(x, torch.zeros(3).long(), 2, torch.Generator()).mul(100).round().tolist()
    [50.0, 67.0, 40.0]
    """
    typical_P = torch.zeros(len(cluster_P), dtype=torch.float64)
    for member_M in cluster_members(cluster_P):
        if len(member_M) > LARGEST:
            member_M = member_M[torch.randperm(len(member_M), generator=generator)[:LARGEST]]
        n_neighbours = min(neighbours, len(member_M) - 1)
        typical_P[member_M] = 1 / _by_products(features_PD[member_M].to(device), n_neighbours).cpu()
    return typical_P


def most_typical(typical_P: Tensor, cluster_P: Tensor, order: Tensor, n: int) -> Tensor:
    """Return (min(n, P),) int64 positions: the most typical of each cluster in `order`, then the second, ...

    Args:
        typical_P: (P,) float, the higher, the more typical. Ties go to the lowest position.
        cluster_P: (P,) int64, numbers in `order`.
        order: (n_clusters,) int64, a permutation of all cluster numbers.
        n: how many positions.

    >>> most_typical(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0, 0, 1]), torch.tensor([0, 1]), 3).tolist()
    [1, 2, 0]
    """
    by_typicality = typical_P.argsort(descending=True, stable=True)
    turn = rank_within(cluster_P[by_typicality])
    rank_of_cluster = order.argsort()
    ranked = rank_of_cluster[cluster_P[by_typicality]].argsort(stable=True)
    return by_typicality[ranked[turn[ranked].argsort(stable=True)][:n]]


def cluster_members(cluster_P: Tensor) -> tuple[Tensor, ...]:
    """Return G tensors: the ascending positions of each cluster that has samples, in ascending order.

    >>> [member_M.tolist() for member_M in cluster_members(torch.tensor([5, 2, 5]))]
    [[1], [0, 2]]
    """
    if len(cluster_P) == 0:
        return ()
    order_P = cluster_P.argsort(stable=True)
    _, size_G = torch.unique_consecutive(cluster_P[order_P], return_counts=True)
    return order_P.split(size_G.tolist())


def _by_differences(features_MD: Tensor, n_neighbours: int) -> Tensor:
    """Return (M,), the mean distance to the nearest others, in blocks of at most DISTANCES distances."""
    rows = max(1, DISTANCES // len(features_MD))
    means = []
    for part_BD in features_MD.split(rows):
        # Differences, not products: equal samples are at distance 0, so a sample is among its own nearest.
        distance_BM = torch.cdist(part_BD, features_MD, compute_mode="donot_use_mm_for_euclid_dist")
        means.append(distance_BM.topk(n_neighbours + 1, largest=False).values.sum(1) / n_neighbours)
    return torch.cat(means)


def _by_products(features_MD: Tensor, n_neighbours: int) -> Tensor:
    """Return (M,) float64, the mean distance to the nearest others; 0 if there are no others."""
    if n_neighbours == 0:
        return torch.zeros(len(features_MD), dtype=torch.float64, device=features_MD.device)
    scaled_MD, scale = scaled_to_unit(features_MD)
    squared_MM = float32_distances(scaled_MD, scaled_MD).fill_diagonal_(torch.inf)
    nearest_MN = squared_MM.topk(n_neighbours, dim=1, largest=False).values
    return nearest_MN.double().sqrt_().mean(dim=1) * scale
