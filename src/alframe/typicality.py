"""Clusters of features, and the most typical sample of each.

Axes as in `alframe.records`: P samples, D features; G the clusters that have a sample.

Source: Hacohen, Dekel & Weinshall, Active learning on a budget: opposite strategies suit high and low
budgets, ICML 2022 (TypiClust).
"""

import warnings

import torch
from torch import Tensor

MANY = 50  # clusters beyond which k-means runs on mini-batches, as in the source
FITTED = 2**14  # samples that centres are found from, at most
DISTANCES = 2**22  # distances held at once


def k_means(features_PD: Tensor, n_clusters: int, generator: torch.Generator) -> Tensor:
    """Return cluster_P, int64 in [0, n_clusters): some clusters stay empty where samples repeat.

    Centres are found from FITTED random samples where there are more, and every sample goes to the nearest.
    One thread, so that the same seed gives the same clusters whatever the machine is doing.

    Args:
        features_PD: (P, D) float32, finite.
        n_clusters: at least 1; no more than P are made.
        generator: draws the samples and seeds the centres.
    """
    from sklearn.cluster import KMeans, MiniBatchKMeans
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    n_clusters = min(n_clusters, len(features_PD))
    if n_clusters == 0:
        return torch.empty(0, dtype=torch.int64)
    fitted_SD = features_PD
    n_fitted = max(FITTED, n_clusters)
    if len(features_PD) > n_fitted:
        fitted_SD = features_PD[torch.randperm(len(features_PD), generator=generator)[:n_fitted]]
    kind = MiniBatchKMeans if n_clusters > MANY else KMeans
    method = kind(n_clusters=n_clusters, n_init=1, random_state=sklearn_seed(generator))
    with warnings.catch_warnings(), threadpool_limits(1):
        # Fewer different samples than clusters: the clusters that stay empty say it.
        warnings.simplefilter("ignore", ConvergenceWarning)
        method.fit(fitted_SD.numpy())
        return torch.from_numpy(method.predict(features_PD.numpy())).long()


def mean_neighbour_distance(features_PD: Tensor, cluster_P: Tensor, neighbours: int) -> Tensor:
    """Return (P,) float32: the mean distance to the nearest neighbours in the same cluster.

    The lower, the more typical; infinite for a sample that is alone in its cluster.

    Args:
        features_PD: (P, D) float32, finite.
        cluster_P: (P,) int64.
        neighbours: at least 1; all others of the cluster where there are fewer.

    >>> features = torch.tensor([[0.0], [1.0], [3.0], [9.0]])
    >>> mean_neighbour_distance(features, torch.tensor([0, 0, 0, 1]), neighbours=2).tolist()
    [2.0, 1.5, 2.5, inf]
    """
    mean_P = torch.full((len(cluster_P),), float("inf"))
    for member_P in _members(cluster_P):
        if len(member_P) > 1:
            mean_P[member_P] = _mean_nearest(features_PD[member_P], min(neighbours, len(member_P) - 1))
    return mean_P


def most_typical(features_PD: Tensor, cluster_P: Tensor, neighbours: int) -> Tensor:
    """Return position_G, int64: of each cluster, in ascending order, its most typical sample.

    Args:
        features_PD, cluster_P, neighbours: as in `mean_neighbour_distance`; ties go to the lowest position.

    >>> features = torch.tensor([[9.0], [0.0], [1.0], [3.0]])
    >>> most_typical(features, torch.tensor([5, 2, 2, 2]), neighbours=2).tolist()
    [2, 0]
    """
    mean_P = mean_neighbour_distance(features_PD, cluster_P, neighbours)
    chosen = [member_P[mean_P[member_P].argsort(stable=True)[0]] for member_P in _members(cluster_P)]
    return torch.stack(chosen) if chosen else torch.empty(0, dtype=torch.int64)


def sklearn_seed(generator: torch.Generator) -> int:
    """Return a `random_state` for scikit-learn drawn from a generator."""
    return int(torch.randint(2**31 - 1, (), generator=generator))


def _members(cluster_P: Tensor) -> tuple[Tensor, ...]:
    """Return the ascending positions of each cluster that has a sample, clusters in ascending order."""
    if len(cluster_P) == 0:
        return ()
    order_P = cluster_P.argsort(stable=True)
    _, size_G = torch.unique_consecutive(cluster_P[order_P], return_counts=True)
    return order_P.split(size_G.tolist())


def _mean_nearest(features_MD: Tensor, k: int) -> Tensor:
    """Return (M,): the mean distance to the k nearest others."""
    rows = max(1, DISTANCES // len(features_MD))
    means = []
    for part_BD in features_MD.split(rows):
        # Differences, not products: equal samples are at distance 0, so a sample is among its own nearest.
        distance_BM = torch.cdist(part_BD, features_MD, compute_mode="donot_use_mm_for_euclid_dist")
        means.append(distance_BM.topk(k + 1, largest=False).values.sum(1) / k)
    return torch.cat(means)
