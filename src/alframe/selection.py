"""The lowest of many values, without sorting them all."""

import torch
from torch import Tensor


def lowest(value_P: Tensor, n: int) -> Tensor:
    """Return (min(n, P),) int64 positions of the n lowest values; ties go to the lowest position.

    A partial selection: O(P) for the n-th value, and a sort of the n chosen alone.

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
