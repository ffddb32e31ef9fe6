"""TypiClust as a query strategy."""

import math

import torch

from alframe.query import TypiClust
from alframe.query.typicality import most_typical
from alframe.query.typiclust import cluster_order
from tests.support.pool_scores import generator, labelled, pool


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
