"""K-means++ draws and average linkage, every random number from a `torch.Generator`.

Axes: P what is drawn from or clustered, C and D the two factors of an embedding.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from alframe.query.distances import squared_distances


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread: hundreds of short products wait longer for each other's threads than they take.

    Measured on two cores, a step of k-means++ over 60,000 samples of 576 numbers: 19 ms on one, 62 ms on two.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@one_thread()
def plus_plus(factor_PC: Tensor, factor_PD: Tensor, n: int, first: int, generator: torch.Generator) -> Tensor:
    """Return (min(n, P),) int64 positions on the CPU: `first`, then draws with squared distances as odds.

    What is drawn from are the embeddings g = a (x) h of C * D numbers, which are never written down, since
    <g_i, g_j> = <a_i, a_j> <h_i, h_j>. When all that is left lies on what was drawn, the rest is uniform.

    Args:
        factor_PC: (P, C) float, a; factor_PD: (P, D) float, h, on the same device.
        n: how many. first: the first position.
        generator: one float64 draw for each further sample, turned into a sample by the cumulated squared
            distances in the order of the pool.
    """
    norm_P = embedding_norms(factor_PC, factor_PD)
    open_P = torch.ones_like(norm_P, dtype=torch.bool)
    distance_P = torch.full_like(norm_P, torch.inf)
    chosen = [first]
    n_draws = max(0, min(n, len(norm_P)) - 1)
    for draw in torch.rand(n_draws, dtype=torch.float64, generator=generator).tolist():
        last = chosen[-1]
        open_P[last] = False
        # Products with all rows: copying out those that could come closer takes longer than the rest of them.
        inner_P = (factor_PC @ factor_PC[last]).double() * (factor_PD @ factor_PD[last]).double()
        distance_P = torch.minimum(distance_P, (norm_P + norm_P[last] - 2 * inner_P).clamp_min_(0))
        distance_P[last] = 0
        chosen.append(_drawn(distance_P, open_P, draw))
    return torch.tensor(chosen[: min(n, len(norm_P))], dtype=torch.int64)


def embedding_norms(factor_PC: Tensor, factor_PD: Tensor) -> Tensor:
    """Return (P,) float64, the squared norms of a (x) h."""
    return square_norms(factor_PC) * square_norms(factor_PD)


def square_norms(x_PD: Tensor) -> Tensor:
    """Return (P,) float64, the squared norms of the rows, without a float64 copy of them all."""
    return torch.cat([part.double().square().sum(dim=1) for part in x_PD.split(4096)])


def _drawn(weight_P: Tensor, open_P: Tensor, draw: float) -> int:
    """Return a position with odds `weight_P`, or uniform among the open ones where no weight is left."""
    upto_P = weight_P.cumsum(0)
    if float(upto_P[-1]) <= 0:
        weight_P = open_P.double()
        upto_P = weight_P.cumsum(0)
    point = (draw * upto_P[-1]).reshape(1)
    position = torch.searchsorted(upto_P, point, right=True).clamp_max(len(upto_P) - 1)
    if float(weight_P[position]) > 0:
        return int(position)
    return int(weight_P.nonzero()[-1])  # the draw rounded up to the total


def average_linkage(features_PD: Tensor, n_clusters: int) -> Tensor:
    """Return (P,) int64 cluster of each sample by agglomeration with average linkage of Euclidean distances.

    Takes P * P distances in memory, twice: for thousands, not for millions.

    >>> average_linkage(torch.tensor([[0.0], [5.0], [0.1]]), 2).unique().tolist()
    [0, 1]
    """
    n_clusters = min(n_clusters, len(features_PD))
    if n_clusters <= 1:
        return torch.zeros(len(features_PD), dtype=torch.int64)
    from sklearn.cluster import AgglomerativeClustering

    distances_PP = squared_distances(features_PD, features_PD).sqrt_()
    model = AgglomerativeClustering(n_clusters, metric="precomputed", linkage="average")
    return torch.from_numpy(model.fit_predict(distances_PP.numpy())).long()


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
