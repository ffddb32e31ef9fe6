"""Bounds and cuts against enumeration, slow loops and simulation."""

import math
from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from alframe.auto_label.threshold_search import at_most, cut_by_sigma, cut_by_tests, error_free_needed

TESTS = {"tolerance": 0.05, "delta": 0.05, "min_support": 1, "num_cuts": 20}


@pytest.mark.parametrize("rate", [Fraction(1, 20), Fraction(1, 100), Fraction(3, 10)])
@pytest.mark.parametrize("n", [1, 7, 59, 300])
def test_at_most_is_the_binomial_tail(n: int, rate: Fraction) -> None:
    for wrong in {0, 1, n // 3, n - 1, n}:
        exact = sum(math.comb(n, k) * rate**k * (1 - rate) ** (n - k) for k in range(wrong + 1))
        assert at_most(wrong, n, float(rate)) == pytest.approx(float(exact), rel=1e-10)


@pytest.mark.parametrize(("tolerance", "delta"), [(0.05, 0.05), (0.01, 0.05), (0.05, 0.005), (0.3, 0.1)])
def test_error_free_needed_is_the_first_that_passes(tolerance: float, delta: float) -> None:
    n = error_free_needed(tolerance, delta)
    assert at_most(0, n, tolerance) <= delta < at_most(0, n - 1, tolerance)


def slow_sigma(confidence: list[float], wrong: list[bool], tolerance: float, support: int) -> list[int]:
    """Return the positions above the lowest cut, by trying every validation sample as the last one."""
    best: list[int] = []
    for cut in sorted(set(confidence), reverse=True):
        above = [position for position, each in enumerate(confidence) if each >= cut]
        e = sum(wrong[position] for position in above) / len(above)
        if len(above) >= support and e + 0.25 * math.sqrt(e * (1 - e)) <= tolerance:
            best = above
    return best


@given(
    st.lists(st.tuples(st.integers(-3, 6), st.booleans()), min_size=1, max_size=30),
    st.sampled_from([0.1, 0.2, 0.4]),
    st.integers(1, 6),
)
@settings(max_examples=300, deadline=None)
def test_sigma_agrees_with_a_slow_loop(
    samples: list[tuple[int, bool]], tolerance: float, support: int
) -> None:
    confidence, wrong = [float(each) for each, _ in samples], [each for _, each in samples]
    cut = cut_by_sigma(
        torch.tensor(confidence), torch.tensor(wrong), tolerance=tolerance, weight=0.25, min_support=support
    )
    expected = slow_sigma(confidence, wrong, tolerance, support)
    assert [position for position, each in enumerate(confidence) if each > cut.above] == expected
    if expected:
        assert (cut.n, cut.wrong) == (len(expected), sum(wrong[position] for position in expected))
        left = [each for position, each in enumerate(confidence) if position not in expected]
        assert cut.above == max(left, default=-math.inf)


def test_sigma_by_hand() -> None:
    # 1 of 30 wrong: 1/30 + .25 * sqrt(1/30 * 29/30) = .0333 + .0449 = .0782.
    confidence, wrong = torch.arange(30.0), torch.zeros(30, dtype=torch.bool)
    wrong[29] = True  # the most confident
    fits = cut_by_sigma(confidence, wrong, tolerance=0.079, weight=0.25, min_support=10)
    fails = cut_by_sigma(confidence, wrong, tolerance=0.078, weight=0.25, min_support=10)
    assert (fits.n, fits.wrong, fits.accepts) == (30, 1, True)
    assert (fails.accepts, fails.above) == (False, math.inf)


def test_tests_stop_at_the_first_failure_although_a_later_cut_would_pass() -> None:
    wrong = torch.zeros(2000, dtype=torch.bool)
    wrong[100:110] = True  # ten wrong at once, then none: at 2000 samples ten are far within 5 %
    confidence = -torch.arange(2000.0)
    cut = cut_by_tests(confidence, wrong, **{**TESTS, "num_cuts": 2000})
    # At 102 samples two are wrong: a chance of .103; at 101 one: .036.
    assert (cut.n, cut.wrong, cut.above) == (101, 1, -101.0)
    assert at_most(10, 2000, 0.05) < 1e-20


def test_the_cut_is_the_next_confidence_below_and_ties_stay_together() -> None:
    confidence = torch.tensor([5.0] * 70 + [3.0] * 30)
    cut = cut_by_tests(confidence, torch.zeros(100, dtype=torch.bool), **TESTS)
    assert (cut.n, cut.above) == (100, -math.inf)
    wrong = confidence == 3.0
    cut = cut_by_tests(confidence, wrong, **TESTS)
    assert (cut.n, cut.wrong, cut.above) == (70, 0, 3.0)


@pytest.mark.parametrize("n", [0, 1, 58])
def test_too_few_samples_return_how_many_are_needed(n: int) -> None:
    cut = cut_by_tests(torch.randn(n), torch.zeros(n, dtype=torch.bool), **TESTS)
    assert (cut.accepts, cut.n, cut.needed) == (False, n, 59)
    assert cut_by_tests(torch.randn(59), torch.zeros(59, dtype=torch.bool), **TESTS).accepts


def test_all_wrong_accepts_nothing() -> None:
    cut = cut_by_tests(torch.randn(200), torch.ones(200, dtype=torch.bool), **TESTS)
    assert (cut.accepts, cut.n, cut.wrong) == (False, 59, 59)


def trial(power: int, generator: torch.Generator) -> float:
    """Return the share of the pool above the cut; confidences are uniform, wrong at (1 - u) ** power / 2."""
    confidence = torch.rand(1000, generator=generator, dtype=torch.float64)
    wrong = torch.rand(1000, generator=generator) < (1 - confidence) ** power / 2
    cut = cut_by_tests(confidence, wrong, **TESTS)
    return 1 - max(cut.above, 0.0) if cut.accepts else 0.0


@pytest.mark.parametrize(("power", "sensible"), [(1, 0.1), (3, 0.7)])
def test_at_most_delta_of_validation_sets_exceed_the_tolerance(power: int, sensible: float) -> None:
    generator, trials = torch.Generator().manual_seed(0), 2000
    covered = torch.tensor([trial(power, generator) for _ in range(trials)])
    safe = (0.05 * 2 * (power + 1)) ** (
        1 / power
    )  # the mean of (1 - u) ** power / 2 over (1 - safe, 1) is .05
    broken = int((covered > safe).sum())
    # At most 100 of 2000 are expected; the standard deviation is 9.7, three of them on top.
    assert broken <= 129
    # Where the most confident are right, most of what is safe is covered; where one in a hundred of them is
    # wrong, the first test already fails more often than not.
    assert covered.mean() > sensible * safe
    assert broken > 5  # the bound is used, not wasted
