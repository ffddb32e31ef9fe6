import math

import numpy as np
import pytest
import torch

from alframe.core.log_odds import log_margin, log_odds, logit


@pytest.mark.parametrize(
    ("probability", "expected"), [(0.9999, 9.2102), (0.999999, 13.8155), (1 - 1e-9, 20.7233), (0.5, 0.0)]
)
def test_logit_of_the_thresholds_in_use(probability: float, expected: float) -> None:
    assert logit(probability) == pytest.approx(expected, abs=5e-5)


def test_a_thousand_random_cases_agree_with_float64() -> None:
    generator = torch.Generator().manual_seed(torch.seed() % 2**31)
    for n_classes in (2, 3, 10, 100):
        logits = (
            torch.randn(250, n_classes, generator=generator) * torch.rand(250, 1, generator=generator) * 30
        )
        predicted, odds = log_odds(logits)
        exact = logits.double().numpy()
        top = exact.argmax(1)
        rest = exact.copy()
        rest[np.arange(250), top] = -np.inf
        peak = rest.max(1, keepdims=True)
        expected = exact.max(1) - (peak[:, 0] + np.log(np.exp(rest - peak).sum(1)))
        assert (predicted.numpy() == top).all()
        np.testing.assert_allclose(odds.numpy(), expected, rtol=2e-6, atol=2e-5)


def test_log_odds_differ_although_float32_softmax_is_one() -> None:
    logits = torch.tensor([[20.0, 0.0], [40.0, 0.0], [80.0, 0.0]])
    assert (logits.softmax(1)[:, 0] == 1).all()
    assert log_odds(logits)[1].tolist() == [20.0, 40.0, 80.0]


def test_half_precision_logits_are_reduced_in_float32() -> None:
    predicted, odds = log_odds(torch.tensor([[2.0, 1.0, 0.0]], dtype=torch.bfloat16))
    assert odds.dtype == torch.float32
    assert odds.item() == pytest.approx(2 - math.log(math.e + 1), abs=1e-6)
    assert predicted.tolist() == [0]


def test_ties_go_to_the_lowest_class() -> None:
    predicted, odds = log_odds(torch.zeros(1, 4))
    assert predicted.item() == 0
    assert odds.item() == pytest.approx(-math.log(3))


def test_log_margin_is_the_log_ratio_of_the_two_largest() -> None:
    logits = torch.log(torch.tensor([[0.5, 0.3, 0.2]]))
    assert log_margin(logits).item() == pytest.approx(math.log(0.5 / 0.3), abs=1e-6)
