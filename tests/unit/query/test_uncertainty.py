"""Queries by one score, by hand."""

import torch

from alframe.query import Entropy, LeastConfidence, Margin, ProbabilityMargin, RandomQuery
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


def test_the_two_margins_by_hand() -> None:
    # p_1st - p_2nd: 0.1, 0.17 and 0.13; p_1st / p_2nd: 1.5, 1.4 and 1.3.
    probs = torch.tensor([[0.3, 0.2, 0.2, 0.15, 0.15], [0.7, 0.5, 0, 0, 0], [0.65, 0.5, 0, 0, 0]]).double()
    probs /= torch.tensor([[1.0], [1.2], [1.15]])
    scores = pool(
        3, margin_P=(probs[:, 0] / probs[:, 1]).log().float(), log_odds_P=probs[:, 0].logit().float()
    )
    asked = [
        (kind(spread=1).select(scores, NO_LABELS, 3, generator()) - 10).tolist()
        for kind in (Margin, ProbabilityMargin)
    ]
    assert asked[0] == [2, 1, 0]
    assert asked[1] == (probs[:, 0] - probs[:, 1]).argsort().tolist() == [0, 2, 1]


def test_the_margin_of_probabilities_does_not_saturate() -> None:
    certain = torch.tensor([60.0, 90.0, 70.0, 50.0])
    scores = pool(4, margin_P=certain, log_odds_P=certain)
    asked = ProbabilityMargin(spread=1).select(scores, NO_LABELS, 4, generator())
    assert (asked - 10).tolist() == [3, 0, 2, 1]


def test_random_is_uniform() -> None:
    drawn = torch.cat([RandomQuery().select(pool(10), NO_LABELS, 3, generator(seed)) for seed in range(2000)])
    counts = torch.bincount(drawn - 10, minlength=10)
    # 600 expected each, standard deviation 20.5; five of them on either side.
    assert counts.min() > 497
    assert counts.max() < 703
