"""Statistics against scipy and numbers worked by hand."""

import numpy as np
import pytest
from scipy import stats

from alframe.report.stats.pairwise_wins import penalty_matrix
from alframe.report.stats.statistics import (
    aubc,
    common_points,
    common_range,
    estimate,
    holm,
    paired_comparison,
    t_test,
    tidy,
    values_at,
)

SAMPLES = [[1.0, 2.0, 4.0], [0.9, 0.91, 0.92, 0.95, 0.7], list(np.random.default_rng(0).normal(size=30))]


@pytest.mark.parametrize("value_S", SAMPLES, ids=len)
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_the_interval_is_student_s(value_S, level) -> None:
    got = estimate(value_S, level)
    low, high = stats.t.interval(level, len(value_S) - 1, np.mean(value_S), stats.sem(value_S))
    assert (got.mean, got.low, got.high) == pytest.approx((np.mean(value_S), low, high))
    assert got.n == len(value_S)


def test_the_interval_of_1_2_3_by_hand() -> None:
    # mean 2, standard error 1 / sqrt(3), t_{0.975, 2} = 4.3027
    got = estimate([1.0, 2.0, 3.0])
    assert (got.low, got.high) == pytest.approx((2 - 4.302653 / 3**0.5, 2 + 4.302653 / 3**0.5))


def test_one_seed_has_a_mean_and_no_interval() -> None:
    got = estimate([0.25])
    assert (got.mean, got.low, got.high, got.n) == (0.25, None, None, 1)
    assert paired_comparison([1.0], [2.0]).p is None


def test_two_seeds_have_a_range() -> None:
    got = estimate([0.5, 0.1])
    assert (got.mean, got.low, got.high, got.n) == (0.3, 0.1, 0.5, 2)


@pytest.mark.parametrize("value_S", SAMPLES, ids=len)
def test_a_comparison_is_the_paired_t_test(value_S) -> None:
    other_S = list(np.random.default_rng(1).normal(size=len(value_S)))
    got = paired_comparison(value_S, other_S)
    expected = stats.ttest_rel(value_S, other_S)
    interval = expected.confidence_interval(0.95)
    assert got.p == pytest.approx(expected.pvalue)
    assert (got.difference.low, got.difference.high) == pytest.approx((interval.low, interval.high))
    assert got.difference.mean == pytest.approx(np.mean(value_S) - np.mean(other_S))


@pytest.mark.parametrize(
    ("difference_S", "p"), [([0.0, 0.0, 0.0], 1.0), ([0.5, 0.5, 0.5], 0.0), ([0.5, 0.7], None), ([0.5], None)]
)
def test_differences_without_spread(difference_S, p) -> None:
    assert t_test(difference_S) == p


def test_rounding_is_no_difference() -> None:
    # 0.1 + 0.2 - 0.3 is 5.6e-17 with every seed: not a certain difference but none.
    got = paired_comparison([0.1 + 0.2] * 3, [0.3] * 3)
    assert (got.difference.mean, got.p) == (0.0, 1.0)
    assert penalty_matrix({"a": [[0.1 + 0.2]] * 3, "b": [[0.3]] * 3})["a"]["b"] == 0.0


def test_methods_must_have_the_same_seeds() -> None:
    with pytest.raises(ValueError, match="zip"):
        paired_comparison([1.0, 2.0], [1.0])


@pytest.mark.parametrize(
    ("p_T", "expected"),
    [
        # Sorted, times 4, 3, 2, 1: 0.04, 0.06, 0.06, 0.04; then none below one before it.
        ([0.02, 0.04, 0.01, 0.03], [0.06, 0.06, 0.04, 0.06]),
        ([0.001, 0.5, 0.6], [0.003, 1.0, 1.0]),
        ([0.01, 0.01], [0.02, 0.02]),
        ([0.2], [0.2]),
        ([], []),
    ],
)
def test_holm_by_hand(p_T, expected) -> None:
    assert holm(p_T) == pytest.approx(expected)


def test_holm_rejects_as_the_step_down_procedure() -> None:
    p_T = list(np.random.default_rng(2).uniform(size=20) ** 6)
    rejected = set()
    for k, test in enumerate(np.argsort(p_T)):
        if p_T[test] > 0.05 / (20 - k):
            break
        rejected.add(int(test))
    assert 0 < len(rejected) < 20
    assert {test for test, p in enumerate(holm(p_T)) if p <= 0.05} == rejected


CURVE = [(0.1, 0.5), (0.2, 0.7), (0.4, 0.8)]


def test_the_area_by_hand() -> None:
    # 0.1 * 0.6 + 0.2 * 0.75 = 0.21 over a width of 0.3
    assert aubc(CURVE, 0.1, 0.4) == pytest.approx(0.7)
    # From 0.15 (0.6) to 0.3 (0.75): 0.05 * 0.65 + 0.1 * 0.725 = 0.105 over 0.15
    assert aubc(CURVE, 0.15, 0.3) == pytest.approx(0.7)
    assert aubc(CURVE, 0.2, 0.4) == pytest.approx(0.75)
    assert aubc([(0.0, 3.0), (1.0, 3.0)], 0.2, 0.9) == pytest.approx(3.0)


def test_the_area_is_numpy_s_trapezoid() -> None:
    x = np.sort(np.random.default_rng(3).uniform(size=12))
    y = np.random.default_rng(4).uniform(size=12)
    expected = np.trapezoid(y, x) / (x[-1] - x[0])
    assert aubc(list(zip(x, y, strict=True))[::-1], x[0], x[-1]) == pytest.approx(expected)


def test_a_curve_between_and_beyond_its_points() -> None:
    values = values_at(CURVE, [0.0, 0.1, 0.15, 0.3, 0.4, 0.9])
    assert values == pytest.approx([0.5, 0.5, 0.6, 0.75, 0.8, 0.8])
    assert values_at([(0.3, 0.9)], [0.3, 0.1]) == [0.9, 0.9]


def test_of_two_values_at_one_x_the_last_counts() -> None:
    assert tidy([(2, 0.1), (1, 0.2), (2, 0.3)]) == [(1, 0.2), (2, 0.3)]
    assert aubc([(0.0, 1.0), (1.0, 9.0), (1.0, 1.0)], 0.0, 1.0) == 1.0


def test_curves_are_compared_at_points_that_all_cover() -> None:
    assert common_range([CURVE, [(0.2, 1.0), (0.5, 1.0)]]) == (0.2, 0.4)
    assert common_range([CURVE, [(0.4, 1.0), (0.5, 1.0)]]) is None
    assert common_range([CURVE, []]) is None
    assert common_range([]) is None
    assert common_points([CURVE, [(0.4, 0), (0.2, 0), (0.1, 0)]]) == [0.1, 0.2, 0.4]
    assert common_points([CURVE, [(0.2, 0), (0.5, 0)]], n=3) == pytest.approx([0.2, 0.3, 0.4])
    assert common_points([CURVE, []]) == []
