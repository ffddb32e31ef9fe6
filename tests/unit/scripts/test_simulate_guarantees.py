import numpy as np
import pytest

from alframe.audit.hypergeometric import most_wrong
from simulate_guarantees import (
    ALPHA,
    Predictions,
    betting_bound_holds,
    normal_bound_holds,
    outcome,
    pac_exact,
    pac_published,
)

N_AUTO, N_HAND, MOST = 900, 100, 45


def made(n_wrong_in_tail=150, n_wrong_elsewhere=10):
    """Return predictions whose least confident third holds most of the wrong ones."""
    generator = np.random.default_rng(0)
    wrong_A = np.zeros(N_AUTO, dtype=bool)
    wrong_A[generator.choice(600, n_wrong_elsewhere, replace=False)] = True
    wrong_A[600 + generator.choice(300, n_wrong_in_tail, replace=False)] = True
    return Predictions(odds_A=np.linspace(9, 0, N_AUTO), wrong_A=wrong_A, n=N_AUTO + N_HAND)


def test_draws_and_what_follows_the_prefix_are_labelled_by_hand():
    wrong_A = np.array([False, True, True, False, True])
    found = Predictions(odds_A=np.arange(5.0)[::-1], wrong_A=wrong_A, n=7)
    result = outcome(found, np.array([1, 1]), 3, MOST)
    assert (result.asked, result.left, result.stated) == (3, 1, MOST)  # 1, 3 and 4 are asked; 2 is left


@pytest.mark.parametrize(("n", "n_wrong", "holds"), [(77, 0, False), (78, 0, True), (78, 1, False)])
def test_the_betting_bound_by_hand(n, n_wrong, holds):
    # Without an error every bet is sqrt(2 log(40) / (n v)), at most 0.75 / 0.95, on a share of 0.05.
    wealth, total = 1.0, 0.25
    for t in range(n):
        bet = min((2 * np.log(40) / (n * total / (1 + t))) ** 0.5, 0.75 / 0.95)
        wealth *= 1 + bet * 0.05
        total += (0.5 / (2 + t)) ** 2
    if n_wrong == 0:
        assert (wealth >= 20) == holds
    assert betting_bound_holds(np.arange(n) < n_wrong, 0.05) == holds


def test_the_longest_prefix_that_the_exact_bound_allows():
    found, size = made(), 200
    result = pac_exact(found, MOST, size, np.random.default_rng(3))
    drawn_D = np.random.default_rng(3).permutation(N_AUTO)[:size]
    allowed = [
        prefix
        for prefix in range(N_AUTO + 1)
        if most_wrong(N_AUTO, size, int((found.wrong_A[drawn_D] & (drawn_D < prefix)).sum()), ALPHA) <= MOST
    ]
    assert result == outcome(found, drawn_D, allowed[-1], MOST)
    assert 400 < allowed[-1] < N_AUTO


@pytest.mark.parametrize("label", [pac_published(betting_bound_holds), pac_exact], ids=["published", "exact"])
def test_the_promise_holds(label):
    found, generator, runs = made(), np.random.default_rng(0), 300
    results = [label(found, MOST, 200, generator) for _ in range(runs)]
    false = np.mean([each.left > each.stated for each in results])
    assert false <= ALPHA + 3 * (ALPHA * (1 - ALPHA) / runs) ** 0.5
    assert np.mean([each.asked for each in results]) < 0.7 * N_AUTO


def test_the_bound_of_the_central_limit_theorem_takes_no_error_for_certainty():
    assert normal_bound_holds(np.zeros(5, dtype=bool), 1e-6)
    assert not betting_bound_holds(np.zeros(5, dtype=bool), 0.05)
