"""The simulated estimates: the patterns have the wrong labels they name; the exact coverage is right."""

import argparse
import itertools

import numpy as np
import pytest

import simulate_estimates as script

TRUTH = np.random.default_rng(0).integers(0, script.CLASSES, 4000)


@pytest.mark.parametrize(
    ("name", "share"),
    [
        ("no error", 0.0),
        ("0.1 %, anywhere", 0.001),
        ("5 %, anywhere", 0.05),
        ("5 %, two classes confused", 0.05),
        ("a run of neighbours, 20 %", 0.2),
    ],
)
def test_a_pattern_has_its_share_of_wrong_labels(name: str, share: float) -> None:
    given = script.PATTERNS[name](TRUTH, np.random.default_rng(1))
    assert (given != TRUTH).mean() == pytest.approx(share)


def test_half_of_one_class_is_wrong() -> None:
    wrong = script.one_class(TRUTH, np.random.default_rng(1)) != TRUTH
    assert not wrong[TRUTH != 3].any()
    assert wrong[TRUTH == 3].sum() == (TRUTH == 3).sum() // 2


def test_the_exact_coverage_counts_all_draws() -> None:
    n, wrong, answers = 8, 3, 4
    covered = 0
    draws = list(itertools.combinations(range(n), answers))
    for drawn in draws:
        found = script.wrong_share(n, answers, sum(k < wrong for k in drawn), 0, 0.6)
        covered += round(found.low * n) <= wrong <= round(found.high * n)
    assert script.exact_coverage(n, wrong, answers, 0.6) == pytest.approx(covered / len(draws))


def test_simulated_audits_cover_at_least_as_often_as_stated() -> None:
    options = argparse.Namespace(labels=2000, answers=100, confidence=0.9, audits=40)
    covered, of_classes, exact, width = script.simulate(script.symmetric, options, seed=1)
    assert exact >= 0.9
    assert covered >= 0.9 - 3 * (0.09 / 40) ** 0.5
    assert of_classes >= 0.9
    assert 0.05 < width < 0.15
