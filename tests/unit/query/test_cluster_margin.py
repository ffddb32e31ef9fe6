"""Cluster-Margin: low margins from every cluster."""

import pytest
import torch

from alframe.query import ClusterMargin
from alframe.query.cluster_margin import in_turns
from tests.support.pool_scores import generator, labelled, normal, pool


def test_clusters_are_asked_in_turns_the_smallest_first() -> None:
    cluster = torch.tensor([2, 2, 2, 2, 0, 1, 1, 0, 0])  # sizes 4, 3, 2
    asked = cluster[in_turns(cluster, 9, generator())].tolist()
    assert asked == [1, 0, 2, 1, 0, 2, 0, 2, 2]
    assert len({tuple(in_turns(cluster, 3, generator(seed)).tolist()) for seed in range(20)}) > 5


@pytest.mark.parametrize("max_agglomerated", [1, 100])
def test_cluster_margin_takes_low_margins_from_every_cluster(max_agglomerated: int) -> None:
    place = torch.arange(60) % 3
    x = torch.eye(3)[place] * 50 + normal(60, 3)
    margin = torch.rand(60, generator=generator()) + (place == 0) * -0.5 + 5 * (torch.arange(60) >= 30)
    scores = pool(60, features_PD=x, margin_P=margin.clamp_min(0))
    strategy = ClusterMargin(spread=10, clusters_per_sample=1.0, max_agglomerated=max_agglomerated)
    close = strategy.candidates(scores, 3, generator())
    assert set((close - 10).tolist()) == set(range(30))
    candidates = scores.at(torch.isin(scores.index_P, close))
    asked = strategy.select(candidates, labelled(x[:0]), 3, generator()) - 10
    assert set(place[asked].tolist()) == {0, 1, 2}
    assert (asked < 30).all()
