"""Statistics of several trials: means with intervals, paired comparisons, areas under learning curves.

Pure functions of plain numbers. Trials that share a seed share the seed set and the first weights, so methods
are compared seed by seed.

Axes: S the seeds, in the same order for every method; X the points of a learning curve; M the methods;
T the tests of a family.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, permutations
from statistics import fmean, stdev
from typing import Literal

Points = Sequence[tuple[float, float]]  # (x, value), in any order; of equal x the last one counts
Family = Literal["matrix", "cell"]


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A mean over n seeds and its interval; without bounds (None) for fewer than two seeds."""

    mean: float
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The mean paired difference, its interval, and the paired t-test's two-sided p; None for one seed."""

    difference: Estimate
    p: float | None


def estimate(value_S: Sequence[float], level: float = 0.95) -> Estimate:
    """Return the mean and its Student t interval.

    Args:
        value_S: one value per seed, at least one. level: of the interval, in (0, 1).

    >>> estimate([1.0, 2.0, 3.0]).mean
    2.0
    >>> round(estimate([1.0, 2.0, 3.0]).low, 3)
    -0.484
    """
    n, mean = len(value_S), fmean(value_S)
    if n < 2:
        return Estimate(mean=mean, low=None, high=None, n=n)
    from scipy.special import stdtrit  # type: ignore[import-untyped]

    half = float(stdtrit(n - 1, 0.5 + level / 2)) * stdev(value_S) / math.sqrt(n)
    return Estimate(mean=mean, low=mean - half, high=mean + half, n=n)


def compare(value_S: Sequence[float], baseline_S: Sequence[float], level: float = 0.95) -> Comparison:
    """Return how a method differs from the baseline over the same seeds.

    Args:
        value_S, baseline_S: one value per seed, in the same order of seeds. level: of the interval.

    >>> compare([2.0, 4.0], [1.0, 1.0]).difference.mean
    2.0
    """
    difference_S = [value - other for value, other in zip(value_S, baseline_S, strict=True)]
    return Comparison(difference=estimate(difference_S, level), p=t_test(difference_S))


def t_test(difference_S: Sequence[float]) -> float | None:
    """Return the two-sided p of Student's t-test that the mean is zero; None for fewer than two values.

    Differences that are all the same leave nothing to chance: 1 where they are zero, else 0.

    >>> t_test([1.0, -1.0])
    1.0
    """
    n = len(difference_S)
    if n < 2:
        return None
    mean, deviation = fmean(difference_S), stdev(difference_S)
    if deviation == 0:
        return 1.0 if mean == 0 else 0.0
    from scipy.special import stdtr

    return 2 * float(stdtr(n - 1, -abs(mean) * math.sqrt(n) / deviation))


