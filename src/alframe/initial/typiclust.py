"""A seed set of typical samples that differ from each other, chosen by the images alone.

There is no network yet, so the features are the principal components of the pixels.

Source: Hacohen, Dekel & Weinshall, ICML 2022 (TypiClust; there with self-supervised features).
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from alframe.data import MappedImages, make_bank
from alframe.rooms import Amount
from alframe.typicality import k_means, most_typical, sklearn_seed

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
        chosen = most_typical(features_PD, cluster_P, self.neighbours)
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
