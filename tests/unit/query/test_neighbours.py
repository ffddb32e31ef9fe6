"""Neighbours and close pairs against distances by differences."""

import pytest
import torch

from alframe.query import neighbours as module
from alframe.query.neighbours import (
    close_pairs,
    float32_distances,
    half_blocks,
    nearest_rows,
    nearest_squares,
)
from tests.support.pool_scores import normal


@pytest.fixture(params=[7, 2048])
def side(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(module, "SIDE", request.param)
    return request.param


def by_differences(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return (a.double()[:, None] - b.double()).square().sum(dim=2).float()


def test_distances_and_the_nearest_are_those_of_differences(side: int) -> None:
    a, b = normal(40, 30), normal(25, 30, seed=1)
    a[3] = b[5]
    expected = by_differences(a, b)
    assert torch.allclose(float32_distances(a, b), expected, rtol=1e-4)
    assert float32_distances(a, b)[3, 5] == 0
    assert torch.equal(nearest_rows(a, b), expected.argmin(dim=1))
    assert torch.allclose(nearest_squares(a, b), expected.amin(dim=1), rtol=1e-4)
    assert nearest_squares(a, b[:0]).isinf().all()


def test_the_blocks_hold_each_pair_of_samples(side: int) -> None:
    x = normal(30, 4)
    found = torch.full((30, 30), torch.nan)
    for rows, columns, squared in half_blocks(x):
        assert columns.start >= rows.start
        found[rows, columns], found[columns, rows] = squared, squared.T
    assert torch.allclose(found, by_differences(x, x), atol=1e-5)


def test_close_pairs_are_those_below_the_limit_of_the_first(side: int) -> None:
    x = normal(30, 2)
    x[9] = x[20]
    limit = torch.linspace(0, 1, 30)
    pairs = close_pairs(x, limit)
    squared = by_differences(x, x)
    expected = (squared < limit[:, None]).nonzero().tolist()
    found = [pairs.first_E.tolist(), pairs.second_E.tolist()]
    assert sorted(zip(*found, strict=True)) == [tuple(pair) for pair in expected]
    assert found[0] == sorted(found[0])
    assert torch.allclose(pairs.squared_E, squared[found[0], found[1]], atol=1e-5)
    same = (pairs.first_E == pairs.second_E) | ((pairs.first_E == 9) & (pairs.second_E == 20))
    assert (pairs.squared_E[same] == 0).all()
    assert len(close_pairs(x[:0], limit[:0]).first_E) == 0
