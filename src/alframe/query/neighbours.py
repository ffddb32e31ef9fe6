"""Neighbours and pairs of close samples, from products of matrices in float32.

float32 takes half the time of float64. Squared distances have an error of about 1e-6 of the squared norms, so
the samples must be on one scale and near the origin (see `unit_scale`). If that is not enough, the caller
computes the pairs near a limit again.

Axes: P the samples, L others that they are compared with, B and R blocks of the samples, E the pairs.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from alframe.query.distances import ROUNDING_32, blocks, square_norms

SIDE = 2048  # samples on each side of a block


def nearest_rows(a_PD: Tensor, b_LD: Tensor) -> Tensor:
    """Return (P,) int64, the row of b that is nearest to each row of a; b has at least one.

    >>> nearest_rows(torch.tensor([[0.0], [3.0]]), torch.tensor([[4.0], [1.0]])).tolist()
    [1, 0]
    """
    norm_L, row_P = square_norms(b_LD), torch.empty(len(a_PD), dtype=torch.int64, device=a_PD.device)
    for rows in blocks(len(a_PD), len(b_LD)):
        row_P[rows] = torch.addmm(norm_L, a_PD[rows], b_LD.T, alpha=-2).argmin(dim=1)
    return row_P


def float32_distances(a_PD: Tensor, b_LD: Tensor) -> Tensor:
    """Return (P, L) float32 >= 0, the squared distances; 0 for equal rows.

    >>> float32_distances(torch.tensor([[3.0, 4.0]]), torch.tensor([[0.0, 0.0], [3.0, 4.0]])).tolist()
    [[25.0, 0.0]]
    """
    norms_PL = square_norms(a_PD)[:, None] + square_norms(b_LD)
    squared_PL = torch.addmm(norms_PL, a_PD, b_LD.T, alpha=-2)
    return squared_PL.masked_fill_(squared_PL <= ROUNDING_32 * norms_PL, 0)


def nearest_squares(a_PD: Tensor, b_LD: Tensor) -> Tensor:
    """Return (P,) float32, the squared distance to the nearest row of b, infinite if b is empty."""
    squared_P = a_PD.new_full((len(a_PD),), torch.inf)
    for rows in blocks(len(a_PD), SIDE):
        for some_BD in b_LD.split(SIDE) if len(b_LD) else ():
            nearest_B = float32_distances(a_PD[rows], some_BD).amin(dim=1)
            torch.minimum(squared_P[rows], nearest_B, out=squared_P[rows])
    return squared_P


def half_blocks(x_PD: Tensor, n_rows: int | None = None) -> Iterator[tuple[slice, slice, Tensor]]:
    """Yield rows, columns and their squared distances (B, R) float32, not rounded, without mirrored blocks.

    The first column is never before the first row. A block on the diagonal has both halves. If `n_rows` is
    given, only the first samples are rows, and all samples are columns.
    """
    norm_P = square_norms(x_PD)
    n_rows = len(x_PD) if n_rows is None else n_rows
    for first in range(0, n_rows, SIDE):
        rows = slice(first, min(first + SIDE, n_rows))
        for start in range(first, len(x_PD), SIDE):
            columns = slice(start, min(start + SIDE, len(x_PD)))
            norms_BR = norm_P[rows, None] + norm_P[columns]
            yield rows, columns, norms_BR.addmm_(x_PD[rows], x_PD[columns].T, alpha=-2)


@dataclass(frozen=True, eq=False)
class ClosePairs:
    """Pairs of samples, ordered by the first of each pair.

    Attributes:
        first_E, second_E: (E,) int32, positions. squared_E: (E,) float32, their squared distances.
    """

    first_E: Tensor
    second_E: Tensor
    squared_E: Tensor


def close_pairs(x_PD: Tensor, limit_P: Tensor) -> ClosePairs:
    """Return all pairs whose squared distance is below the limit of the first one, on the CPU.

    A sample is in a pair with itself if its limit is above 0.

    Args:
        x_PD: (P, D) float32. limit_P: (P,) float32, on the same device.
    """
    norm_P, found = square_norms(x_PD), [(torch.empty(2, 0, dtype=torch.int32), torch.empty(0))]
    for rows, columns, squared_BR in half_blocks(x_PD):
        for first, second, squared in ((rows, columns, squared_BR), (columns, rows, squared_BR.T)):
            pair_2E = (squared < limit_P[first, None]).nonzero().T
            squared_E = squared[pair_2E[0], pair_2E[1]]
            pair_2E += torch.tensor([[first.start], [second.start]], device=pair_2E.device)
            squared_E[squared_E <= ROUNDING_32 * norm_P[pair_2E].sum(dim=0)] = 0
            found.append((pair_2E.int().cpu(), squared_E.cpu()))
            if rows == columns:
                break
    pairs_2E = torch.cat([pair_2E for pair_2E, _ in found], dim=1)
    order_E = pairs_2E[0].argsort(stable=True)
    squared_E = torch.cat([squared_E for _, squared_E in found])
    return ClosePairs(pairs_2E[0, order_E], pairs_2E[1, order_E], squared_E[order_E])
