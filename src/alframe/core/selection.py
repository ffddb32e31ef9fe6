"""Selections and ranks that avoid sorting all values."""

import torch
from torch import Tensor


def lowest(value_P: Tensor, n: int) -> Tensor:
    """Return (min(n, P),) int64 positions of the n lowest values; ties go to the lowest position.

    It takes O(P) to find the n-th value, and sorts only the n chosen ones.

    >>> lowest(torch.tensor([3.0, 1.0, 2.0, 1.0]), 2).tolist()
    [1, 3]
    """
    n = min(n, len(value_P))
    if n == 0:
        return torch.empty(0, dtype=torch.int64)
    bound = value_P.kthvalue(n).values
    below = (value_P < bound).nonzero().flatten()
    equal = (value_P == bound).nonzero().flatten()[: n - len(below)]
    chosen = torch.cat([below, equal])
    return chosen[value_P[chosen].argsort(stable=True)]


def rank_within(group_P: Tensor) -> Tensor:
    """Return (P,) int64, how many samples of the same group come before each sample.

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


def among(index_P: Tensor, index: Tensor) -> Tensor:
    """Return (P,) bool, True where `index_P` is in `index` (both int64 data-set indices).

    >>> among(torch.tensor([7, 2, 5]), torch.tensor([5, 9])).tolist()
    [False, False, True]
    """
    if len(index_P) == 0 or len(index) == 0:
        return torch.zeros(len(index_P), dtype=torch.bool)
    # One byte for each sample of the file; torch.isin would sort the pool.
    named_N = torch.zeros(int(max(index_P.max(), index.max())) + 1, dtype=torch.bool)
    named_N[index] = True
    return named_N[index_P]
