"""Queries by one score, by hand."""

import torch

from alframe.query import Entropy, LeastConfidence, Margin, RandomQuery
from tests.support.pool_scores import NO_LABELS, generator, pool


def test_least_confidence_takes_the_smallest_log_odds() -> None:
    scores = pool(4, log_odds_P=torch.tensor([2.0, -1.0, 0.5, 3.0]))
    assert LeastConfidence(spread=1).select(scores, NO_LABELS, 2, generator()).tolist() == [11, 12]


def test_entropy_takes_the_largest_entropy() -> None:
    scores = pool(4, entropy_P=torch.tensor([0.1, 0.6, 0.0, 0.3]))
    assert Entropy(spread=1).select(scores, NO_LABELS, 2, generator()).tolist() == [11, 13]


def test_margin_takes_the_smallest_margin_and_spread_draws_from_more() -> None:
    scores = pool(300, margin_P=torch.rand(300, generator=generator(1)))
    order = scores.index_P[scores.margin_P.argsort()]
    lowest = Margin(spread=1).select(scores, NO_LABELS, 10, generator())
    assert lowest.tolist() == order[:10].tolist()
    spread = Margin(spread=3).select(scores, NO_LABELS, 10, generator())
    assert set(spread.tolist()) <= set(order[:30].tolist())
    assert set(spread.tolist()) != set(order[:10].tolist())


def test_random_is_uniform() -> None:
    drawn = torch.cat([RandomQuery().select(pool(10), NO_LABELS, 3, generator(seed)) for seed in range(2000)])
    counts = torch.bincount(drawn - 10, minlength=10)
    # 600 expected each, standard deviation 20.5; five of them on either side.
    assert counts.min() > 497
    assert counts.max() < 703
