"""Statistics of several trials: means with intervals, paired comparisons, areas under learning curves.

Pure functions of plain numbers. Trials with the same seed start from the same seed set and the same weights,
so methods are compared seed by seed.

Axes: S the seeds, in the same order for every method; X the points of a learning curve; T the tests of
a family.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, stdev
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating[Any]]
# Differences are rounded to these decimals: rounding errors alone would give a p value of 0.
DECIMALS = 10
# Trials that an interval and a test need: with two, Student's t is 12.7 and the interval spans everything.
FEWEST = 3
Points = Sequence[tuple[float, float]]  # (x, value), in any order; for equal x the last one counts


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A mean over n seeds.

    low and high are the bounds of its interval, for two seeds the two values, for one seed None.
    """

    mean: float
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The mean paired difference and the two-sided p of a paired t-test, None for fewer than three seeds."""

    difference: Estimate
    p: float | None


def estimate(value_S: Sequence[float], level: float = 0.95) -> Estimate:
    """Return the mean and its Student t interval, or the range of the values if there are two.

    Args:
        value_S: (S,) values, at least one. level: of the interval, in (0, 1).

    >>> estimate([1.0, 2.0, 3.0]).mean
    2.0
    >>> round(estimate([1.0, 2.0, 3.0]).low, 3)
    -0.484
    """
    n, mean = len(value_S), fmean(value_S)
    if n < 2:
        return Estimate(mean=mean, low=None, high=None, n=n)
    if n < FEWEST:
        return Estimate(mean=mean, low=min(value_S), high=max(value_S), n=n)
    from scipy.special import stdtrit  # type: ignore[import-untyped]

    half = float(stdtrit(n - 1, 0.5 + level / 2)) * stdev(value_S) / math.sqrt(n)
    return Estimate(mean=mean, low=mean - half, high=mean + half, n=n)


def paired_comparison(
    value_S: Sequence[float], baseline_S: Sequence[float], level: float = 0.95
) -> Comparison:
    """Return the difference of a method from the baseline over the same seeds.

    Args:
        value_S, baseline_S: (S,) values. level: of the interval, in (0, 1).

    >>> paired_comparison([2.0, 4.0], [1.0, 1.0]).difference.mean
    2.0
    """
    difference_S = [round(value - other, DECIMALS) for value, other in zip(value_S, baseline_S, strict=True)]
    return Comparison(difference=estimate(difference_S, level), p=t_test(difference_S))


def t_test(difference_S: Sequence[float]) -> float | None:
    """Return the two-sided p of Student's t-test that the mean is zero; None for fewer than three values.

    If all differences are equal, p is 1 for zero differences and 0 otherwise.

    >>> t_test([1.0, -1.0, 0.0])
    1.0
    """
    n = len(difference_S)
    if n < FEWEST:
        return None
    mean, deviation = fmean(difference_S), stdev(difference_S)
    if deviation == 0:
        return 1.0 if mean == 0 else 0.0
    from scipy.special import stdtr

    return 2 * float(stdtr(n - 1, -abs(mean) * math.sqrt(n) / deviation))


def holm(p_T: Sequence[float]) -> list[float]:
    """Return (T,) p values corrected for T tests, in the order given.

    An adjusted value at or below alpha rejects; the chance of any false rejection is then at most alpha.

    Source: Holm, A simple sequentially rejective multiple test procedure, Scand. J. Statistics 1979.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    return [float(p) for p in adjust(np.asarray(p_T, dtype=float))]


def adjust(p_T: Array) -> Array:
    """Return `holm` of a (T,) array."""
    order_T = np.argsort(p_T, kind="stable")
    scaled_T = np.minimum(1.0, np.arange(len(p_T), 0, -1) * p_T[order_T])
    adjusted_T = np.empty_like(scaled_T)
    adjusted_T[order_T] = np.maximum.accumulate(scaled_T)
    return adjusted_T


def tidy(points: Points) -> list[tuple[float, float]]:
    """Return the points sorted by x, the last one of each x.

    >>> tidy([(2, 5.0), (1, 3.0), (2, 6.0)])
    [(1, 3.0), (2, 6.0)]
    """
    return sorted(dict(points).items())


def common_range(curves: Sequence[Points]) -> tuple[float, float] | None:
    """Return the (lowest, highest) x that every curve covers, None if there is no such range.

    >>> common_range([[(0.0, 1.0), (3.0, 1.0)], [(1.0, 1.0), (4.0, 1.0)]])
    (1.0, 3.0)
    """
    if not curves or not all(curves):
        return None
    low = max(min(x for x, _ in curve) for curve in curves)
    high = min(max(x for x, _ in curve) for curve in curves)
    return (low, high) if low < high else None


def values_at(points: Points, x_X: Sequence[float]) -> list[float]:
    """Return a curve's values at (X,) x, linear between its points and constant beyond its ends.

    >>> values_at([(0.0, 1.0), (2.0, 3.0)], [0.5, 9.0])
    [1.5, 3.0]
    """
    x, values = zip(*tidy(points), strict=True)
    return [float(value) for value in np.interp(x_X, x, values)]


def aubc(points: Points, low: float, high: float) -> float:
    """Return the mean height of a budget curve from low to high: its area by trapezoids over the width.

    Args:
        points: (x, value), values in any unit. low, high: the range, low < high, covered by the points.

    >>> aubc([(0.0, 0.0), (1.0, 1.0), (2.0, 1.0)], 0.0, 2.0)
    0.75
    """
    inner = [(x, value) for x, value in tidy(points) if low < x < high]
    first, last = values_at(points, [low, high])
    curve = [(low, first), *inner, (high, last)]
    area = sum((right - left) * (a + b) / 2 for (left, a), (right, b) in pairwise(curve))
    return area / (high - low)


def common_points(curves: Sequence[Points], n: int = 20) -> list[float]:
    """Return the x at which curves are compared: their own if all have the same, else n evenly spaced.

    >>> common_points([[(1.0, 0.0), (2.0, 0.0)], [(2.0, 5.0), (1.0, 5.0)]])
    [1.0, 2.0]
    >>> common_points([[(0.0, 0.0), (2.0, 0.0)], [(1.0, 5.0), (4.0, 5.0)]], n=3)
    [1.0, 1.5, 2.0]
    """
    x_of_each = [[x for x, _ in tidy(curve)] for curve in curves]
    if x_of_each and all(each == x_of_each[0] for each in x_of_each):
        return x_of_each[0]
    covered = common_range(curves)
    if covered is None:
        return []
    low, high = covered
    return [low + (high - low) * k / (n - 1) for k in range(n)]
