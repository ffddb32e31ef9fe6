"""The validation set loses what the pool loses, worked out by hand."""

import pytest
import torch

from alframe.core.records import PoolScores, Validation
from alframe.core.validation_set import error_by_share, thin_like_queries


def scores(odds: list[float], first: int = 0) -> PoolScores:
    return PoolScores(
        index_P=torch.arange(first, first + len(odds)),
        predicted_P=torch.zeros(len(odds), dtype=torch.int64),
        log_odds_P=torch.tensor(odds),
    )


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def by_odds(each: PoolScores) -> torch.Tensor:
    return each.log_odds_P


def test_all_below_the_highest_queried_value_are_dropped() -> None:
    pool, validation = scores([1.0, 2.0, 3.0, 4.0]), scores([0.5, 2.0, 2.1, 9.0], 10)
    # 0 and 1 were asked: the cut is 2.0, and every pool sample at or below it was asked.
    leaves = thin_like_queries(validation, pool, torch.tensor([0, 1]), by_odds, generator())
    assert leaves.tolist() == [True, True, False, False]


def test_a_share_is_dropped_if_the_question_is_spread() -> None:
    pool, validation = scores([1.0] * 30 + [5.0] * 70), scores([1.0] * 10_000 + [5.0] * 10, 200)
    leaves = thin_like_queries(validation, pool, torch.arange(10), by_odds, generator())
    # A third of the thirty at the cut were asked; sd of the share is 0.0047.
    assert leaves[:10_000].double().mean() == pytest.approx(1 / 3, abs=0.025)
    assert not leaves[10_000:].any()


def test_more_low_values_are_dropped_if_they_are_queried_more_often() -> None:
    # Of the lower half of the pool nine in ten were asked, of the upper half one in ten.
    pool, validation = scores([float(k) for k in range(1000)]), scores([k / 10 for k in range(10_000)], 2000)
    asked = torch.tensor([k for k in range(1000) if (k % 10 == 9) != (k < 500)])
    leaves = thin_like_queries(validation, pool, asked, by_odds, generator())
    assert leaves[:5000].double().mean() == pytest.approx(0.9, abs=0.02)
    assert leaves[5000:].double().mean() == pytest.approx(0.1, abs=0.02)


def test_without_a_value_a_random_share_is_dropped() -> None:
    pool, validation = scores([1.0] * 100), scores([9.0] * 10_000, 200)
    leaves = thin_like_queries(validation, pool, torch.arange(25), None, generator())
    assert leaves.double().mean() == pytest.approx(0.25, abs=0.022)


def test_no_query_or_an_empty_pool_drops_nothing() -> None:
    none = torch.empty(0, dtype=torch.int64)
    assert not thin_like_queries(scores([1.0], 5), scores([1.0]), none, by_odds, generator()).any()
    assert not thin_like_queries(scores([1.0], 5), scores([]), none, by_odds, generator()).any()


def test_error_of_the_most_confident_share() -> None:
    validation = Validation(
        scores=scores([float(20 - k) for k in range(20)]),
        label_V=torch.tensor([0] * 9 + [1] + [0] * 8 + [1, 1]),
    )
    errors = dict(error_by_share(validation))
    assert errors[0.45] == 0.0
    assert errors[0.5] == pytest.approx(1 / 10)
    assert errors[1.0] == pytest.approx(3 / 20)
    assert error_by_share(None) == ()
