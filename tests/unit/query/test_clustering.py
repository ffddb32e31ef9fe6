import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from alframe.core.selection import rank_within
from alframe.query import clustering as typicality
from alframe.query.clustering import MANY, k_means, mean_neighbour_distance, most_typical


@given(st.lists(st.integers(-2, 3), max_size=30))
@settings(max_examples=100, deadline=None)
def test_rank_within_counts_those_before(groups: list[int]) -> None:
    expected = [groups[:place].count(group) for place, group in enumerate(groups)]
    assert rank_within(torch.tensor(groups, dtype=torch.int64)).tolist() == expected


@pytest.mark.parametrize("distances", [1, 100, typicality.DISTANCES])
def test_the_mean_distance_is_that_of_two_loops(monkeypatch: pytest.MonkeyPatch, distances: int) -> None:
    monkeypatch.setattr(typicality, "DISTANCES", distances)  # however many are held at once
    generator = torch.Generator().manual_seed(0)
    features_PD = torch.randn(40, 5, generator=generator)
    features_PD[7] = features_PD[3]
    cluster_P = torch.randint(0, 4, (40,), generator=generator)
    cluster_P[0] = 9  # alone
    mean_P = mean_neighbour_distance(features_PD, cluster_P, neighbours=3)
    for place in range(40):
        others = [p for p in range(40) if p != place and cluster_P[p] == cluster_P[place]]
        nearest = sorted(float((features_PD[p] - features_PD[place]).norm()) for p in others)[:3]
        expected = sum(nearest) / len(nearest) if nearest else float("inf")
        assert float(mean_P[place]) == pytest.approx(expected, rel=1e-5)


def test_the_most_typical_has_the_densest_surroundings_not_the_centre() -> None:
    # On a line: a clump at 0, 0.1, 0.3 and a far 4; the mean is 1.1, nobody is there.
    features_PD = torch.tensor([[4.0], [0.3], [0.0], [0.1], [50.0]])
    cluster_P = torch.tensor([0, 0, 0, 0, 1])
    # Two nearest: 0.1 has 0.1 and 0.2, mean 0.15; 0 has 0.2 (0.1, 0.3); 0.3 has 0.25 (0.2, 0.3).
    assert mean_neighbour_distance(features_PD, cluster_P, 2)[1:4].tolist() == pytest.approx(
        [0.25, 0.2, 0.15]
    )
    assert most_typical(features_PD, cluster_P, 2).tolist() == [3, 4]


def test_ties_and_equal_samples_go_to_the_lowest_position() -> None:
    assert most_typical(torch.ones(6, 2), torch.tensor([1, 1, 0, 0, 1, 0]), 20).tolist() == [2, 0]
    assert most_typical(torch.empty(0, 2), torch.empty(0, dtype=torch.int64), 20).tolist() == []


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


def test_k_means_of_fewer_different_samples_than_clusters_warns_nobody() -> None:
    features_PD = torch.tensor([[0.0], [5.0]]).repeat(10, 1)
    cluster_P = k_means(features_PD, 6, torch.Generator().manual_seed(0))
    assert len(cluster_P.unique()) == 2
    assert torch.equal(cluster_P == cluster_P[0], features_PD[:, 0] == 0)
    assert len(k_means(torch.empty(0, 3), 4, torch.Generator())) == 0


def test_more_clusters_than_samples_that_centres_are_found_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typicality, "FITTED", 16)
    x = torch.randn(100, 2, generator=torch.Generator().manual_seed(0))
    assert len(k_means(x, 30, torch.Generator().manual_seed(0)).unique()) > 20
    few = k_means(torch.eye(4)[torch.arange(100) % 4] * 9, 4, torch.Generator().manual_seed(0))
    assert len(few.unique()) == 4
