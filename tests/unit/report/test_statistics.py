"""Statistics against scipy and numbers worked by hand."""

import numpy as np
import pytest
from scipy import stats

from alframe.report.statistics import (
    aubc,
    common_points,
    common_range,
    compare,
    estimate,
    holm,
    penalty_matrix,
    t_test,
    tidy,
    value_at,
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
    assert compare([1.0], [2.0]).p is None


@pytest.mark.parametrize("value_S", SAMPLES, ids=len)
def test_a_comparison_is_the_paired_t_test(value_S) -> None:
    other_S = list(np.random.default_rng(1).normal(size=len(value_S)))
    got = compare(value_S, other_S)
    expected = stats.ttest_rel(value_S, other_S)
    interval = expected.confidence_interval(0.95)
    assert got.p == pytest.approx(expected.pvalue)
    assert (got.difference.low, got.difference.high) == pytest.approx((interval.low, interval.high))
    assert got.difference.mean == pytest.approx(np.mean(value_S) - np.mean(other_S))


@pytest.mark.parametrize(("difference_S", "p"), [([0.0, 0.0], 1.0), ([0.5, 0.5, 0.5], 0.0), ([0.5], None)])
def test_differences_without_spread(difference_S, p) -> None:
    assert t_test(difference_S) == p


def test_methods_must_have_the_same_seeds() -> None:
    with pytest.raises(ValueError, match="zip"):
        compare([1.0, 2.0], [1.0])


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


def test_holm_rejects_what_its_step_down_procedure_rejects() -> None:
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
    values = [value_at(CURVE, x) for x in (0.0, 0.1, 0.15, 0.3, 0.4, 0.9)]
    assert values == pytest.approx([0.5, 0.5, 0.6, 0.75, 0.8, 0.8])
    assert value_at([(0.3, 0.9)], 0.3) == 0.9


def test_of_two_values_at_one_x_the_last_counts() -> None:
    assert tidy([(2, 0.1), (1, 0.2), (2, 0.3)]) == [(1, 0.2), (2, 0.3)]
    assert aubc([(0.0, 1.0), (1.0, 9.0), (1.0, 1.0)], 0.0, 1.0) == 1.0


def test_curves_are_compared_where_all_have_values() -> None:
    assert common_range([CURVE, [(0.2, 1.0), (0.5, 1.0)]]) == (0.2, 0.4)
    assert common_range([CURVE, [(0.4, 1.0), (0.5, 1.0)]]) is None
    assert common_range([CURVE, []]) is None
    assert common_range([]) is None
    assert common_points([CURVE, [(0.4, 0), (0.2, 0), (0.1, 0)]]) == [0.1, 0.2, 0.4]
    assert common_points([CURVE, [(0.2, 0), (0.5, 0)]], n=3) == pytest.approx([0.2, 0.3, 0.4])
    assert common_points([CURVE, []]) == []


# Three seeds, two points. At the first point all are alike but for noise; at the second, c is ahead of both.
TOY = {
    "a": [[0.50, 0.60], [0.52, 0.61], [0.51, 0.60]],
    "b": [[0.51, 0.60], [0.51, 0.60], [0.52, 0.61]],
    "c": [[0.52, 0.90], [0.50, 0.92], [0.51, 0.91]],
}


def test_the_penalty_matrix_of_a_toy_case() -> None:
    p = {
        pair: [stats.ttest_rel(*[np.array(TOY[name])[:, point] for name in pair]).pvalue for point in (0, 1)]
        for pair in ("ab", "ac", "bc")
    }
    # Six tests; the two at the second point against c are so small that they stand after times 6 and times 5.
    assert max(6 * p["ac"][1], 6 * p["bc"][1]) < 0.05 < min(*p["ab"], p["ac"][0], p["bc"][0])
    expected = {"a": {"b": 0.0, "c": 0.0}, "b": {"a": 0.0, "c": 0.0}, "c": {"a": 0.5, "b": 0.5}}
    assert penalty_matrix(TOY) == expected
    assert penalty_matrix(TOY, family="cell") == expected


def test_the_family_decides_how_much_is_corrected() -> None:
    # p of a - b over three seeds at one point: differences 1, 2, 1.5 have t = 5.196, p = 0.0351.
    value_MSX = {"a": [[1.0], [2.0], [1.5]], "b": [[0.0], [0.0], [0.0]]}
    assert t_test([1.0, 2.0, 1.5]) == pytest.approx(0.0351, abs=1e-4)
    assert penalty_matrix(value_MSX)["a"]["b"] == 1.0
    # Beside a method of chance, three tests: 3 * 0.0351 > 0.05.
    value_MSX["c"] = [[5.0], [-5.0], [0.1]]
    assert penalty_matrix(value_MSX)["a"]["b"] == 0.0
    assert penalty_matrix(value_MSX, family="cell")["a"]["b"] == 1.0
    assert penalty_matrix(value_MSX, alpha=0.02, family="cell")["a"]["b"] == 0.0


def test_one_seed_or_no_point_beats_nobody() -> None:
    assert penalty_matrix({"a": [[1.0]], "b": [[0.0]]}) == {"a": {"b": 0.0}, "b": {"a": 0.0}}
    assert penalty_matrix({"a": [[], []], "b": [[], []]}) == {"a": {"b": 0.0}, "b": {"a": 0.0}}
