"""The pairwise penalty matrix: how often one method beats another along their learning curves.

Axes: M the methods; S the seeds, in the same order for every method; X the points of the curves; P the pairs
of methods; O the other methods that one method is compared with.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from alframe.report.stats.statistics import DECIMALS, Array, adjust

Family = Literal["matrix", "cell"]


def penalty_matrix(
    value_MSX: Mapping[str, Sequence[Sequence[float]]], alpha: float = 0.05, family: Family = "matrix"
) -> dict[str, dict[str, float]]:
    """Return for each method the share of points at which it beats each other method; higher values win.

    A method beats another at a point when its mean is higher and the paired t-test over the seeds rejects at
    alpha after Holm's correction.

    Args:
        value_MSX: for each method S rows, in the same order of seeds, of X values at the same points.
        alpha: level of the tests.
        family: the tests that are corrected together: "matrix", every pair at every point; or "cell", the
            points of one pair, which does not correct for the number of pairs.

    Source: Ash et al., Deep batch active learning by diverse, uncertain gradient lower bounds, ICLR 2020,
    section 4, which does not correct.

    >>> low, high = [[0.0], [0.1], [0.0]], [[1.0], [1.2], [1.1]]
    >>> penalty_matrix({"low": low, "high": high})["high"]
    {'low': 1.0}
    """
    names = list(value_MSX)
    if not names or not len(next(iter(value_MSX.values()))):
        return {name: {other: 0.0 for other in names if other != name} for name in names}
    values_MSX = np.asarray([value_MSX[name] for name in names], dtype=float)
    pairs = [(a, b) for a in range(len(names)) for b in range(a + 1, len(names))]
    tests = [_tests(values_MSX[a], values_MSX[a + 1 :]) for a in range(len(names))]
    mean_PX, p_PX = (np.concatenate(each) for each in zip(*tests, strict=True))
    adjusted_PX = adjust(p_PX.ravel()).reshape(p_PX.shape) if family == "matrix" else _each_holm(p_PX)
    win_PX = adjusted_PX <= alpha
    ahead_P, behind_P = (_share(win_PX & (sign * mean_PX > 0)) for sign in (1, -1))
    shares: dict[str, dict[str, float]] = {name: {} for name in names}
    for (a, b), ahead, behind in zip(pairs, ahead_P, behind_P, strict=True):
        shares[names[a]][names[b]] = ahead
        shares[names[b]][names[a]] = behind
    return shares


def _share(won_PX: npt.NDArray[np.bool_]) -> list[float]:
    if not won_PX.size:
        return [0.0] * len(won_PX)
    return [float(share) for share in won_PX.mean(axis=1)]


def _tests(value_SX: Array, others_OSX: Array) -> tuple[Array, Array]:
    """Return the mean differences from O other methods and their p values, (O, X) each; p is 1 for one seed.

    Like `t_test` at each point. 200 methods at 20 points are 398,000 tests, too many for a Python loop.
    """
    from scipy.special import stdtr  # type: ignore[import-untyped]

    difference_OSX = (value_SX - others_OSX).round(DECIMALS)
    n = value_SX.shape[0]
    mean_OX = difference_OSX.mean(axis=1)
    if n < 2:
        return mean_OX, np.ones_like(mean_OX)
    deviation_OX = difference_OSX.std(axis=1, ddof=1)
    constant_OX = difference_OSX.max(axis=1) == difference_OSX.min(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        p_OX = 2 * stdtr(n - 1, -np.abs(mean_OX) * math.sqrt(n) / deviation_OX)
    return mean_OX, np.where(constant_OX, np.where(difference_OSX[:, 0] == 0, 1.0, 0.0), p_OX)


def _each_holm(p_PX: Array) -> Array:
    return np.stack([adjust(p_X) for p_X in p_PX]) if len(p_PX) else p_PX
