import itertools
import math

import pytest
import torch
from scipy.stats import beta  # type: ignore[import-untyped]

from alframe.audit.estimate import estimate_errors, wrong_share
from alframe.core.ledger import CANNOT_TELL, NO_CLASS


def test_the_interval_is_that_of_a_small_population_counted_by_hand() -> None:
    """Of 6 labels, 3 are looked at and 1 is wrong: each number of wrong labels is tried with all draws."""
    alpha = 0.05
    possible = []
    for wrong in range(7):
        found = [sum(k < wrong for k in drawn) for drawn in itertools.combinations(range(6), 3)]
        at_most = sum(x <= 1 for x in found) / math.comb(6, 3)
        at_least = sum(x >= 1 for x in found) / math.comb(6, 3)
        if min(at_most, at_least) > alpha / 2:
            possible.append(wrong)
    estimate = wrong_share(6, 3, 1, 0, confidence=1 - alpha)
    assert (estimate.low * 6, estimate.high * 6) == pytest.approx((min(possible), max(possible)))


def test_a_large_population_gives_clopper_and_pearsons_interval() -> None:
    estimate = wrong_share(10_000_000, 300, 12, 0, confidence=0.9)
    assert estimate.low == pytest.approx(beta.ppf(0.05, 12, 289), rel=1e-3)
    assert estimate.high == pytest.approx(beta.ppf(0.95, 13, 288), rel=1e-3)


def test_the_interval_covers_as_stated_for_every_number_of_wrong_labels() -> None:
    n, m, confidence = 60, 15, 0.8
    for wrong in range(n + 1):
        covered = 0.0
        for x in range(max(0, m - (n - wrong)), min(m, wrong) + 1):
            share = math.comb(wrong, x) * math.comb(n - wrong, m - x) / math.comb(n, m)
            estimate = wrong_share(n, m, x, 0, confidence)
            covered += share * (round(estimate.low * n) <= wrong <= round(estimate.high * n))
        assert covered >= confidence - 1e-9


def test_who_cannot_tell_widens_the_interval_on_both_sides() -> None:
    told, untold = wrong_share(1000, 100, 5, 0, 0.95), wrong_share(1000, 100, 5, 4, 0.95)
    assert untold.low == told.low
    assert untold.high == wrong_share(1000, 100, 9, 0, 0.95).high > told.high
    assert untold.wrong_share == 5 / 96


def test_classes_have_their_own_interval_where_numbers_allow() -> None:
    given_D = torch.tensor([0] * 12 + [1] * 3 + [2] * 2)
    answer_D = given_D.clone()
    answer_D[:2] = 1
    answer_D[2], answer_D[12] = NO_CLASS, CANNOT_TELL
    estimate = estimate_errors(given_D, answer_D, torch.tensor([100, 50, 2]), 0.95)
    first, second, third = estimate.classes
    assert first == wrong_share(100, 12, 3, 0, 0.95)
    assert second is None
    assert third == wrong_share(2, 2, 0, 0, 0.95)
    assert third is not None
    assert third.high == 0.0
    assert estimate.overall == wrong_share(152, 17, 3, 1, 0.95)
