import math

import pytest
import torch

from alframe.audit.flip_rates import flip_rates, posterior, unmixed
from alframe.audit.label_ranking import label_quality, rank_suspects

SYMMETRIC = torch.full((3, 3), 0.05, dtype=torch.float64) + 0.85 * torch.eye(3, dtype=torch.float64)
# A tenth of the first class is given as the second, and nothing else is exchanged.
ONE_WAY = torch.tensor([[0.9, 0.0, 0.0], [0.1, 1.0, 0.0], [0.0, 0.0, 1.0]], dtype=torch.float64)


def labels(rates_CC: torch.Tensor, n: int = 6000) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return predictions of given labels by a classifier with doubts, the true labels and the given ones."""
    generator = torch.Generator().manual_seed(0)
    truth_N = torch.arange(n) % 3
    noise_NC = torch.randn(n, 3, generator=generator, dtype=torch.float64)
    clean_NC = (6 * torch.eye(3)[truth_N] + 2 * noise_NC).softmax(dim=1)
    given_N = torch.multinomial(rates_CC.T[truth_N], 1, generator=generator)[:, 0]
    return clean_NC @ rates_CC.T, truth_N, given_N


@pytest.mark.parametrize("rates_CC", [SYMMETRIC, ONE_WAY])
def test_rates_are_found(rates_CC):
    probs_NC, _, given_N = labels(rates_CC)
    found_CC = flip_rates(probs_NC, given_N)
    assert found_CC.sum(dim=0).tolist() == pytest.approx([1, 1, 1])
    assert float((found_CC - rates_CC).abs().max()) < 0.03


def test_rates_that_differ_no_more_than_by_chance_are_equal():
    probs_NC, _, given_N = labels(SYMMETRIC)
    wrong = flip_rates(probs_NC, given_N)[~torch.eye(3, dtype=torch.bool)]
    assert float(wrong.max() - wrong.min()) < 0.02


def test_predictions_are_unmixed():
    clean_NC = torch.tensor([[0.6, 0.3, 0.1], [0.0, 1.0, 0.0]], dtype=torch.float64)
    given_NC = clean_NC @ ONE_WAY.T
    before, after = (given_NC - clean_NC).abs().sum(), (unmixed(given_NC, ONE_WAY) - clean_NC).abs().sum()
    assert float(after) < 0.5 * float(before)
    assert unmixed(given_NC, torch.eye(3).double()).flatten().tolist() == pytest.approx(
        given_NC.flatten().tolist()
    )


def test_the_posterior_by_hand():
    """Without exchanged classes among sure predictions, all pairs have one small rate.

    Two of 8 samples of each class are the surest quarter: counts 2 and 2. The rate is 1 / (4 + 2) for the one
    wrong class, and the shape has its upper limit, 1e6.
    """
    probs_NC = torch.tensor([[0.9, 0.1]] * 8 + [[0.1, 0.9]] * 8, dtype=torch.float64)
    given_N = torch.tensor([0] * 8 + [1] * 8)
    rates_CC = flip_rates(probs_NC, given_N)
    assert rates_CC.flatten().tolist() == pytest.approx([5 / 6, 1 / 6, 1 / 6, 5 / 6], abs=1e-4)
    true_NC = unmixed(probs_NC, rates_CC)
    odds = float(true_NC[0, 0] * rates_CC[0, 0] / (true_NC[0, 1] * rates_CC[0, 1]))
    assert float(posterior(probs_NC.log(), given_N)[0]) == pytest.approx(math.log(odds / (1 + odds)))


def test_exchanged_classes_rank_before_unclear_samples():
    """A clear sample of the first class given as the second is found, which self-confidence cannot tell."""
    probs_NC, truth_N, given_N = labels(ONE_WAY)
    wrong_N = given_N != truth_N
    n = int(wrong_N.sum())

    def found(method: str) -> float:
        order_N = rank_suspects(label_quality(probs_NC.log(), given_N, method))
        return float(wrong_N[order_N[:n]].double().mean())

    assert found("posterior") > found("self_confidence") + 0.05


def test_equal_rates_rank_as_self_confidence():
    probs_NC, truth_N, given_N = labels(SYMMETRIC)
    wrong_N = given_N != truth_N
    n = int(wrong_N.sum())
    first = [
        rank_suspects(label_quality(probs_NC.log(), given_N, method))[:n]
        for method in ("posterior", "self_confidence")
    ]
    shares = [float(wrong_N[order].double().mean()) for order in first]
    assert abs(shares[0] - shares[1]) < 0.01
