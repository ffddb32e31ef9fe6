"""K-means and average linkage, every random number from a `torch.Generator`.

Axes: P what is clustered, S what centres are found from, Z the centres, C and D the factors of an embedding.
"""

import torch
from torch import Tensor

from alframe.query.distances import heavy_device, squared_distances

FITTED = (
    2**14
)  # samples that centres are found from at most: 60,000 in 500 clusters take seconds, not minutes
PASSES = 25  # of Lloyd's iterations at most


def kmeans(features_PD: Tensor, n_clusters: int, generator: torch.Generator) -> Tensor:
    """Return (P,) int64 cluster of each sample, in [0, n_clusters); clusters may be empty.

    Lloyd's iterations from k-means++ centres (Arthur & Vassilvitskii 2007) on FITTED random samples where
    there are more; then each sample goes to the nearest centre.

    Args:
        features_PD: (P, D) float32, finite, on the CPU.
        n_clusters: at least 1; no more than P are made.
        generator: draws the samples and the centres.

    >>> x = torch.tensor([[0.0], [0.1], [5.0], [5.1]])
    >>> a, b, c, d = kmeans(x, 2, torch.Generator().manual_seed(0)).tolist()
    >>> a == b != c == d
    True
    """
    n_clusters = min(n_clusters, len(features_PD))
    if n_clusters <= 1:
        return torch.zeros(len(features_PD), dtype=torch.int64)
    fitted_SD = features_PD
    if len(features_PD) > FITTED:
        fitted_SD = features_PD[torch.randperm(len(features_PD), generator=generator)[:FITTED]]
    first = int(torch.randint(len(fitted_SD), (1,), generator=generator))
    device, ones_S1 = heavy_device(), torch.ones(len(fitted_SD), 1)
    seeds = plus_plus(ones_S1.to(device), fitted_SD.to(device), n_clusters, first, generator)
    centre_ZD = _lloyd(fitted_SD, fitted_SD[seeds])
    return _assigned(features_PD, centre_ZD)


def _lloyd(features_SD: Tensor, centre_ZD: Tensor) -> Tensor:
    """Return the centres after at most PASSES iterations; one that loses all samples stays where it is."""
    cluster_S = torch.full((len(features_SD),), -1)
    for _ in range(PASSES):
        new_S = _assigned(features_SD, centre_ZD)
        if torch.equal(new_S, cluster_S):
            break
        cluster_S = new_S
        # On the CPU, where sums are added in one order.
        sum_ZD = torch.zeros_like(centre_ZD).index_add_(0, cluster_S, features_SD)
        size_Z1 = torch.bincount(cluster_S, minlength=len(centre_ZD))[:, None]
        centre_ZD = torch.where(size_Z1 > 0, sum_ZD / size_Z1.clamp_min(1), centre_ZD)
    return centre_ZD


def _assigned(features_PD: Tensor, centre_ZD: Tensor) -> Tensor:
    """Return (P,) int64 on the CPU, the nearest centre; ties go to the first."""
    centre_ZD = centre_ZD.to(heavy_device())
    parts = [
        squared_distances(part.to(centre_ZD.device), centre_ZD).argmin(dim=1).cpu()
        for part in features_PD.split(4096)
    ]
    return torch.cat(parts)


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
    norm_P, norm_h_P = embedding_norms(factor_PC, factor_PD), square_norms(factor_PD).sqrt()
    open_P = torch.ones_like(norm_P, dtype=torch.bool)
    distance_P = torch.full_like(norm_P, torch.inf)
    chosen = [first]
    n_draws = max(0, min(n, len(norm_P)) - 1)
    for draw in torch.rand(n_draws, dtype=torch.float64, generator=generator).tolist():
        last = chosen[-1]
        open_P[last] = False
        inner_P, far_P = (factor_PC @ factor_PC[last]).double(), norm_P + norm_P[last]
        # |<h_i, h_j>| <= |h_i| |h_j|: what cannot come closer needs no product of D numbers.
        rows = (far_P - 2 * inner_P.abs() * norm_h_P * norm_h_P[last] < distance_P).nonzero().flatten()
        new_B = far_P[rows] - 2 * inner_P[rows] * _products(factor_PD, rows, last).double()
        distance_P[rows] = torch.minimum(distance_P[rows], new_B.clamp_min_(0))
        distance_P[last] = 0
        chosen.append(_drawn(distance_P, open_P, draw))
    return torch.tensor(chosen[: min(n, len(norm_P))], dtype=torch.int64)


def _products(factor_PD: Tensor, rows: Tensor, other: int) -> Tensor:
    """Return (B,) <h_i, h_other> of some rows; of all of them where copying those out would take longer."""
    if len(rows) > len(factor_PD) // 3:
        return (factor_PD @ factor_PD[other])[rows]
    return factor_PD[rows] @ factor_PD[other]


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
