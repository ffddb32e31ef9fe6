"""The place of each sample within its group."""

import torch
from torch import Tensor


def rank_within(group_P: Tensor) -> Tensor:
    """Return (P,) int64: how many samples of the same group come before each one.

    Args:
        group_P: (P,) int64, such as classes or clusters.

    >>> rank_within(torch.tensor([7, 2, 7, 7, 2])).tolist()
    [0, 0, 1, 2, 1]
    """
    order_P = group_P.argsort(stable=True)
    _, size_G = torch.unique_consecutive(group_P[order_P], return_counts=True)
    first_P = (size_G.cumsum(0) - size_G).repeat_interleave(size_G)
    rank_P = torch.empty_like(order_P)
    rank_P[order_P] = torch.arange(len(group_P)) - first_P
    return rank_P
