"""Wrong labels for research: noise that is put into true labels, so that an audit can be judged.

Axes: N samples; C classes.
"""

from typing import Literal

import torch
from torch import Tensor

NoiseKind = Literal["symmetric", "confusion"]


def noisy_labels(
    truth_N: Tensor,
    member_N: Tensor,
    n_classes: int,
    share: float,
    generator: torch.Generator,
    partner_C: Tensor | None = None,
) -> Tensor:
    """Return (N,) int64: the true labels, of which round(share * members) are wrong.

    Args:
        truth_N: (N,) int64 in [0, C). member_N: (N,) bool, the samples that take part.
        share: of the members, in [0, 1). generator: draws the wrong ones.
        partner_C: (C,) int64, the class for which a wrong label mistakes each class; None takes each other
            class with the same probability.

    >>> truth_N, all_N = torch.arange(4) % 2, torch.ones(4, dtype=torch.bool)
    >>> int((noisy_labels(truth_N, all_N, 2, 0.5, torch.Generator().manual_seed(0)) != truth_N).sum())
    2
    """
    index = member_N.nonzero().flatten()
    n_wrong = round(share * len(index))
    chosen = index[torch.randperm(len(index), generator=generator)[:n_wrong]]
    shift = torch.randint(1, max(2, n_classes), (n_wrong,), generator=generator)
    given_N = truth_N.clone()
    given_N[chosen] = (
        (truth_N[chosen] + shift) % n_classes if partner_C is None else partner_C[truth_N[chosen]]
    )
    return given_N


def similar_classes(features_MD: Tensor, truth_M: Tensor, n_classes: int) -> Tensor:
    """Return (C,) int64: for each class the other one whose mean features are nearest.

    Args:
        features_MD: (M, D) float32, of some samples, such as pixels. truth_M: (M,) int64 in [0, C).
    """
    mean_CD = torch.zeros(n_classes, features_MD.shape[1]).index_add_(0, truth_M, features_MD)
    mean_CD /= torch.bincount(truth_M, minlength=n_classes).clamp(min=1)[:, None]
    distance_CC = torch.cdist(mean_CD, mean_CD)
    return distance_CC.fill_diagonal_(torch.inf).argmin(dim=1)
