"""Confidence without saturation.

float32 softmax cannot distinguish 0.9999999 from 1, but log-odds can. With z the logits and y their argmax,
m = z_y - logsumexp(z_c, c != y) and p_max = sigmoid(m), so that p_max > t exactly if
m > log(t) - log1p(-t).
"""

import math

from torch import Tensor

HALVINGS = 60  # enough to reach the last bit of float64 from an interval of a few units


def log_odds(logits_BC: Tensor) -> tuple[Tensor, Tensor]:
    """Return (predicted_B, log_odds_B): int64 argmax and float32 log-odds of its probability.

    Args:
        logits_BC: (B, C) float, C >= 2; log-probabilities, or logits up to a constant per row. Ties
            go to the lowest class.

    >>> import torch
    >>> predicted, m = log_odds(torch.tensor([[0.0, 0.0], [3.0, 1.0]]))
    >>> predicted.tolist(), m.tolist()
    ([0, 0], [0.0, 2.0])
    """
    logits_BC = logits_BC.float()
    predicted_B = logits_BC.argmax(dim=1)
    top_B = logits_BC.gather(1, predicted_B[:, None]).squeeze(1)
    rest_BC = logits_BC.scatter(1, predicted_B[:, None], -math.inf)
    return predicted_B, top_B - rest_BC.logsumexp(dim=1)


def log_margin(logits_BC: Tensor) -> Tensor:
    """Return (B,) float32 >= 0, log(p_1st / p_2nd), which does not saturate.

    >>> import torch
    >>> log_margin(torch.tensor([[5.0, 3.0, -1.0]])).tolist()
    [2.0]
    """
    top_B2 = logits_BC.float().topk(2, dim=1).values
    return top_B2[:, 0] - top_B2[:, 1]


def entropy(logits_BC: Tensor) -> Tensor:
    """Return (B,) float32 >= 0, the entropy of the class probabilities in nats.

    >>> import torch
    >>> round(entropy(torch.tensor([[0.0, 0.0]])).item(), 4)
    0.6931
    """
    log_probs_BC = logits_BC.float().log_softmax(dim=1)
    # 0 * log 0 is 0: exp underflows while the logarithm is still finite.
    return (-(log_probs_BC.exp() * log_probs_BC.clamp_min(-1e4)).sum(dim=1)).clamp_min(0.0)


def logit(probability: float) -> float:
    """Return log(p / (1 - p)) in float64, for p in (0, 1).

    >>> round(logit(0.999999), 4)
    13.8155
    """
    return math.log(probability) - math.log1p(-probability)


def temperature(logits_VC: Tensor, label_V: Tensor, *, most: float) -> float:
    """Return the T in [1 / most, most] that maximises the likelihood of logits / T; 1 without a sample.

    The log-likelihood is concave in 1 / T, so that bisection finds where its slope is 0.

    Args:
        logits_VC: (V, C) float64, logits or log-probabilities. label_V: (V,) int64. most: above 1.

    >>> import torch
    >>> logits = torch.tensor([[math.log(9.0), 0.0]] * 4, dtype=torch.float64)  # 0.9, and 3 of 4 right
    >>> round(temperature(logits, torch.tensor([0, 0, 0, 1]), most=100.0), 9)  # log 9 / log 3
    2.0
    """
    if len(label_V) == 0:
        return 1.0
    low, high = -math.log(most), math.log(most)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if _falls_with_heat(logits_VC, label_V, math.exp(middle)):
            high = middle
        else:
            low = middle
    return math.exp((low + high) / 2)


def _falls_with_heat(logits_VC: Tensor, label_V: Tensor, heat: float) -> bool:
    """Return True if the maximum over T is below `heat`: the labels' logits exceed their expectation."""
    expected_V = ((logits_VC / heat).softmax(dim=1) * logits_VC).sum(dim=1)
    return float((logits_VC.gather(1, label_V[:, None]).squeeze(1) - expected_V).sum()) >= 0
