"""Squared Euclidean distances in blocks, so that the whole P x L matrix is never in memory.

They are computed in float64 from products of matrices, after a shift to the middle of the samples. So neither
a shared offset (100 with a spread of 0.01) nor a large scale (1e20) costs precision. float64 takes twice the
time of float32; in float32 such samples are chosen no better than at random. `nearest` uses float32 only to
find the few rows whose distances it computes in float64.

Axes: P the samples that distances are measured from, L those that they are measured to, D the features.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

BLOCK = 2**23  # distances at once: 64 MB in float64
ROUNDING = 1e-13  # squared distances below this share of the squared norms are rounding errors
LARGEST_32 = torch.finfo(torch.float32).max
ROUNDING_32 = 2e-6  # the same for squared distances from products in float32
PART = 256  # samples whose numbers are changed at once, so that they stay in the processor's cache
LOOKED_AT = 256  # samples that the middle is computed from


def squared_distances(a_PD: Tensor, b_LD: Tensor) -> Tensor:
    """Return (P, L) float64 >= 0, the squared distances, on the device of the arguments; 0 for equal rows.

    Distances below about 3e-7 of the distance to the middle of b are 0.

    Args:
        a_PD: (P, D) float, finite. b_LD: (L, D) float, finite.

    >>> squared_distances(torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [[25.0, 0.0]]
    """
    middle_D = middle(b_LD)
    a_PD, b_LD = a_PD.double() - middle_D, b_LD.double() - middle_D
    norms_PL = square_norms(a_PD)[:, None] + square_norms(b_LD)
    return without_rounding(torch.addmm(norms_PL, a_PD, b_LD.T, alpha=-2), norms_PL)


def without_rounding(squared: Tensor, norms: Tensor) -> Tensor:
    """Return |a|^2 + |b|^2 - 2<a, b> with 0 in place of rounding errors.

    Args:
        squared: float64, the sums. norms: float64, |a|^2 + |b|^2, of the same shape.
    """
    return squared.masked_fill_(squared <= ROUNDING * norms, 0)


def middle(x_PD: Tensor) -> Tensor:
    """Return (D,) float64, the median of each feature, which single far samples do not move.

    It is computed from LOOKED_AT evenly spaced samples; 0 without samples.
    """
    if len(x_PD) == 0:
        return x_PD.new_zeros(x_PD.shape[1], dtype=torch.float64)
    some_SD = x_PD[:: -(-len(x_PD) // LOOKED_AT)].double()
    return some_SD.T.contiguous().median(dim=1).values


def square_norms(x_PD: Tensor) -> Tensor:
    """Return (P,), the squared norms of the rows."""
    return torch.linalg.vecdot(x_PD, x_PD)


def directions(features_PD: Tensor) -> Tensor:
    """Return (P, D) float64, the rows divided by their norms; rows of zeros stay.

    >>> directions(torch.tensor([[3e30, 4e30], [0.0, 0.0]])).mul(10).round().tolist()
    [[6.0, 8.0], [0.0, 0.0]]
    """
    features_PD = features_PD.double()
    norm_P1 = square_norms(features_PD).sqrt()[:, None]
    return features_PD / norm_P1.masked_fill(norm_P1 == 0, 1)


def unit_scale(x_PD: Tensor) -> Tensor:
    """Return (P, D) float32 in [-1, 1], the samples shifted to their middle and divided by the largest value.

    The ratios of distances stay the same, and squares neither overflow nor vanish in float32.

    >>> unit_scale(torch.tensor([[1e30], [3e30], [2e30]])).round().tolist()
    [[-1.0], [1.0], [0.0]]
    """
    return scaled_to_unit(x_PD)[0]


def scaled_to_unit(x_PD: Tensor) -> tuple[Tensor, float]:
    """Return the samples as in `unit_scale`, and the value that they were divided by."""
    if x_PD.numel() == 0:
        return x_PD.float(), 1.0
    middle_D = middle(x_PD)
    largest = _farthest(x_PD, middle_D) or 1.0
    return _scaled(x_PD, middle_D, largest), largest


def _farthest(x_PD: Tensor, middle_D: Tensor) -> float:
    """Return the largest difference of a value from the middle; there is at least one sample."""
    highest_D, lowest_D = x_PD.amax(dim=0).double(), x_PD.amin(dim=0).double()
    return float(torch.maximum(highest_D - middle_D, middle_D - lowest_D).max())


def _scaled(x_PD: Tensor, middle_D: Tensor, largest: float) -> Tensor:
    """Return (P, D) float32, the differences from the middle as shares of the largest one."""
    scaled_PD = torch.empty_like(x_PD, dtype=torch.float32)
    for given_BD, scaled_BD in zip(x_PD.split(PART), scaled_PD.split(PART), strict=True):
        scaled_BD.copy_((given_BD - middle_D) / largest)
    return scaled_PD


def unit_rows(x_PD: Tensor) -> Tensor:
    """Return (P, D) float32, `directions` without a copy of all samples in float64."""
    return torch.cat([directions(part).float() for part in x_PD.split(4096)])


def blocks(n_rows: int, n_columns: int) -> Iterator[slice]:
    """Yield slices of the rows, each of at most BLOCK numbers."""
    step = max(1, BLOCK // max(1, n_columns))
    for start in range(0, n_rows, step):
        yield slice(start, min(start + step, n_rows))


def nearest(a_PD: Tensor, b_LD: Tensor, groups: tuple[Tensor, Tensor] | None = None) -> Tensor:
    """Return (P,) float64, the squared distance to the nearest row of b, infinite if b is empty; 0 if equal.

    Products in float32 find the rows that can be the nearest, up to their rounding. The distances to these
    few are differences in float64. If there are many, as among copies, all distances are in float64.

    Args:
        a_PD: (P, D) float, finite. b_LD: (L, D) float, finite.
        groups: (P,) and (L,) int64, groups of the rows; if given, only rows of other groups are compared.
    """
    nearest_P = a_PD.new_full((len(a_PD),), torch.inf, dtype=torch.float64)
    if 0 in (len(a_PD), len(b_LD)):
        return nearest_P
    middle_D = middle(b_LD)
    largest = max(_farthest(x, middle_D) for x in (a_PD, b_LD)) or 1.0
    scaled_LD = _scaled(b_LD, middle_D, largest)
    for rows in blocks(len(a_PD), max(min(len(b_LD), 4096), a_PD.shape[1])):
        scaled_BD = _scaled(a_PD[rows], middle_D, largest)
        for start in range(0, len(b_LD), 4096):
            some = slice(start, start + 4096)
            same_BR = groups and groups[0][rows, None] == groups[1][some]
            known_B = nearest_P[rows] / largest / largest
            first_E, second_E = _can_be_nearest(scaled_BD, scaled_LD[some], known_B, same_BR)
            if len(first_E) > len(scaled_BD) * max(4, len(scaled_LD[some]) // 64):
                squared_BR = _of_other_groups(squared_distances(a_PD[rows], b_LD[some]), same_BR)
                torch.minimum(nearest_P[rows], squared_BR.amin(dim=1), out=nearest_P[rows])
                continue
            for part in torch.arange(len(first_E), device=a_PD.device).split(PART):
                apart_ED = a_PD[rows][first_E[part]].double() - b_LD[some][second_E[part]]
                nearest_P[rows].scatter_reduce_(0, first_E[part], square_norms(apart_ED), "amin")
    return nearest_P


def _can_be_nearest(
    a_BD: Tensor, b_RD: Tensor, known_B: Tensor, same_BR: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Return the positions in a and in b of the pairs (E,) that can be the nearest ones of each row of a.

    Args:
        a_BD, b_RD: float32 in [-1, 1]. known_B: a squared distance of each row of a that is to be beaten.
        same_BR: bool, the pairs that are not compared, or None.
    """
    norm_B, norm_R = square_norms(a_BD), square_norms(b_RD)
    squared_BR = torch.addmm(norm_B[:, None] + norm_R, a_BD, b_RD.T, alpha=-2)
    squared_BR = _of_other_groups(squared_BR, same_BR)
    error_B = ROUNDING_32 * (norm_B + norm_R.max())
    limit_B = torch.minimum(squared_BR.amin(dim=1) + error_B, known_B.float()) + error_B
    first_E, second_E = (squared_BR <= limit_B[:, None].clamp_max(LARGEST_32)).nonzero().T
    return first_E, second_E


def _of_other_groups(squared_BR: Tensor, same_BR: Tensor | None) -> Tensor:
    """Return the squared distances, infinite where the pair is not compared."""
    return squared_BR if same_BR is None else squared_BR.masked_fill_(same_BR, torch.inf)
