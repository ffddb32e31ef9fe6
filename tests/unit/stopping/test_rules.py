"""The simple rules, by hand."""

import pytest

from alframe.core.errors import ConfigError
from alframe.core.records import Counts, RoundReport
from alframe.stopping import AnyOf, MaxCost, MaxRounds
from tests.support.settings import standard_rules


def report(round: int = 1, *, hand: int = 10, unlabelled: int = 50, cost: float | None = 1.0) -> RoundReport:
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
        hand_new=5,
        auto_new=0,
        unlabelled_before=unlabelled + 5,
        cost=cost,
    )


def test_money_ends_the_rounds_when_it_is_spent() -> None:
    rule = MaxCost(max_cost=2.5)
    assert rule.reason(report(cost=2.49)) is None
    assert rule.reason(report(cost=2.5)) == "stopping.max_cost=2.5 was reached: 2.50"
    assert rule.reason(report(cost=None)) is None


def test_standard_takes_what_is_given_and_the_first_rule_speaks() -> None:
    rules = standard_rules(share=0.01, max_cost=1.0, max_rounds=1)
    assert "max_cost=1" in rules.reason(report())
    assert "max_rounds=1" in rules.reason(report(cost=0.5))
    assert standard_rules(share=0.01).reason(report(round=99, cost=1e9)) is None


@pytest.mark.parametrize("cost", [0, -1, "ten", float("inf")])
def test_a_cost_that_is_none_is_refused(cost: object) -> None:
    with pytest.raises(ConfigError, match=r"stopping.max_cost: expected a number above 0"):
        standard_rules(max_cost=cost)


def test_any_of_wants_the_largest_validation_set() -> None:
    class Judge(MaxRounds):
        validation_size = 7

    assert AnyOf((MaxRounds(max_rounds=1), Judge(max_rounds=2))).validation_size == 7
    assert standard_rules().validation_size == 0
