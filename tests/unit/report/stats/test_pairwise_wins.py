"""The penalty matrix against a toy case worked by hand and a slow second implementation."""

from itertools import combinations
from statistics import fmean

import numpy as np
import pytest
from scipy import stats

from alframe.report.stats.pairwise_wins import penalty_matrix
from alframe.report.stats.statistics import holm, t_test

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


def test_one_seed_or_no_point_beats_no_method() -> None:
    assert penalty_matrix({"a": [[1.0]], "b": [[0.0]]}) == {"a": {"b": 0.0}, "b": {"a": 0.0}}
    assert penalty_matrix({"a": [[], []], "b": [[], []]}) == {"a": {"b": 0.0}, "b": {"a": 0.0}}


@pytest.mark.parametrize("family", ["matrix", "cell"])
def test_many_tests_at_once_are_the_tests_one_by_one(family) -> None:
    random = np.random.default_rng(5)
    value_MSX = {f"m{k}": random.normal(loc=[k % 3, 0.3 * k], size=(4, 2)).tolist() for k in range(7)}
    value_MSX["same"] = value_MSX["m1"]  # differences that are all zero
    value_MSX["ahead"] = [[x + 1 for x in row] for row in [[0.0, 0.0]] * 4]
    value_MSX["behind"] = [[0.0, 0.0]] * 4  # and all one
    pairs = list(combinations(value_MSX, 2))
    differences = {(a, b): (np.array(value_MSX[a]) - np.array(value_MSX[b])).T.tolist() for a, b in pairs}
    p = {pair: [t_test(each) for each in points] for pair, points in differences.items()}
    if family == "matrix":
        flat = iter(holm([each for pair in pairs for each in p[pair]]))
        p = {pair: [next(flat) for _ in p[pair]] for pair in pairs}
    else:
        p = {pair: holm(each) for pair, each in p.items()}
    got = penalty_matrix(value_MSX, family=family)
    for a, b in pairs:
        for sign, row, column in ((1, a, b), (-1, b, a)):
            wins = [
                sign * fmean(each) > 0 and q <= 0.05
                for each, q in zip(differences[a, b], p[a, b], strict=True)
            ]
            assert got[row][column] == fmean(wins)
    assert got["ahead"]["behind"] == 1.0
    assert 0 < sum(share > 0 for row in got.values() for share in row.values()) < 90
