"""Seed sets by k-means: one sample of each cluster, with as many clusters as samples. They read no label.

The clusters are those of the embeddings, if the trial has an encoder, or else of the principal components of
the pixels, since no network is trained yet.

Axes: P the candidates, D the features, F the numbers of one image, B a batch.

Sources: Hacohen, Dekel & Weinshall, Active learning on a budget, ICML 2022, algorithm 1 (TPC_RP); Gupte,
Aklilu, Nirschl & Yeung-Levy, Revisiting active learning in the era of vision foundation models, TMLR 2024.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from alframe.config.ranges import check_fields
from alframe.core.loop_plan import Amount
from alframe.data import Images, make_bank
from alframe.query.clustering import k_means, nearest_to_centres, sklearn_seed
from alframe.query.distances import unit_rows
from alframe.query.typicality import mean_neighbour_distance, most_typical, typicality

BATCH = 1024  # images or vectors read at once


@dataclass(frozen=True, eq=False)
class _ClusteredSeedSet(ABC):
    """Labels a sample of each of n clusters; a subclass chooses it."""

    amount: Amount
    images_N: Images
    components: int
    candidates: int
    side: int
    vectors_N: Callable[[Tensor], Tensor] | None = None

    def __post_init__(self) -> None:
        check_fields("initial", self)

    @abstractmethod
    def _chosen(self, features_PD: Tensor, n: int, generator: torch.Generator) -> Tensor:
        """Return up to n int64 positions, no two equal."""

    def select(self, index_N: Tensor, generator: torch.Generator) -> Tensor:
        """Return members of `index_N`, int64, one of each cluster; all if there are no more.

        If samples are equal, there may be fewer clusters than wanted; random candidates fill the seed set up.
        """
        n = self.amount.first_count(len(index_N), len(index_N))
        if n >= len(index_N):
            return index_N
        index_P = _random_part(index_N, max(n, self.candidates), generator)
        chosen = self._chosen(self._features(index_P, generator), n, generator)
        return index_P[_filled(chosen, len(index_P), n, generator)]

    def _features(self, index_P: Tensor, generator: torch.Generator) -> Tensor:
        """Return (P, D) float32: the embeddings, or principal components of the pixels."""
        if self.vectors_N is None:
            return principal_components(self._pixels(index_P), self.components, generator)
        return torch.cat([self.vectors_N(index_B) for index_B in index_P.split(BATCH)])

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


@dataclass(frozen=True, eq=False, kw_only=True)
class TypiclustSeedSet(_ClusteredSeedSet):
    """Labels the most typical sample of each of n clusters, where n is the size of the seed set.

    Attributes:
        amount: the size of the seed set.
        images_N: (N, channels, height, width) uint8, in memory or in files.
        components: at least 1, the number of principal components of the pixels.
        candidates: at least 1; a larger data set is reduced to this many random samples, or to n if that is
            more.
        side: at least 1, pixels; larger images are averaged down to this height and width.
        vectors_N: returns (B, D) float32, the embeddings of samples (int64), which are clustered instead of
            the pixels; None without an encoder.
        neighbours: at least 1, the number of nearest samples in its cluster that typicality is based on.

    Source: Hacohen, Dekel & Weinshall, Active learning on a budget, ICML 2022, algorithm 1 (TPC_RP).
    """

    neighbours: int

    def _chosen(self, features_PD: Tensor, n: int, generator: torch.Generator) -> Tensor:
        cluster_P = k_means(features_PD, n, generator)
        if self.vectors_N is None:
            typical_P = -mean_neighbour_distance(features_PD, cluster_P, self.neighbours)
        else:  # hundreds of numbers each, and few equal ones
            typical_P = typicality(features_PD, cluster_P, self.neighbours, generator)
        return most_typical(typical_P, cluster_P, torch.arange(n), n=len(cluster_P.unique()))


@dataclass(frozen=True, eq=False, kw_only=True)
class CentroidSeedSet(_ClusteredSeedSet):
    """Labels the sample nearest to the centre of each of n clusters, where n is the size of the seed set.

    Embeddings are clustered by their directions, as in the authors' code.

    Attributes:
        amount: the size of the seed set.
        images_N: (N, channels, height, width) uint8, in memory or in files.
        components: at least 1, the number of principal components of the pixels.
        candidates: at least 1; a larger data set is reduced to this many random samples, or to n if that is
            more.
        side: at least 1, pixels; larger images are averaged down to this height and width.
        vectors_N: returns (B, D) float32, the embeddings of samples (int64), which are clustered instead of
            the pixels; None without an encoder.

    Source: Gupte, Aklilu, Nirschl & Yeung-Levy, TMLR 2024 (arXiv 2401.14555), the initial pool.
    """

    def _chosen(self, features_PD: Tensor, n: int, generator: torch.Generator) -> Tensor:
        if self.vectors_N is not None:
            features_PD = unit_rows(features_PD)
        return nearest_to_centres(features_PD, n, generator)


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
