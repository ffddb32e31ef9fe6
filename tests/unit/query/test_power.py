"""Power acquisition: scores that do not cancel, and draws with the right odds."""

import math

import pytest
import torch

from alframe.query.power import log_closeness, log_error, power_draw
from tests.support.pool_scores import generator


def test_scores_of_power_keep_tiny_values() -> None:
    assert log_error(torch.tensor([60.0])).exp().item() == pytest.approx(math.exp(-60), rel=1e-12)
    # p = (1 - e, e): 1 - (p1 - p2) = 2 e.
    for m in (0.0, 3.0, 20.0, 60.0):
        e = 1 / (1 + math.exp(m))
        assert log_closeness(torch.tensor([m]), torch.tensor([m])).exp().item() == pytest.approx(
            2 * e, rel=1e-12
        )


def test_power_margin_is_one_minus_the_difference() -> None:
    probs = torch.rand(50, 4, generator=generator(), dtype=torch.float64)
    probs /= probs.sum(dim=1, keepdim=True)
    top = probs.topk(2, dim=1).values
    found = log_closeness(top[:, 0].logit(), (top[:, 0] / top[:, 1]).log()).exp()
    assert torch.allclose(found, 1 - (top[:, 0] - top[:, 1]), rtol=1e-10)


def test_the_first_of_a_power_draw_has_odds_of_the_power() -> None:
    scores = torch.tensor([1.0, 2.0, 4.0], dtype=torch.float64)
    for beta, expected in ((1.0, scores / 7), (2.0, scores**2 / 21), (0.0, torch.ones(3) / 3)):
        noise = generator()
        first = torch.cat([power_draw(scores.log(), 1, beta, noise) for _ in range(6000)])
        shares = torch.bincount(first, minlength=3) / 6000
        # Four standard deviations.
        assert torch.allclose(shares.double(), expected.double(), atol=0.026)


def test_a_large_power_asks_the_highest_and_zero_scores_are_last_at_random() -> None:
    log_score = torch.tensor([0.1, 0.2, 0.3, 0.0, 0.0, 0.0, 0.0]).double().log()
    assert power_draw(log_score, 3, 1e6, generator()).tolist() == [2, 1, 0]
    drawn = [tuple(power_draw(log_score, 7, 1.0, generator(seed)).tolist()) for seed in range(20)]
    assert all(set(order[:3]) == {0, 1, 2} for order in drawn)
    assert len({order[3:] for order in drawn}) > 5
