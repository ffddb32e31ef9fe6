from fractions import Fraction
from itertools import combinations
from math import comb

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from alframe.audit.hypergeometric import (
    audit_size,
    divergence,
    most_oracle_errors,
    most_wrong,
    smallest_error_free_audit,
    tail,
)

ALPHA = 0.05


def exact_tail(population: int, wrong: int, drawn: int, found: int) -> Fraction:
    ways = sum(comb(wrong, k) * comb(population - wrong, drawn - k) for k in range(found + 1) if k <= drawn)
    return Fraction(ways, comb(population, drawn))


def slow_most_wrong(population: int, drawn: int, found: int, alpha: float) -> int:
    possible = range(found, population - drawn + found + 1)
    # The doubt of a tie goes to the larger number.
    return max(
        m for m in possible if exact_tail(population, m, drawn, found) >= Fraction(alpha) - Fraction(1, 10**9)
    )


def test_tail_by_counting_subsets() -> None:
    population, wrong, drawn = 7, 3, 4
    found = [sum(i < wrong for i in subset) for subset in combinations(range(population), drawn)]
    for x in range(drawn + 1):
        expected = sum(f <= x for f in found) / len(found)
        assert tail(population, wrong, drawn, x) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("alpha", [0.05, 0.2, 0.5])
def test_most_wrong_against_fractions(alpha: float) -> None:
    for population in range(1, 13):
        for drawn in range(population + 1):
            for found in range(drawn + 1):
                expected = slow_most_wrong(population, drawn, found, alpha)
                assert most_wrong(population, drawn, found, alpha) == expected


@pytest.mark.parametrize("alpha", [0.05, 0.1, 0.3])
def test_coverage_computed_exactly(alpha: float) -> None:
    closest = 0.0
    for population in (10, 25, 40):
        for drawn in range(0, population + 1, 3):
            for wrong in range(population + 1):
                missed = sum(
                    comb(wrong, x) * comb(population - wrong, drawn - x)
                    for x in range(drawn + 1)
                    if x <= wrong
                    and drawn - x <= population - wrong
                    and most_wrong(population, drawn, x, alpha) < wrong
                ) / comb(population, drawn)
                assert missed <= alpha + 1e-9
                closest = max(closest, missed)
    assert closest > 0.8 * alpha  # not wider than it has to be


@given(
    population=st.integers(1, 10**7),
    wrong=st.floats(0, 1),
    drawn=st.floats(0, 1),
    found=st.integers(0, 400),
)
@settings(max_examples=60, deadline=None)
def test_tail_against_scipy(population: int, wrong: float, drawn: float, found: int) -> None:
    n_wrong, n_drawn = int(wrong * population), min(5000, int(drawn * population))
    expected = stats.hypergeom(population, n_wrong, n_drawn).cdf(found)
    assert tail(population, n_wrong, n_drawn, found) == pytest.approx(expected, rel=1e-5, abs=1e-9)


@given(st.integers(1, 300), st.integers(0, 300), st.integers(0, 20), st.sampled_from([0.01, 0.05, 0.3]))
@settings(max_examples=150, deadline=None)
def test_most_wrong_is_monotone(population: int, drawn: int, found: int, alpha: float) -> None:
    drawn, found = min(drawn, population), min(found, drawn, population)
    bound = most_wrong(population, drawn, found, alpha)
    assert found <= bound <= population - (drawn - found)
    if found < drawn:
        assert most_wrong(population, drawn, found + 1, alpha) >= bound
    assert most_wrong(population, drawn, found, alpha / 2) >= bound


def test_ten_million_labels() -> None:
    assert most_wrong(10_000_000, 300, 0, ALPHA) == pytest.approx(0.00994 * 1e7, rel=0.01)
    assert smallest_error_free_audit(10_000_000, 50_000, ALPHA) == 598


@pytest.mark.parametrize(
    ("population", "most_left"), [(1, 0), (10, 0), (10, 9), (50, 5), (500, 2), (500, 499)]
)
def test_smallest_error_free_audit_is_smallest(population: int, most_left: int) -> None:
    m = smallest_error_free_audit(population, most_left, ALPHA)
    assert most_wrong(population, m, 0, ALPHA) <= most_left
    assert m == 0 or most_wrong(population, m - 1, 0, ALPHA) > most_left


@pytest.mark.parametrize("most_left", [10, 11, 500])
def test_no_audit_is_needed_if_all_may_be_wrong(most_left: int) -> None:
    assert smallest_error_free_audit(10, most_left, ALPHA) == audit_size(10, most_left, 0.1, ALPHA) == 0


def test_audit_size_is_the_smallest_with_the_power() -> None:
    population, most_left, wrong = 500, 25, 8

    def power(m: int) -> float:
        passes = [x for x in range(m + 1) if most_wrong(population, m, x, ALPHA) - x <= most_left]
        law = stats.hypergeom(population, wrong, m)
        return float(sum(law.pmf(x) for x in passes))

    m = audit_size(population, most_left, wrong / population, ALPHA)
    assert power(m) >= 0.9
    assert all(power(fewer) < 0.9 for fewer in range(m))


def test_audit_size_of_too_many_wrong_labels_is_all_but_the_tolerated() -> None:
    assert audit_size(100, 3, 0.5, ALPHA) == 97
    assert most_wrong(100, 97, 50, ALPHA) - 50 <= 3


def test_oracle_errors_are_never_too_few() -> None:
    for n, rate in ((50, 0.02), (1000, 0.01), (60_000, 0.01), (10, 0.9)):
        k = most_oracle_errors(n, rate, 0.001)
        assert stats.binom(n, rate).sf(k) <= 0.001
        assert k <= n
        assert k - stats.binom(n, rate).isf(0.001) <= 5 + 0.05 * n * rate
    assert divergence(0.0, 0.5) == divergence(1.0, 0.5)
