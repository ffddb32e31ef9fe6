"""The simple rules, by hand."""

from dataclasses import replace

import pytest

from alframe.core.errors import ConfigError
from alframe.core.reports import Counts, RoundReport
from alframe.stopping import AnyOf, HandBudget, MaxCost, MaxRounds
from tests.support.settings import standard_rules


def report(
    round: int = 1, *, hand: int = 10, hand_new: int = 5, unlabelled: int = 50, cost: float | None = 1.0
) -> RoundReport:
    counts = Counts(
        n_samples=100,
        hand_labels=hand,
        auto_labels=0,
        unlabelled=unlabelled,
        mislabelled=None,
        mislabelled_share=None,
        auto_label_error=None,
    )
    return RoundReport(
        kind="round",
        round=round,
        counts=counts,
        hand_new=hand_new,
        auto_new=0,
        unlabelled_before=unlabelled + hand_new,
        cost=cost,
    )


def test_max_cost_stops_when_the_money_is_spent() -> None:
    rule = MaxCost(max_cost=2.5)
    assert rule.reason(report(cost=2.49)) is None
    assert rule.reason(report(cost=2.5)) == "stopping.max_cost=2.5 was reached: 2.50"
    assert rule.reason(report(cost=None)) is None


def test_standard_uses_the_given_bounds_and_the_first_reason() -> None:
    rules = standard_rules(share=0.01, max_cost=1.0, max_rounds=1)
    assert "max_cost=1" in rules.reason(report())
    assert "max_rounds=1" in rules.reason(report(cost=0.5))
    assert standard_rules(share=0.01).reason(report(round=99, cost=1e9)) is None


@pytest.mark.parametrize("cost", [0, -1, "ten", float("inf")])
def test_an_invalid_cost_is_refused(cost: object) -> None:
    with pytest.raises(ConfigError, match=r"stopping.max_cost: expected a number above 0"):
        standard_rules(max_cost=cost)


def test_any_of_asks_for_the_largest_validation_set() -> None:
    class Judge(MaxRounds):
        validation_size = 7

    assert AnyOf((MaxRounds(max_rounds=1), Judge(max_rounds=2))).validation_size == 7
    assert standard_rules().validation_size == 0


@pytest.mark.parametrize(
    ("learn_last", "hand_labels", "hand_new", "ends"),
    [
        (False, 19, 5, False),
        (False, 20, 5, True),
        (True, 20, 5, False),  # the last five are not learned from yet
        (True, 20, 0, True),
        (True, 15, 0, False),
    ],
)
def test_a_spent_budget_ends_the_rounds(learn_last, hand_labels, hand_new, ends) -> None:
    reason = HandBudget(max_hand_labels=20, learn_last=learn_last).reason(
        report(hand=hand_labels, hand_new=hand_new)
    )
    assert reason == ("stopping.max_hand_labels=20 was reached" if ends else None)


def test_a_budget_of_which_a_part_is_kept_for_the_check_is_spent_sooner() -> None:
    rule = HandBudget(max_hand_labels=20, learn_last=False)
    assert rule.reason(replace(report(hand=14), kept_for_check=5)) is None
    assert rule.reason(replace(report(hand=15), kept_for_check=5)) == (
        "stopping.max_hand_labels=20 was reached; 5 of them are for the check"
    )


@pytest.mark.parametrize("learn_last", [False, True])
def test_the_standard_rules_pass_learn_last_on(learn_last: bool) -> None:
    reason = standard_rules(max_hand_labels=20, learn_last=learn_last).reason(report(hand=20, hand_new=5))
    assert (reason is None) == learn_last


def test_rounds_end_if_spot_checks_never_allowed_an_auto_label() -> None:
    rules = standard_rules(max_untrusted_rounds=12)
    refused = replace(report(round=12), spot_checks=96, spot_checks_wrong=30)
    assert rules.reason(refused) == (
        "no auto-label was trusted in 12 rounds in a row: 30 of 96 spot checks were wrong"
    )
    assert rules.reason(replace(refused, round=11)) is None
    assert rules.reason(replace(refused, counts=replace(refused.counts, auto_labels=1))) is None
    assert rules.reason(replace(refused, round=23)) is None  # round 12 had an auto-label
    assert "in 12 rounds in a row" in (rules.reason(replace(refused, round=24)) or "")
    # A policy without spot checks, such as auto_label=none:
    assert standard_rules(max_untrusted_rounds=12).reason(report(round=12)) is None
