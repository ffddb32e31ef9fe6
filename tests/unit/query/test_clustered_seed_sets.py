"""Seed sets of one sample for each cluster, of pixels or of embeddings."""

from typing import Any

import pytest
import torch

from alframe.core.loop_plan import Amount
from alframe.query.clustered_seed_sets import CentroidSeedSet, TypiclustSeedSet, principal_components
from tests.support.pool_scores import generator, normal

SETTINGS = {"components": 4, "candidates": 1000, "side": 32}
BOTH = pytest.mark.parametrize("kind", [TypiclustSeedSet, CentroidSeedSet])


def blobs(n: int = 120, n_blobs: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    """Return images of faint noise with one of four bright rows, and which row; the first 4 are oddities."""
    generator = torch.Generator().manual_seed(0)
    images_N = torch.randint(0, 30, (n, 1, 8, 8), generator=generator, dtype=torch.uint8)
    blob_N = torch.arange(n) % n_blobs
    images_N[torch.arange(n), 0, 2 * blob_N] = 250
    images_N[:4, 0, :, 4:] += 60
    return images_N, blob_N


def made(kind: type, n: int, images_N: torch.Tensor, **changes: Any) -> Any:
    settings = SETTINGS | ({"neighbours": 5} if kind is TypiclustSeedSet else {}) | changes
    return kind(Amount(num=n), images_N, **settings)


def chosen(kind: type, images_N: torch.Tensor, n: int, seed: int = 0, **changes: Any) -> torch.Tensor:
    seed_set = made(kind, n, images_N, **changes)
    return seed_set.select(torch.arange(len(images_N)), torch.Generator().manual_seed(seed))


@BOTH
def test_one_sample_of_each_blob_and_no_outlier(kind: type) -> None:
    images_N, blob_N = blobs()
    for seed in range(5):
        index_Q = chosen(kind, images_N, 4, seed)
        assert blob_N[index_Q].sort().values.tolist() == [0, 1, 2, 3]
        assert int(index_Q.min()) >= 4


@BOTH
def test_as_many_as_asked_although_images_repeat(kind: type) -> None:
    images_N = blobs()[0][:5].repeat(20, 1, 1, 1)
    index_Q = chosen(kind, images_N, 30)
    assert len(index_Q.unique()) == 30
    assert len((index_Q % 5).unique()) == 5  # each of the five different images is there


@BOTH
def test_only_the_images_of_candidates_are_read(kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    images_N = blobs()[0]
    read: list[int] = []
    monkeypatch.setattr(
        "alframe.query.clustered_seed_sets.principal_components",
        lambda pixels, n, generator: read.append(len(pixels)) or principal_components(pixels, n, generator),
    )
    chosen(kind, images_N, 4, candidates=50)
    chosen(kind, images_N, 60, candidates=50)  # never fewer than asked
    assert read == [50, 60]


def test_large_images_are_averaged_down() -> None:
    images_N = blobs()[0]
    large_N = images_N.repeat_interleave(4, 2).repeat_interleave(4, 3)
    seed_set = made(CentroidSeedSet, 4, large_N, side=8)
    pixels_PF = seed_set._pixels(torch.arange(10))
    assert torch.allclose(pixels_PF, images_N[:10].flatten(1) / 255)


def test_pixels_are_those_of_the_indices_over_several_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alframe.query.clustered_seed_sets.BATCH", 7)
    images_N = blobs()[0]
    index_P = torch.arange(3, 90, 4)
    pixels_PF = made(CentroidSeedSet, 4, images_N)._pixels(index_P)
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


@BOTH
def test_embeddings_are_clustered_if_there_are_any(kind: type) -> None:
    images_N, _ = blobs()
    place_N = (torch.arange(120) // 7) % 3  # other groups than those of the pixels
    vectors_ND = torch.eye(3, 20)[place_N] * 10 + normal(120, 20) * 0.1
    asked: list[torch.Tensor] = []

    def embeddings(index_B: torch.Tensor) -> torch.Tensor:
        asked.append(index_B)
        return vectors_ND[index_B]

    index_Q = chosen(kind, images_N, 3, vectors_N=embeddings, candidates=60)
    assert place_N[index_Q].sort().values.tolist() == [0, 1, 2]
    assert sum(len(index_B) for index_B in asked) == 60


def test_the_centroid_is_the_sample_nearest_to_the_centre_of_directions() -> None:
    # Two directions of five samples each; the lengths do not matter, the middle angle is asked.
    angle_N = torch.tensor([-0.4, -0.2, 0.0, 0.2, 0.4, 1.6, 1.8, 2.0, 2.2, 2.4])
    length_N = torch.tensor([1.0, 9.0, 0.1, 3.0, 5.0, 7.0, 1.0, 40.0, 2.0, 8.0])
    vectors_ND = torch.stack([angle_N.cos(), angle_N.sin()], dim=1) * length_N[:, None]
    seed_set = made(CentroidSeedSet, 2, torch.zeros(10, 1, 4, 4), vectors_N=lambda index: vectors_ND[index])
    for seed in range(5):
        assert sorted(seed_set.select(torch.arange(10), generator(seed)).tolist()) == [2, 7]
