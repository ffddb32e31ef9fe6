"""The samples nearest to the centres of clusters, for the peers' seed set and DropQuery on vectors."""

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.preprocessing import normalize

EACH = 512  # samples for each cluster that take part in finding the centres


def nearest_to_centres(x_ND: NDArray[np.float32], n: int, seed: int) -> NDArray[np.int64]:
    """Return (n,) positions: of each of n clusters of unit vectors, the one nearest to its centre."""
    unit_ND = normalize(x_ND)
    part = np.random.default_rng(seed).permutation(len(unit_ND))[: EACH * n]
    distance_NK = KMeans(n, n_init=1, max_iter=100, random_state=seed).fit(unit_ND[part]).transform(unit_ND)
    cluster_N = distance_NK.argmin(axis=1)
    members = [np.flatnonzero(cluster_N == k) for k in range(n)]
    return np.array([index[distance_NK[index, k].argmin()] for k, index in enumerate(members)])
