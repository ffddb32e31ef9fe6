"""Farthest-first against a plain loop."""

import pytest
import torch

from alframe.query import Coreset
from alframe.query import coreset as coreset_module
from alframe.query.coreset import farthest_first
from alframe.query.distances import nearest
from tests.support.pool_scores import generator, labelled, normal, pool


def slow_farthest_first(x: torch.Tensor, start: torch.Tensor, n: int) -> list[int]:
    chosen: list[int] = []
    for _ in range(n):
        centres = torch.cat([start, x[chosen]])
        distances = (x.double()[:, None] - centres.double()).square().sum(dim=2).amin(dim=1)
        distances[chosen] = -1
        chosen.append(int(distances.argmax()))
    return chosen


@pytest.mark.parametrize("top", [1, 3, 16, 512])
def test_coreset_is_plain_farthest_first(top: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coreset_module, "TOP", top)
    x, start = normal(150, 4), normal(7, 4, seed=1)
    expected = slow_farthest_first(x, start, 40)
    assert farthest_first(x, nearest(x, start), 40).tolist() == expected
    strategy = Coreset(max_candidates=None)
    asked = strategy.select(pool(150, features_PD=x), labelled(start), 40, generator()) - 10
    assert asked.tolist() == expected


@pytest.mark.parametrize(("offset", "spread"), [(100, 0.01), (-3e3, 0.1), (0, 1e20), (0, 1e-25)])
def test_coreset_of_features_that_share_an_offset_or_are_huge(offset: float, spread: float) -> None:
    x, start = offset + spread * normal(150, 64), offset + spread * normal(7, 64, seed=1)
    asked = Coreset(max_candidates=None).select(pool(150, features_PD=x), labelled(start), 40, generator())
    assert (asked - 10).tolist() == slow_farthest_first(x, start, 40)


def test_coreset_on_a_line_by_hand() -> None:
    x = torch.tensor([[0.0], [1.0], [4.0], [10.0], [5.5]])
    strategy = Coreset(max_candidates=None)
    asked = strategy.select(pool(5, features_PD=x), labelled(torch.tensor([[0.0]])), 3, generator()) - 10
    # 10 is 10 away; then 5.5 is 4.5 from it; then 4 is 1.5 from that.
    assert asked.tolist() == [3, 4, 2]


def test_coreset_without_labels_begins_at_random_then_farthest_first() -> None:
    x, strategy = normal(50, 3), Coreset(max_candidates=None)
    firsts = set()
    for seed in range(8):
        asked = strategy.select(pool(50, features_PD=x), labelled(x[:0]), 5, generator(seed)) - 10
        firsts.add(int(asked[0]))
        assert asked.tolist()[1:] == slow_farthest_first(x, x[asked[:1]], 4)
    assert len(firsts) > 3
