"""K-means++, k-means and average linkage; every random number comes from a `torch.Generator`.

Axes: P the samples that are drawn from or clustered, C and D the two factors of an embedding.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from alframe.core.selection import lowest, rank_within
from alframe.query.distances import square_norms, squared_distances, unit_scale, without_rounding


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread, which is faster for hundreds of short products: threads wait for each other.

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

    The draws are among the embeddings g = a (x) h of C * D numbers, which are never written down, since
    <g_i, g_j> = <a_i, a_j> <h_i, h_j>. Computed in float64: the distances of embeddings that share an offset
    are small against their norms. If every remaining embedding equals a drawn one, the rest is drawn
    uniformly.

    Args:
        factor_PC: (P, C) float, a; factor_PD: (P, D) float, h, on the same device.
        n: how many. first: the first position.
        generator: one float64 draw for each further sample, turned into a sample by the cumulated squared
            distances in the order of the pool.
    """
    factor_PC, factor_PD = factor_PC.double(), factor_PD.double()
    norm_P = embedding_norms(factor_PC, factor_PD)
    open_P = torch.ones_like(norm_P, dtype=torch.bool)
    distance_P = torch.full_like(norm_P, torch.inf)
    chosen = [first]
    n_draws = max(0, min(n, len(norm_P)) - 1)
    for draw in torch.rand(n_draws, dtype=torch.float64, generator=generator).tolist():
        last = chosen[-1]
        open_P[last] = False
        # Products with all rows: to copy out only the rows that could come closer takes longer.
        inner_P = (factor_PC @ factor_PC[last]) * (factor_PD @ factor_PD[last])
        norms_P = norm_P + norm_P[last]
        distance_P = torch.minimum(distance_P, without_rounding(norms_P - 2 * inner_P, norms_P))
        distance_P[last] = 0
        chosen.append(_drawn(distance_P, open_P, draw))
    return torch.tensor(chosen[: min(n, len(norm_P))], dtype=torch.int64)


def embedding_norms(factor_PC: Tensor, factor_PD: Tensor) -> Tensor:
    """Return (P,) float64, the squared norms of a (x) h."""
    return square_norms(factor_PC.double()) * square_norms(factor_PD.double())


def _drawn(weight_P: Tensor, open_P: Tensor, draw: float) -> int:
    """Return a position with odds `weight_P`, or uniform among the open ones if all weights are 0."""
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
    """Return (P,) int64, the cluster of each sample by average linkage of Euclidean distances.

    Needs P * P distances in memory, twice: for thousands of samples, not for millions.

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
FITTED = 2**14  # at most this many samples are used to find the centres


def k_means(features_PD: Tensor, n_clusters: int, generator: torch.Generator) -> Tensor:
    """Return (P,) int64 in [0, n_clusters), the cluster of each sample; clusters may stay empty.

    Clusters stay empty if there are fewer different samples than clusters. The centres are found from at most
    FITTED random samples, and every sample joins the nearest centre. It runs on one thread, so that the same
    seed gives the same clusters on a busy machine too.

    Args:
        features_PD: (P, D) float, finite.
        n_clusters: at least 1; at most P are made.
        generator: draws the samples and seeds the centres.
    """
    return _clusters_and_centres(unit_scale(features_PD), n_clusters, generator)[0]


def nearest_to_centres(features_PD: Tensor, n: int, generator: torch.Generator) -> Tensor:
    """Return (min(n, P),) int64 positions, no two equal: the sample of each cluster next to its centre.

    The n clusters come from k-means. If clusters stay empty, the second nearest of each cluster follow, and
    so on. Ties go to the lowest position.

    Args:
        features_PD: (P, D) float, finite. n: how many. generator: as for `k_means`.

    >>> features = torch.tensor([[0.0], [1.0], [2.0], [50.0], [52.0], [53.0]])
    >>> sorted(nearest_to_centres(features, 2, torch.Generator().manual_seed(0)).tolist())
    [1, 4]
    """
    features_PD = unit_scale(features_PD)
    n = min(n, len(features_PD))
    if n == 0:
        return torch.empty(0, dtype=torch.int64)
    cluster_P, centres_GD = _clusters_and_centres(features_PD, n, generator)
    parts = zip(features_PD.split(4096), cluster_P.split(4096), strict=True)
    distance_P = torch.cat([square_norms(some_BD - centres_GD[own_B]) for some_BD, own_B in parts])
    ranked = distance_P.argsort(stable=True)
    return ranked[lowest(rank_within(cluster_P[ranked]), n)]


def _clusters_and_centres(
    features_PD: Tensor, n_clusters: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return cluster_P and centres_GD by k-means of (P, D) float32, on one scale."""
    from sklearn.cluster import KMeans, MiniBatchKMeans
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    n_clusters = min(n_clusters, len(features_PD))
    if n_clusters == 0:
        return torch.empty(0, dtype=torch.int64), features_PD
    fitted_SD, n_fitted = features_PD, max(FITTED, n_clusters)
    if len(features_PD) > n_fitted:
        fitted_SD = features_PD[torch.randperm(len(features_PD), generator=generator)[:n_fitted]]
    kind = MiniBatchKMeans if n_clusters > MANY else KMeans
    method = kind(n_clusters=n_clusters, n_init=1, random_state=sklearn_seed(generator))
    with warnings.catch_warnings(), threadpool_limits(1):
        # It warns of fewer different samples than clusters, which the empty clusters show anyway.
        warnings.simplefilter("ignore", ConvergenceWarning)
        method.fit(fitted_SD.numpy())
        cluster_P = torch.from_numpy(method.predict(features_PD.numpy())).long()
    return cluster_P, torch.from_numpy(method.cluster_centers_)


def sklearn_seed(generator: torch.Generator) -> int:
    """Return a `random_state` for scikit-learn, drawn from a generator."""
    return int(torch.randint(2**31 - 1, (), generator=generator))
