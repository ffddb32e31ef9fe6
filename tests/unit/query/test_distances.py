"""Distances in blocks against `torch.cdist`."""

import pytest
import torch

from alframe.query import distances
from alframe.query.distances import middle, nearest, squared_distances, unit_scale
from tests.support.pool_scores import normal


def test_distances_are_those_of_cdist_and_nearest_is_their_minimum() -> None:
    a, b = normal(30, 5), normal(9000, 5, seed=1)
    expected = by_differences(a, b)
    assert torch.allclose(squared_distances(a, b), expected, rtol=1e-9)
    assert torch.allclose(nearest(a, b), expected.amin(dim=1), rtol=1e-9)
    assert nearest(a, b[:0]).isinf().all()


@pytest.mark.parametrize("copies", [False, True])
def test_only_rows_of_other_groups_are_near(copies: bool) -> None:
    a, b = normal(30, 5), normal(9000, 5, seed=1)
    if copies:
        b[:] = b[0]
    groups = torch.arange(30) % 3, torch.arange(9000) % 2
    expected = by_differences(a, b).masked_fill(groups[0][:, None] == groups[1], torch.inf).amin(dim=1)
    assert torch.allclose(nearest(a, b, groups), expected, rtol=1e-9)
    one_group = torch.zeros(30), torch.zeros(9000)
    assert nearest(a, b, one_group).isinf().all()


def by_differences(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return (a.double()[:, None] - b.double()).square().sum(dim=2)


@pytest.mark.parametrize(("offset", "spread"), [(100, 0.01), (1e4, 0.1), (0, 1e20), (0, 1e37), (0, 1e-30)])
def test_a_shared_offset_and_a_large_scale_cost_no_precision(offset: float, spread: float) -> None:
    a, b = offset + spread * normal(40, 300), offset + spread * normal(50, 300, seed=1)
    a[:5] = b[:5]
    expected = by_differences(a, b)
    assert torch.allclose(squared_distances(a, b) / spread**2, expected / spread**2, rtol=1e-7)
    assert (squared_distances(a, b)[range(5), range(5)] == 0).all()


def test_two_far_groups_and_one_far_sample_cost_no_precision() -> None:
    a, b = normal(40, 20) * 0.01, normal(50, 20, seed=1) * 0.01
    for far in (100.0, -100.0):
        a[20:], b[25:] = a[20:] + far, b[25:] + far
        assert torch.allclose(squared_distances(a, b), by_differences(a, b), rtol=1e-6)
    b[0] = 1e20
    assert torch.allclose(nearest(a, b), by_differences(a, b).amin(dim=1), rtol=1e-6)


@pytest.mark.parametrize(("offset", "spread"), [(0, 1), (100, 0.01), (0, 1e20), (0, 1e-20)])
def test_the_nearest_is_as_near_as_in_float64_also_among_almost_equal_rows(
    offset: float, spread: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Rows of b in pairs whose distances to a row of a differ by less than float32 can tell.
    a, b = normal(40, 64).double(), normal(30, 64, seed=1).double()
    b = torch.cat([b, b + 1e-9 * normal(30, 64, seed=2).double()])
    a[:3] = b[[4, 50, 7]]
    a, b = offset + spread * a, offset + spread * b
    expected = by_differences(a, b).amin(dim=1)
    called = []
    in_blocks = distances.squared_distances
    monkeypatch.setattr(
        distances, "squared_distances", lambda *given: called.append(given) or in_blocks(*given)
    )
    assert torch.allclose(nearest(a, b) / spread**2, expected / spread**2, rtol=1e-9, atol=0)
    assert (nearest(a, b)[:3] == 0).all()
    assert not called


def test_copies_are_compared_in_float64_and_not_pair_by_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distances, "_can_be_nearest", lambda *given: all_pairs(given[0], given[1]))
    a, b = normal(5, 3), normal(400, 3, seed=1)
    seen = []
    norms = distances.square_norms
    monkeypatch.setattr(distances, "square_norms", lambda x: seen.append(len(x)) or norms(x))
    assert torch.allclose(nearest(a, b), by_differences(a, b).amin(dim=1), rtol=1e-9)
    assert max(seen) == 400  # and never 5 * 400 pairs


def all_pairs(a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    first, second = torch.ones(len(a), len(b)).nonzero().T
    return first, second


def test_the_middle_is_not_moved_by_one_far_sample_and_float16_is_accepted() -> None:
    x = 100 + normal(2000, 3).half()
    x[7] = 6e4
    assert (middle(x) - 100).abs().max() < 0.3
    assert torch.allclose(squared_distances(x, x[:9]), by_differences(x, x[:9]), rtol=1e-6)
    assert middle(x[:0]).tolist() == [0, 0, 0]


def test_scaled_samples_keep_the_ratios_of_their_distances() -> None:
    x = normal(60, 8)
    for given in (x, 1e20 * x, 1e-30 * x):
        scaled = unit_scale(given)
        assert scaled.abs().max() == 1
        ratio = by_differences(scaled, scaled) / by_differences(x, x).max()
        assert torch.allclose(
            ratio / ratio.max(), by_differences(x, x) / by_differences(x, x).max(), atol=1e-5
        )
    assert (unit_scale(torch.full((4, 2), 7.0)) == 0).all()
    assert unit_scale(x[:0]).shape == (0, 8)
