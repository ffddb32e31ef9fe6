"""K-means and average linkage; every random number comes from a `torch.Generator`.

Axes: P the samples that are clustered, S those that centres are found from, G the clusters, D the features.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from alframe.core.selection import lowest, rank_within
from alframe.query.distances import square_norms, squared_distances, unit_scale
from alframe.query.neighbours import nearest_rows
from alframe.query.plus_plus import Embeddings, plus_plus

MANY = 50  # clusters beyond which k-means stops after ITERATIONS, and has cheaper first centres
# 25 lower the mean squared distance to the centres by another 0.1 % (600 clusters, embeddings).
ITERATIONS = 10
FITTED = 2**14  # at most this many samples are used to find the centres


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


def k_means(features_PD: Tensor, n_clusters: int, generator: torch.Generator) -> Tensor:
    """Return (P,) int64 in [0, n_clusters), the cluster of each sample; clusters may stay empty.

    Clusters stay empty if there are fewer different samples than clusters. The centres are found from at most
    FITTED random samples, and every sample joins the nearest centre. The same seed gives the same clusters on
    a busy machine too.

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
    n_clusters = min(n_clusters, len(features_PD))
    if n_clusters == 0:
        return torch.empty(0, dtype=torch.int64), features_PD
    fitted_SD, n_fitted = features_PD, max(FITTED, n_clusters)
    if len(features_PD) > n_fitted:
        fitted_SD = features_PD[torch.randperm(len(features_PD), generator=generator)[:n_fitted]]
    if n_clusters <= MANY:
        centres_GD = _by_sklearn(fitted_SD, n_clusters, n_init=1, random_state=sklearn_seed(generator))
    else:
        first = int(torch.randint(len(fitted_SD), (), generator=generator))
        samples = Embeddings.of(torch.ones(len(fitted_SD), 1), fitted_SD)
        start = plus_plus(samples, n_clusters, first, generator)
        centres_GD = lloyd(fitted_SD, fitted_SD[start])
    return nearest_rows(features_PD, centres_GD), centres_GD


def lloyd(features_PD: Tensor, start_GD: Tensor) -> Tensor:
    """Return (G, D) float32, the centres after ITERATIONS of Lloyd's algorithm.

    It runs in faiss if that is installed, otherwise in scikit-learn. Both find the same centres, but for
    rounding and for clusters that stay empty.

    Args:
        features_PD: (P, D) float32. start_GD: (G, D) float32, the first centres, G <= P.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of its wrapper's types
        try:
            import faiss
        except ImportError:
            return _by_sklearn(features_PD, len(start_GD), init=start_GD.numpy(), max_iter=ITERATIONS, tol=0)
    from threadpoolctl import threadpool_limits

    settings = {
        "niter": ITERATIONS,
        "min_points_per_centroid": 1,
        "max_points_per_centroid": len(features_PD),
    }
    method = faiss.Kmeans(features_PD.shape[1], len(start_GD), **settings)
    with threadpool_limits(torch.get_num_threads()):
        method.train(features_PD.numpy(), init_centroids=start_GD.numpy())
    return torch.from_numpy(method.centroids)


def _by_sklearn(features_PD: Tensor, n_clusters: int, **settings: Any) -> Tensor:
    """Return centres_GD by scikit-learn on one thread; several add numbers up in an order by chance."""
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    with warnings.catch_warnings(), threadpool_limits(1):
        # It warns of fewer different samples than clusters, which the empty clusters show anyway.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return torch.from_numpy(KMeans(n_clusters, **settings).fit(features_PD.numpy()).cluster_centers_)


def sklearn_seed(generator: torch.Generator) -> int:
    """Return a `random_state` for scikit-learn, drawn from a generator."""
    return int(torch.randint(2**31 - 1, (), generator=generator))
