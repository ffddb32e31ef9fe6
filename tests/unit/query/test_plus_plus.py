"""K-means++ against embeddings that are written down, and against the odds of its definition."""

from itertools import permutations

import pytest
import torch

from alframe.query import plus_plus as module
from alframe.query.plus_plus import Embeddings, plus_plus
from tests.support.pool_scores import generator, normal


def plain(x_PD: torch.Tensor) -> Embeddings:
    return Embeddings.of(torch.ones(len(x_PD), 1), x_PD)


def written_down(a_PC: torch.Tensor, h_PD: torch.Tensor) -> torch.Tensor:
    return (a_PC.double()[:, :, None] * h_PD.double()[:, None, :]).flatten(1)


def slow_plus_plus(
    g: torch.Tensor, n: int, first: int, draws: torch.Generator, pending: int = 128, rejected: int = 8
) -> list[int]:
    """K-means++ by draws with earlier odds, with the embeddings written down and the same uniform numbers."""

    def squared(position: int, to: list[int]) -> float:
        return min(float((g[position] - g[other]).square().sum()) for other in to)

    chosen = [first]
    while len(chosen) < n:
        old = torch.tensor([squared(position, chosen) for position in range(len(g))], dtype=torch.float64)
        known, failures = len(chosen), 0
        while len(chosen) < n and len(chosen) - known < pending and failures < len(chosen) - known + rejected:
            draw, keep = torch.rand(2, dtype=torch.float64, generator=draws).tolist()
            position = int((old.cumsum(0) > draw * old.sum()).nonzero()[0])
            if keep * float(old[position]) < squared(position, chosen):
                chosen.append(position)
            else:
                failures += 1
    return chosen


@pytest.mark.parametrize(("pending", "rejected"), [(128, 8), (1, 8), (5, 2)])
def test_the_draws_are_those_of_a_plain_loop(
    pending: int, rejected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PENDING", pending)
    monkeypatch.setattr(module, "REJECTED", rejected)
    a, h = normal(60, 3), normal(60, 5, seed=1)
    found = plus_plus(Embeddings.of(a, h), 25, 7, generator()).tolist()
    assert found == slow_plus_plus(written_down(a, h), 25, 7, generator(), pending, rejected)


@pytest.mark.parametrize("rejected", [1, 3])
def test_the_odds_are_the_squared_distances(rejected: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REJECTED", rejected)
    x, draws, count = torch.tensor([[0.0], [1.0], [3.0], [4.0]]), generator(), 1000
    found = [tuple(plus_plus(plain(x), 3, 0, draws).tolist()) for _ in range(count)]
    squared = (x - x.T).square()
    for second, third in permutations([1, 2, 3], 2):
        remaining = torch.minimum(squared[0], squared[second])
        odds = float(squared[0, second] / squared[0].sum() * remaining[third] / remaining.sum())
        spread = (odds * (1 - odds) / count) ** 0.5
        assert found.count((0, second, third)) / count == pytest.approx(odds, abs=4 * spread + 1e-9)


def test_equal_samples_are_drawn_last_and_uniformly() -> None:
    x = torch.tensor([[0.0], [0.0], [9.0], [9.0], [9.0]])
    lasts = set()
    for seed in range(20):
        found = plus_plus(plain(x), 5, 0, generator(seed)).tolist()
        assert sorted(found) == [0, 1, 2, 3, 4]
        assert found[0] == 0
        assert found[1] >= 2
        lasts.add(found[-1])
    assert len(lasts) > 2
    assert len(plus_plus(plain(x), 9, 0, generator())) == 5
    assert plus_plus(plain(x), 0, 0, generator()).tolist() == []
