"""TypiClust as a seed set and as a query strategy."""

import math

import pytest
import torch

from alframe.core.loop_plan import Amount
from alframe.query import TypiClust
from alframe.query.typicality import most_typical
from alframe.query.typiclust import TypiclustSeedSet, cluster_order, principal_components
from tests.support.pool_scores import generator, labelled, pool

SETTINGS = {"components": 4, "neighbours": 5, "candidates": 1000, "side": 32}


def blobs(n: int = 120, n_blobs: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    """Return images of faint noise with one of four bright rows, and which row; the first 4 are oddities."""
    generator = torch.Generator().manual_seed(0)
    images_N = torch.randint(0, 30, (n, 1, 8, 8), generator=generator, dtype=torch.uint8)
    blob_N = torch.arange(n) % n_blobs
    images_N[torch.arange(n), 0, 2 * blob_N] = 250
    images_N[:4, 0, :, 4:] += 60
    return images_N, blob_N


def chosen(images_N: torch.Tensor, n: int, seed: int = 0, **changes: int) -> torch.Tensor:
    seed_set = TypiclustSeedSet(Amount(num=n), images_N, **(SETTINGS | changes))
    return seed_set.select(torch.arange(len(images_N)), torch.Generator().manual_seed(seed))


def test_one_sample_of_each_blob_and_no_outlier() -> None:
    images_N, blob_N = blobs()
    for seed in range(5):
        index_Q = chosen(images_N, 4, seed)
        assert blob_N[index_Q].sort().values.tolist() == [0, 1, 2, 3]
        assert int(index_Q.min()) >= 4


def test_as_many_as_asked_although_images_repeat() -> None:
    images_N = blobs()[0][:5].repeat(20, 1, 1, 1)
    index_Q = chosen(images_N, 30)
    assert len(index_Q.unique()) == 30
    assert len((index_Q % 5).unique()) == 5  # each of the five different images is there


def test_only_the_images_of_candidates_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    images_N = blobs()[0]
    read: list[int] = []
    monkeypatch.setattr(
        "alframe.query.typiclust.principal_components",
        lambda pixels, n, generator: read.append(len(pixels)) or principal_components(pixels, n, generator),
    )
    chosen(images_N, 4, candidates=50)
    chosen(images_N, 60, candidates=50)  # never fewer than asked
    assert read == [50, 60]


def test_large_images_are_averaged_down() -> None:
    images_N = blobs()[0]
    large_N = images_N.repeat_interleave(4, 2).repeat_interleave(4, 3)
    seed_set = TypiclustSeedSet(Amount(num=4), large_N, **(SETTINGS | {"side": 8}))
    pixels_PF = seed_set._pixels(torch.arange(10))
    assert torch.allclose(pixels_PF, images_N[:10].flatten(1) / 255)


def test_pixels_are_those_of_the_indices_over_several_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alframe.query.typiclust.BATCH", 7)
    images_N = blobs()[0]
    index_P = torch.arange(3, 90, 4)
    pixels_PF = TypiclustSeedSet(Amount(num=4), images_N, **SETTINGS)._pixels(index_P)
    assert torch.allclose(pixels_PF, images_N[index_P].flatten(1) / 255)


def test_principal_components_span_the_space_of_an_exact_decomposition() -> None:
    generator = torch.Generator().manual_seed(0)
    pixels_PF = torch.randn(50, 3, generator=generator) @ torch.randn(3, 20, generator=generator)
    features_PD = principal_components(pixels_PF, 3, generator)
    centred = pixels_PF - pixels_PF.mean(0)
    # All of the variance is in three directions, so distances are kept.
    assert torch.allclose(torch.pdist(features_PD), torch.pdist(centred), atol=1e-4)
    assert principal_components(pixels_PF[:2], 30, generator).shape == (2, 2)
    assert principal_components(torch.ones(5, 20), 30, generator).abs().max() == 0


def test_clusters_without_labels_are_first_and_among_these_the_largest() -> None:
    cluster_P = torch.tensor([0] * 5 + [1] * 9 + [2] * 7 + [3] * 2)
    # Cluster 1 holds a label; 3 is small.
    assert cluster_order(cluster_P, torch.tensor([1]), 4, min_cluster=3).tolist() == [2, 0, 1, 3]
    order = torch.tensor([2, 0, 1, 3])
    typical = torch.arange(23).float()
    assert most_typical(typical, cluster_P, order, 5).tolist() == [20, 4, 13, 22, 19]


def test_typiclust_asks_the_middle_of_an_uncovered_cluster() -> None:
    angle = torch.arange(8) * math.pi / 4
    around = torch.cat([torch.zeros(1, 2), torch.stack([angle.cos(), angle.sin()], dim=1)])
    x = torch.cat([around + 100, around - 100, around + torch.tensor([100.0, -100.0])])
    strategy = TypiClust(max_candidates=None, max_clusters=500, min_cluster=1, neighbours=20)
    for seed in range(5):
        scores, labels = pool(27, features_PD=x), labelled(torch.full((1, 2), 100.2))
        asked = strategy.select(scores, labels, 2, generator(seed)) - 10
        assert set(asked.tolist()) == {9, 18}
