"""How often one class was given in place of another, and how probable that makes a given label.

A classifier that learns from wrong labels predicts given labels, not true ones: if 5 % of the fours are given
as nines, it gives a clear four 5 % for nine. So self-confidence cannot tell such a four, given as nine, from
an unclear nine. Here the rates at which classes were exchanged are estimated, and Bayes' rule weighs each
prediction with them. Where all wrong classes are equally frequent, the ranking is nearly that of
self-confidence.

Axes: N the labels, C the classes. In a (C, C) matrix the rows are given classes, the columns true ones.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

# Constants, since they define `posterior`: its measured precision is that of these values.
CONFIDENT_SHARE = 0.25  # of the samples predicted as a class: those that the classifier is surest of
UNMIXED = 3  # iterations that turn predictions of given labels into predictions of true ones
TINY = 1e-300


def flip_rates(probs_NC: Tensor, given_N: Tensor) -> Tensor:
    """Return (C, C) float64, the estimated probability of each given class for each true class.

    Among the surest predictions of a class, hardly one is wrong, so that their given labels are a sample of
    what the class was given as. The counts are smoothed towards one rate for all pairs of classes, the more
    the less they differ beyond chance: the rates have a gamma distribution, with a shape by the method
    of moments (empirical Bayes).

    Args:
        probs_NC: (N, C) float64, out-of-sample. given_N: (N,) int64 in [0, C).
    """
    count_CC = _confident_counts(probs_NC, given_N)
    n_classes, total_C = len(count_CC), count_CC.sum(dim=0)
    wrong_CC = count_CC - count_CC.diag().diag()
    rate = (wrong_CC.sum() + 1) / (total_C.sum() + 2) / max(1, n_classes - 1)
    expected_CC = (rate * total_C).expand(n_classes, n_classes) * (1 - torch.eye(n_classes).double())
    beyond_chance = ((wrong_CC - expected_CC).square() - expected_CC).sum() / expected_CC.square().sum()
    shape = 1 / beyond_chance.nan_to_num(nan=0.0).clamp_min(1e-6)
    rate_CC = (wrong_CC + shape) / (total_C + shape / rate)
    rate_CC.fill_diagonal_(0)
    right_C = (1 - rate_CC.sum(dim=0)).clamp_min(1 / n_classes)
    rates_CC = rate_CC + right_C.diag()
    return rates_CC / rates_CC.sum(dim=0)


def _confident_counts(probs_NC: Tensor, given_N: Tensor) -> Tensor:
    """Return (C, C) float64, the given labels of the surest predictions of each class."""
    n_classes = probs_NC.shape[1]
    confidence_N, predicted_N = probs_NC.max(dim=1)
    count_CC = torch.zeros(n_classes, n_classes, dtype=torch.float64)
    for predicted in range(n_classes):
        index_I = (predicted_N == predicted).nonzero().flatten()
        order_I = confidence_N[index_I].argsort(descending=True, stable=True)
        surest = index_I[order_I[: math.ceil(CONFIDENT_SHARE * len(index_I))]]
        count_CC[:, predicted] = given_N[surest].bincount(minlength=n_classes).double()
    return count_CC


def unmixed(probs_NC: Tensor, rates_CC: Tensor) -> Tensor:
    """Return (N, C) float64, predictions of the true class from predictions of the given class.

    Args:
        probs_NC: (N, C) float64. rates_CC: as from `flip_rates`.

    Source: Richardson, Bayesian-based iterative method of image restoration, JOSA 1972, for each sample.
    """
    true_NC = probs_NC
    for _ in range(UNMIXED):
        true_NC = true_NC * ((probs_NC / (true_NC @ rates_CC.T).clamp_min(TINY)) @ rates_CC)
        true_NC = true_NC / true_NC.sum(dim=1, keepdim=True)
    return true_NC


def posterior(log_probs_NC: Tensor, given_N: Tensor) -> Tensor:
    """Return (N,), the logarithm of the probability that each given label is right.

    Args:
        log_probs_NC: (N, C) float64, out-of-sample. given_N: (N,) int64 in [0, C).
    """
    probs_NC = log_probs_NC.exp()
    rates_CC = flip_rates(probs_NC, given_N)
    joint_NC = (unmixed(probs_NC, rates_CC) * rates_CC[given_N]).clamp_min(TINY).log()
    given_N1 = given_N[:, None]
    right_N = joint_NC.gather(1, given_N1)[:, 0]
    wrong_N = joint_NC.scatter(1, given_N1, -torch.inf).logsumexp(dim=1)
    return F.logsigmoid(right_N - wrong_N)
