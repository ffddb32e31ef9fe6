"""Typicality against plain loops."""

import math

import pytest
import torch

from alframe.query import typicality as typicality_module
from alframe.query.typicality import mean_neighbour_distance, most_typical, typicality
from tests.support.pool_scores import generator, normal


def most_typical_of_each(features_PD: torch.Tensor, cluster_P: torch.Tensor, neighbours: int) -> list[int]:
    mean_P = mean_neighbour_distance(features_PD, cluster_P, neighbours)
    n_clusters = len(cluster_P.unique())
    return most_typical(-mean_P, cluster_P, torch.arange(n_clusters), n_clusters).tolist()


@pytest.mark.parametrize("distances", [1, 100, typicality_module.DISTANCES])
def test_the_mean_distance_is_that_of_two_loops(monkeypatch: pytest.MonkeyPatch, distances: int) -> None:
    monkeypatch.setattr(typicality_module, "DISTANCES", distances)  # however many are held at once
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
    # On a line: a clump at 0, 0.1, 0.3 and a far 4; no sample lies at their mean, 1.1.
    features_PD = torch.tensor([[4.0], [0.3], [0.0], [0.1], [50.0]])
    cluster_P = torch.tensor([0, 0, 0, 0, 1])
    # Two nearest: 0.1 has 0.1 and 0.2, mean 0.15; 0 has 0.2 (0.1, 0.3); 0.3 has 0.25 (0.2, 0.3).
    assert mean_neighbour_distance(features_PD, cluster_P, 2)[1:4].tolist() == pytest.approx(
        [0.25, 0.2, 0.15]
    )
    assert most_typical_of_each(features_PD, cluster_P, 2) == [3, 4]


def test_ties_and_equal_samples_go_to_the_lowest_position() -> None:
    assert most_typical_of_each(torch.ones(6, 2), torch.tensor([1, 1, 0, 0, 1, 0]), 20) == [2, 0]
    assert most_typical_of_each(torch.empty(0, 2), torch.empty(0, dtype=torch.int64), 20) == []


def slow_typicality(x: torch.Tensor, cluster: torch.Tensor, neighbours: int) -> list[float]:
    found = []
    for i in range(len(x)):
        distances = sorted(
            float((x[i].double() - x[j].double()).norm())
            for j in range(len(x))
            if j != i and cluster[j] == cluster[i]
        )[:neighbours]
        found.append(1 / (sum(distances) / len(distances)) if distances else math.inf)
    return found


@pytest.mark.parametrize(("offset", "spread"), [(0, 1), (100, 0.01), (0, 1e30), (0, 1e-44)])
def test_typicality_is_that_of_a_plain_loop(offset: float, spread: float) -> None:
    x, cluster = offset + spread * normal(40, 3), torch.arange(40) % 3
    cluster[7] = 3  # alone
    found = typicality(x, cluster, 5, generator()).tolist()
    assert found == pytest.approx(slow_typicality(x, cluster, 5), rel=1e-4)