def holm(p_T: Sequence[float]) -> list[float]:
    """Return (T,) p values adjusted for taking T tests together, in the order given.

    An adjusted value at or below alpha rejects; the chance of any false rejection is then at most alpha.

    Source: Holm, A simple sequentially rejective multiple test procedure, Scand. J. Statistics 1979.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    adjusted = [0.0] * len(p_T)
    highest = 0.0
    for rank, test in enumerate(sorted(range(len(p_T)), key=lambda test: p_T[test])):
        highest = max(highest, min(1.0, (len(p_T) - rank) * p_T[test]))
        adjusted[test] = highest
    return adjusted


def tidy(points: Points) -> list[tuple[float, float]]:
    """Return the points in the order of x, the last one of each x.

    >>> tidy([(2, 5.0), (1, 3.0), (2, 6.0)])
    [(1, 3.0), (2, 6.0)]
    """
    return sorted(dict(points).items())


def common_range(curves: Sequence[Points]) -> tuple[float, float] | None:
    """Return the (lowest, highest) x that every curve covers, None where they share no stretch.

    >>> common_range([[(0.0, 1.0), (3.0, 1.0)], [(1.0, 1.0), (4.0, 1.0)]])
    (1.0, 3.0)
    """
    if not curves or not all(curves):
        return None
    low = max(min(x for x, _ in curve) for curve in curves)
    high = min(max(x for x, _ in curve) for curve in curves)
    return (low, high) if low < high else None


def value_at(points: Points, x: float) -> float:
    """Return a curve's value at x, on the straight line between its neighbours; flat beyond its ends.

    >>> value_at([(0.0, 1.0), (2.0, 3.0)], 0.5)
    1.5
    """
    curve = tidy(points)
    for (left, first), (right, second) in pairwise(curve):
        if left <= x <= right:
            return first + (second - first) * (x - left) / (right - left)
    return curve[0][1] if x < curve[0][0] else curve[-1][1]


def aubc(points: Points, low: float, high: float) -> float:
    """Return the area under a budget curve from low to high by trapezoids, over the width: its mean height.

    Args:
        points: (x, value), values in any unit. low, high: the range, low < high, covered by the points.

    >>> aubc([(0.0, 0.0), (1.0, 1.0), (2.0, 1.0)], 0.0, 2.0)
    0.75
    """
    inner = [(x, value) for x, value in tidy(points) if low < x < high]
    curve = [(low, value_at(points, low)), *inner, (high, value_at(points, high))]
    area = sum((right - left) * (a + b) / 2 for (left, a), (right, b) in pairwise(curve))
    return area / (high - low)


def common_points(curves: Sequence[Points], n: int = 20) -> list[float]:
    """Return the x at which curves are compared: their own where they share them, else n even ones.

    >>> common_points([[(1.0, 0.0), (2.0, 0.0)], [(2.0, 5.0), (1.0, 5.0)]])
    [1.0, 2.0]
    >>> common_points([[(0.0, 0.0), (2.0, 0.0)], [(1.0, 5.0), (4.0, 5.0)]], n=3)
    [1.0, 1.5, 2.0]
    """
    own = [[x for x, _ in tidy(curve)] for curve in curves]
    if own and all(each == own[0] for each in own):
        return own[0]
    covered = common_range(curves)
    if covered is None:
        return []
    low, high = covered
    return [low + (high - low) * k / (n - 1) for k in range(n)]


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
            points of one pair, which says nothing of how many pairs are looked at.

    Source: Ash et al., Deep batch active learning by diverse, uncertain gradient lower bounds, ICLR 2020,
    section 4, there without a correction.

    >>> low, high = [[0.0], [0.1], [0.0]], [[1.0], [1.2], [1.1]]
    >>> penalty_matrix({"low": low, "high": high})["high"]
    {'low': 1.0}
    """
    names = list(value_MSX)
    tests = {(a, b): _tests(value_MSX[a], value_MSX[b]) for k, a in enumerate(names) for b in names[k + 1 :]}
    families = [list(tests)] if family == "matrix" else [[pair] for pair in tests]
    adjusted: dict[tuple[str, str], list[float]] = {}
    for pairs in families:
        left = iter(holm([p for pair in pairs for _, p in tests[pair]]))
        adjusted |= {pair: [next(left) for _ in tests[pair]] for pair in pairs}
    shares: dict[str, dict[str, float]] = {name: {} for name in names}
    for a, b in permutations(names, 2):
        pair, sign = ((a, b), 1) if (a, b) in tests else ((b, a), -1)
        wins = [
            sign * mean > 0 and p <= alpha for (mean, _), p in zip(tests[pair], adjusted[pair], strict=True)
        ]
        shares[a][b] = sum(wins) / len(wins) if wins else 0.0
    return shares


def _tests(
    value_SX: Sequence[Sequence[float]], other_SX: Sequence[Sequence[float]]
) -> list[tuple[float, float]]:
    """Return (mean difference, p) at each point; p is 1 where one seed tells nothing."""
    told = []
    for value_S, other_S in zip(zip(*value_SX, strict=True), zip(*other_SX, strict=True), strict=True):
        difference_S = [value - other for value, other in zip(value_S, other_S, strict=True)]
        p = t_test(difference_S)
        told.append((fmean(difference_S), 1.0 if p is None else p))
    return told
