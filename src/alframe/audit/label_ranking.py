"""Given labels in the order of suspicion: how probable a classifier finds each that has not learned from it.

Axes: N the labels, C the classes. In a (C, C) matrix the rows are given classes, the columns true ones.

Source: Northcutt, Jiang & Chuang, Confident learning: estimating uncertainty in dataset labels, JAIR 2021.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from alframe.audit.flip_rates import posterior

Quality = Callable[[Tensor, Tensor], Tensor]


def label_quality(log_probs_NC: Tensor, given_N: Tensor, method: str) -> Tensor:
    """Return (N,) float32, at most 0: the logarithm of each label's quality in [0, 1]; low is suspect.

    Logarithms stay different where float32 probabilities round to 0. A classifier that has memorised a label
    finds it probable, so the log-probabilities must be those of one that has not learned from it.

    Args:
        log_probs_NC: (N, C) float, at most 0. given_N: (N,) int64 in [0, C).
        method: a name in `METHODS`.

    Raises:
        ValueError: an unknown method.

    >>> log_probs = torch.tensor([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]]).log()
    >>> label_quality(log_probs, torch.tensor([0, 0, 1]), "self_confidence").exp().mul(10).round().tolist()
    [9.0, 2.0, 7.0]
    """
    if method not in METHODS:
        raise ValueError(f"Expected a method among {sorted(METHODS)}, but got {method!r}.")
    if len(given_N) == 0:
        return torch.empty(0)
    return METHODS[method](log_probs_NC.double(), given_N).float()


def rank_suspects(quality_N: Tensor) -> Tensor:
    """Return (N,) int64, the positions from the lowest quality to the highest; ties keep their order.

    >>> rank_suspects(torch.tensor([-0.1, -3.0, -0.1])).tolist()
    [1, 0, 2]
    """
    return quality_N.argsort(stable=True)


def self_confidence(log_probs_NC: Tensor, given_N: Tensor) -> Tensor:
    """Return (N,), the log-probability of each given label."""
    return log_probs_NC.gather(1, given_N[:, None])[:, 0]


def normalised_margin(log_probs_NC: Tensor, given_N: Tensor) -> Tensor:
    """Return (N,), the log of (p_given - p_other + 1) / 2, with the most probable other class.

    It is computed as p_given + (1 - p_given - p_other) / 2, a sum of positive numbers, so that small values
    are exact.
    """
    if log_probs_NC.shape[1] < 2:
        return self_confidence(log_probs_NC, given_N)
    given_N1 = given_N[:, None]
    without_given_NC = log_probs_NC.scatter(1, given_N1, -torch.inf)
    other_N1 = without_given_NC.argmax(dim=1, keepdim=True)
    rest_N = without_given_NC.scatter(1, other_N1, -torch.inf).logsumexp(dim=1)
    half = torch.tensor(0.5, dtype=log_probs_NC.dtype).log()
    return torch.logaddexp(self_confidence(log_probs_NC, given_N), rest_N + half)


def confident_joint_quality(log_probs_NC: Tensor, given_N: Tensor) -> Tensor:
    """Return (N,), the log of s / 2 for `label_issues`, else of (1 + s) / 2; s is the self-confidence."""
    half_N = (self_confidence(log_probs_NC, given_N).exp() + 1).log()
    issue_N = label_issues(log_probs_NC, given_N, "both")
    quality_N = torch.where(issue_N, self_confidence(log_probs_NC, given_N), half_N)
    return quality_N - torch.tensor(2.0, dtype=log_probs_NC.dtype).log()


METHODS: dict[str, Quality] = {
    "self_confidence": self_confidence,
    "normalised_margin": normalised_margin,
    "confident_joint": confident_joint_quality,
    "posterior": posterior,
}


def confident_joint(log_probs_NC: Tensor, given_N: Tensor) -> Tensor:
    """Return (C, C) int64, the estimated number of labels with a given class (row) and a true class (column).

    A sample counts for a class if its probability is at least the mean that the labels given as this class
    have; if there are several, for the most probable. The rows are then scaled to the given labels' numbers.

    Source: section 3.1, equations 1 to 3.
    """
    probs_NC = log_probs_NC.double().exp()
    n_classes = probs_NC.shape[1]
    given_C = given_N.bincount(minlength=n_classes)
    sums_C = torch.zeros(n_classes, dtype=torch.float64).index_add_(
        0, given_N, self_confidence(log_probs_NC, given_N).double().exp()
    )
    threshold_C = torch.where(given_C > 0, sums_C / given_C.clamp_min(1), 1.0)
    confident_NC = probs_NC >= threshold_C - 1e-6  # probabilities that are all equal are confident too
    counted_N = confident_NC.any(dim=1)
    class_N = probs_NC.masked_fill(~confident_NC, -1.0).argmax(dim=1)
    pairs = (given_N * n_classes + class_N)[counted_N].bincount(minlength=n_classes**2)
    joint_CC = pairs.view(n_classes, n_classes)
    joint_CC.diagonal().clamp_(min=1)
    return rounded_rows(joint_CC.double() / joint_CC.sum(dim=1, keepdim=True), given_C)


def rounded_rows(share_CC: Tensor, total_C: Tensor) -> Tensor:
    """Return (C, C) int64 near share * total, with rows that sum to the totals (largest remainders).

    >>> rounded_rows(torch.tensor([[0.55, 0.25, 0.2]]), torch.tensor([3])).tolist()
    [[2, 1, 0]]
    """
    exact_CC = share_CC * total_C[:, None]
    whole_CC = exact_CC.floor()
    missing_C1 = total_C[:, None] - whole_CC.sum(dim=1, keepdim=True)
    # Of equal remainders the last is rounded up, as in cleanlab.
    place_CC = (whole_CC - exact_CC).flip(1).argsort(dim=1, stable=True).argsort(dim=1).flip(1)
    return (whole_CC + (place_CC < missing_C1)).long()


def label_issues(log_probs_NC: Tensor, given_N: Tensor, prune: str) -> Tensor:
    """Return (N,) bool, the labels that confident learning calls wrong.

    The confident joint says how many labels of each given class are wrong, and what they are in truth. A
    label of the most probable class is never an issue.

    Args:
        log_probs_NC, given_N: as for `label_quality`.
        prune: "class" takes the estimated number of each given class, the least probable first; "noise_rate"
            that of each pair of classes, the largest margins first; "both" takes what both do.

    Source: section 3.2, methods 3 to 5.
    """
    joint_CC = confident_joint(log_probs_NC, given_N)
    probs_NC = log_probs_NC.double().exp()
    chosen = {"class": (_of_class,), "noise_rate": (_of_pairs,), "both": (_of_class, _of_pairs)}[prune]
    issue_N = probs_NC.argmax(dim=1) != given_N
    for prune_by in chosen:
        issue_N &= prune_by(probs_NC, given_N, joint_CC)
    return issue_N


def _of_class(probs_NC: Tensor, given_N: Tensor, joint_CC: Tensor) -> Tensor:
    found_N = torch.zeros_like(given_N, dtype=torch.bool)
    for given, row_C in enumerate(joint_CC.tolist()):
        index_I = (given_N == given).nonzero().flatten()
        order_I = probs_NC[index_I, given].argsort(stable=True)
        found_N[index_I[order_I[: sum(row_C) - row_C[given]]]] = True
    return found_N


def _of_pairs(probs_NC: Tensor, given_N: Tensor, joint_CC: Tensor) -> Tensor:
    found_N = torch.zeros_like(given_N, dtype=torch.bool)
    for given, row_C in enumerate(joint_CC.tolist()):
        index_I = (given_N == given).nonzero().flatten()
        for other, n in enumerate(row_C):
            if other != given and n:
                margin_I = probs_NC[index_I, other] - probs_NC[index_I, given]
                found_N[index_I[margin_I.argsort(descending=True, stable=True)[:n]]] = True
    return found_N
