"""K-means++, k-means and average linkage; every random number comes from a `torch.Generator`.

Axes: P the samples that are drawn from or clustered, C and D the two factors of an embedding.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

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
    from sklearn.cluster import KMeans, MiniBatchKMeans
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    n_clusters = min(n_clusters, len(features_PD))
    if n_clusters == 0:
        return torch.empty(0, dtype=torch.int64)
    fitted_SD = features_PD = unit_scale(features_PD)
    n_fitted = max(FITTED, n_clusters)
    if len(features_PD) > n_fitted:
        fitted_SD = features_PD[torch.randperm(len(features_PD), generator=generator)[:n_fitted]]
    kind = MiniBatchKMeans if n_clusters > MANY else KMeans
    method = kind(n_clusters=n_clusters, n_init=1, random_state=sklearn_seed(generator))
    with warnings.catch_warnings(), threadpool_limits(1):
        # It warns of fewer different samples than clusters, which the empty clusters show anyway.
        warnings.simplefilter("ignore", ConvergenceWarning)
        method.fit(fitted_SD.numpy())
        return torch.from_numpy(method.predict(features_PD.numpy())).long()


def sklearn_seed(generator: torch.Generator) -> int:
    """Return a `random_state` for scikit-learn, drawn from a generator."""
    return int(torch.randint(2**31 - 1, (), generator=generator))
