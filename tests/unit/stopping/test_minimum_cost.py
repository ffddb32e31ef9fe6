"""When going on does not pay, by hand."""

import math

import pytest

from alframe.core.errors import ConfigError
from alframe.core.reports import Counts, RoundReport
from alframe.stopping import MinimumCost
from alframe.stopping.minimum_cost import PowerLaw, power_law

N, V = 10_000, 100
PRICES = {"hand_label": 1.0, "auto_label": 0.0, "hour": 0.0}


def rule(**changes) -> MinimumCost:
    settings = {"tolerance": 0.0101, "validation_size": V, "min_rounds": 1, **PRICES}
    return MinimumCost(**{**settings, **changes})


def report(
    round: int, learned_from: int, errors: dict[float, float], asked: int = 100, seconds: float = 0.0
) -> RoundReport:
    hand = learned_from + V + asked
    counts = Counts(
        n_samples=N,
        hand_labels=hand,
        auto_labels=0,
        unlabelled=N - hand,
        mislabelled=None,
        mislabelled_share=None,
        auto_label_error=None,
    )
    return RoundReport(
        kind="round",
        round=round,
        counts=counts,
        hand_new=asked,
        auto_new=0,
        unlabelled_before=N - hand + asked,
        seconds=seconds,
        validation_errors=tuple(errors.items()),
    )


def test_power_law_through_points_that_lie_on_one() -> None:
    law = power_law([(n, 3 * n**-0.7) for n in (50, 100, 400, 1000)])
    assert law.scale == pytest.approx(3)
    assert law.exponent == pytest.approx(-0.7)


def test_power_law_is_least_squares_of_the_logarithms() -> None:
    # log2 n = 0, 1, 2; log2 error = 0, -2, -1: slope -1/2, mean -1 at 1.
    law = power_law([(1, 1.0), (2, 0.25), (4, 0.5)])
    assert law.exponent == pytest.approx(-0.5)
    assert law.scale == pytest.approx(2**-0.5)


def test_errors_that_grow_are_noise() -> None:
    assert power_law([(100, 0.1), (200, 0.4)]) == pytest.approx(PowerLaw(0.2, 0.0))


def test_one_number_of_labels_makes_no_law() -> None:
    cheapest = rule()
    assert cheapest.reason(report(1, 100, {1.0: 0.5})) is None
    assert cheapest.laws() == {}
    assert cheapest.reason(report(2, 100, {1.0: 0.5})) is None


def test_an_error_of_zero_counts_as_half_a_sample() -> None:
    cheapest = rule()
    for round, n in ((1, 100), (2, 200)):
        cheapest.reason(report(round, n, {0.5: 0.0, 1.0: 0.0}))
    assert cheapest.laws()[0.5] == pytest.approx(PowerLaw(0.01, 0.0))  # half of 1 / 50
    assert cheapest.laws()[1.0] == pytest.approx(PowerLaw(0.005, 0.0))


def test_no_stop_while_more_labels_are_predicted_to_cover_more() -> None:
    cheapest = rule()
    # 10 / n: all may be auto-labelled once (N - h) 10 / n <= 101, and h = n + 100: 114 at 900, 100 at 1,000.
    assert cheapest.reason(report(1, 100, {1.0: 0.1})) is None
    assert cheapest.reason(report(2, 200, {1.0: 0.05})) is None
    prospects = cheapest.prospects(cheapest.laws(), N, 400)
    assert (prospects[0].cost, prospects[0].theta) == (N, 0)
    assert (prospects[5].hand_labels, prospects[5].theta, prospects[5].cost) == (900, 0, N)
    assert (prospects[6].hand_labels, prospects[6].theta, prospects[6].cost) == (1000, 1, 1000)
    assert prospects[7].cost == 1100


def test_stop_once_the_labels_cost_more_than_they_save() -> None:
    cheapest = rule()
    for round in range(1, 9):
        reason = cheapest.reason(report(round, 100 * round, {1.0: 0.1 / round}))
        assert (reason is None) == (round < 8), round
    assert reason == (
        "mcal: stopping is predicted to cost 1000.00, with 100 % of the rest auto-labelled, and further "
        "rounds are predicted to be no cheaper"
    )


def test_if_nothing_helps_it_stops_at_min_rounds() -> None:
    # Going on to the last 202 samples would save them; 96 rounds of an hour each cost more.
    cheapest = rule(min_rounds=3, hour=10)
    reports = [report(round, 100 * round, {1.0: 0.5}, seconds=3600) for round in (1, 2, 3)]
    assert [cheapest.reason(each) is None for each in reports] == [True, True, False]


def test_expensive_hours_end_the_rounds_sooner() -> None:
    errors = {1: 0.1, 2: 0.05}
    dear = rule(hour=1e6)
    for round, error in errors.items():
        reason = dear.reason(report(round, 100 * round, {1.0: error}, seconds=3600))
    assert reason is not None


def test_auto_labels_have_a_price() -> None:
    dear = rule(auto_label=1.0)  # as much as a hand label: nothing is gained by covering
    for round in (1, 2):
        reason = dear.reason(report(round, 100 * round, {1.0: 0.1 / round}))
    assert reason is not None


def test_the_largest_share_within_the_tolerance_is_used() -> None:
    cheapest = rule(tolerance=0.05)
    for round in (1, 2):
        cheapest.reason(report(round, 100 * round, {0.5: 0.01, 0.9: 0.05, 1.0: 0.2}))
    now = cheapest.prospects(cheapest.laws(), N, 400)[0]
    assert now.theta == 0.9
    assert now.cost == pytest.approx(N - 0.9 * (N - 400))


def test_asking_twice_about_a_round_changes_nothing() -> None:
    once, twice = rule(), rule()
    for round in range(1, 8):
        seen = report(round, 100 * round, {1.0: 0.1 / round})
        twice.reason(seen)
        assert once.reason(seen) == twice.reason(seen)
    assert once.seen == twice.seen


def test_a_round_without_a_question_ends_the_rounds() -> None:
    cheapest = rule()
    cheapest.reason(report(1, 100, {1.0: 0.5}, asked=0))
    assert cheapest.reason(report(2, 101, {1.0: 0.5}, asked=0)) is not None


def test_without_errors_it_does_not_stop() -> None:
    assert rule().reason(report(5, 100, {})) is None


@pytest.mark.parametrize(
    ("key", "value"), [("tolerance", 0), ("validation_size", 0), ("hand_label", -1), ("hour", math.inf)]
)
def test_a_setting_out_of_range_is_named(key: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"stopping.{key}: expected"):
        rule(**{key: value})
