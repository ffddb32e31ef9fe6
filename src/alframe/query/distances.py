"""Squared Euclidean distances in blocks, so that the whole P x L matrix is never in memory.

Axes: P the samples that distances are measured from, L those that they are measured to, D the features.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

BLOCK = 2**24  # distances at once: 64 MB in float32


def squared_distances(a_PD: Tensor, b_LD: Tensor) -> Tensor:
    """Return (P, L) >= 0, the squared distances, with the dtype and on the device of the arguments.

    Computed as |a|^2 + |b|^2 - 2<a, b>: in float32, distances below about 1e-3 of the norms are rounding.

    >>> squared_distances(torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [[25.0, 0.0]]
    """
    norm_P1 = a_PD.square().sum(dim=1, keepdim=True)
    norm_L = b_LD.square().sum(dim=1)
    return torch.addmm(norm_P1 + norm_L, a_PD, b_LD.T, alpha=-2).clamp_min_(0)


def blocks(n_rows: int, n_columns: int) -> Iterator[slice]:
    """Yield slices of the rows, each of at most BLOCK numbers."""
    step = max(1, BLOCK // max(1, n_columns))
    for start in range(0, n_rows, step):
        yield slice(start, min(start + step, n_rows))


def nearest(a_PD: Tensor, b_LD: Tensor) -> Tensor:
    """Return (P,), the squared distance to the nearest row of b, infinite if b is empty."""
    nearest_P = a_PD.new_full((len(a_PD),), torch.inf)
    if len(b_LD) == 0:
        return nearest_P
    for rows in blocks(len(a_PD), min(len(b_LD), 4096)):
        for some_BD in b_LD.split(4096):
            torch.minimum(
                nearest_P[rows], squared_distances(a_PD[rows], some_BD).amin(dim=1), out=nearest_P[rows]
            )
    return nearest_P
