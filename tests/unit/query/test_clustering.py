"""K-means and average linkage on samples whose clusters are known."""

import sys
from importlib.util import find_spec

import pytest
import torch

from alframe.query import clustering
from alframe.query.clustering import MANY, average_linkage, k_means, lloyd, nearest_to_centres
from tests.support.pool_scores import generator, normal


def test_k_means_finds_clusters_that_are_there() -> None:
    truth = torch.arange(300) % 5
    x = torch.eye(5)[truth] * 20 + normal(300, 5)
    found = k_means(x, 5, generator())
    assert len(torch.stack([truth, found]).unique(dim=1).T) == 5


@pytest.mark.parametrize(("offset", "spread"), [(100, 0.01), (0, 1e20), (0, 1e-30)])
def test_clusters_are_found_whatever_the_offset_and_the_scale(offset: float, spread: float) -> None:
    truth = torch.arange(300) % 5
    x = offset + spread * (torch.eye(5)[truth] * 2 + 0.1 * normal(300, 5))
    for found in (k_means(x, 5, generator()), average_linkage(x, 5)):
        assert len(torch.stack([truth, found]).unique(dim=1).T) == 5


def test_k_means_is_a_fixed_point_of_lloyds_iterations() -> None:
    x = normal(200, 3)
    cluster = k_means(x, 4, generator())
    centres = torch.stack([x[cluster == c].mean(dim=0) for c in range(4)])
    assert torch.equal(torch.cdist(x, centres).argmin(dim=1), cluster)


@pytest.mark.parametrize("n_clusters", [4, MANY + 10])
def test_k_means_finds_blobs_with_few_and_many_clusters(n_clusters: int) -> None:
    generator = torch.Generator().manual_seed(1)
    blob_P = torch.arange(n_clusters * 6) % n_clusters
    centre_GD = torch.stack([torch.arange(n_clusters) % 8, torch.arange(n_clusters) // 8], 1).float()
    features_PD = centre_GD[blob_P] * 100 + torch.rand(len(blob_P), 2, generator=generator)
    cluster_P = k_means(features_PD, n_clusters, generator)
    assert int(cluster_P.min()) >= 0
    assert int(cluster_P.max()) < n_clusters
    # No blob is torn apart; two may fall together, since k-means has a single start.
    torn = sum(len(cluster_P[blob_P == blob].unique()) > 1 for blob in range(n_clusters))
    assert torn <= n_clusters // 4
    assert len(cluster_P.unique()) > n_clusters // 2


def test_k_means_of_fewer_different_samples_than_clusters_does_not_warn() -> None:
    features_PD = torch.tensor([[0.0], [5.0]]).repeat(10, 1)
    cluster_P = k_means(features_PD, 6, torch.Generator().manual_seed(0))
    assert len(cluster_P.unique()) == 2
    assert torch.equal(cluster_P == cluster_P[0], features_PD[:, 0] == 0)
    assert len(k_means(torch.empty(0, 3), 4, torch.Generator())) == 0


def test_more_clusters_than_samples_that_centres_are_found_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clustering, "FITTED", 16)
    x = torch.randn(100, 2, generator=torch.Generator().manual_seed(0))
    assert len(k_means(x, 30, torch.Generator().manual_seed(0)).unique()) > 20
    few = k_means(torch.eye(4)[torch.arange(100) % 4] * 9, 4, torch.Generator().manual_seed(0))
    assert len(few.unique()) == 4


def test_average_linkage_by_hand() -> None:
    # 0, 1 | 4 | 10: 4 is 3.5 from the pair's mean distance, 6 from 10.
    assert len(average_linkage(torch.tensor([[0.0], [1.0], [4.0], [10.0]]), 2)[:3].unique()) == 1


@pytest.mark.parametrize(("offset", "spread"), [(0, 1), (100, 0.01), (0, 1e20)])
def test_the_nearest_to_the_centres_are_those_of_a_plain_loop(offset: float, spread: float) -> None:
    truth = torch.arange(60) % 5
    x = torch.eye(5)[truth] * 20 + normal(60, 5)
    expected = []
    for blob in range(5):
        member = (truth == blob).nonzero().flatten()
        distance = (x[member] - x[member].mean(dim=0)).norm(dim=1)
        expected.append(int(member[distance.argmin()]))
    assert sorted(nearest_to_centres(offset + spread * x, 5, generator()).tolist()) == sorted(expected)


def test_the_nearest_to_the_centres_are_different_samples_also_if_features_are_equal() -> None:
    for x in (torch.zeros(9, 2), torch.tensor([[0.0], [5.0]]).repeat(5, 1)):
        for n in (0, 1, 4, 20):
            chosen = nearest_to_centres(x, n, generator())
            assert len(chosen) == len(chosen.unique()) == min(n, len(x))
    assert nearest_to_centres(torch.tensor([[0.0], [5.0]]).repeat(5, 1), 2, generator()).sum() == 1
    assert len(nearest_to_centres(torch.empty(0, 3), 4, generator())) == 0


@pytest.mark.skipif(find_spec("faiss") is None, reason="faiss is not installed")
def test_faiss_and_scikit_learn_find_the_same_centres(monkeypatch: pytest.MonkeyPatch) -> None:
    x = normal(3000, 12)
    centres = lloyd(x, x[:60])
    assert torch.equal(centres, lloyd(x, x[:60]))
    monkeypatch.setitem(sys.modules, "faiss", None)
    assert torch.allclose(centres, lloyd(x, x[:60]), atol=1e-4)


def test_ten_steps_of_lloyds_algorithm_are_those_of_a_plain_loop() -> None:
    x = normal(500, 4)
    centres = x[:60].clone()
    for _ in range(10):
        cluster = torch.cdist(x, centres).argmin(dim=1)
        centres = torch.stack([x[cluster == each].mean(dim=0) for each in range(60)])
    assert torch.allclose(lloyd(x, x[:60]), centres, atol=1e-5)
