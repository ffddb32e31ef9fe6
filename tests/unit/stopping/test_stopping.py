"""The budget of hand labels, which may end the rounds at once or after one more fit."""

from dataclasses import replace

import pytest

from alframe.core.records import Counts, RoundReport
from alframe.stopping import HandBudget
from tests.support.settings import standard_rules

COUNTS = Counts(
    n_samples=100,
    hand_labels=20,
    auto_labels=0,
    unlabelled=80,
    mislabelled=None,
    mislabelled_share=None,
    auto_label_error=None,
)


def report(hand_labels: int, hand_new: int) -> RoundReport:
    counts = replace(COUNTS, hand_labels=hand_labels, unlabelled=100 - hand_labels)
    before = 100 - hand_labels + hand_new
    return RoundReport(
        kind="round", round=3, counts=counts, hand_new=hand_new, auto_new=0, unlabelled_before=before
    )


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
    reason = HandBudget(max_hand_labels=20, learn_last=learn_last).reason(report(hand_labels, hand_new))
    assert reason == ("stopping.max_hand_labels=20 was reached" if ends else None)


@pytest.mark.parametrize("learn_last", [False, True])
def test_the_standard_rules_pass_it_on(learn_last: bool) -> None:
    reason = standard_rules(max_hand_labels=20, learn_last=learn_last).reason(report(20, 5))
    assert (reason is None) == learn_last
