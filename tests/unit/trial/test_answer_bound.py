"""The most answers that a waiting trial says it asks for."""

import pytest
import torch

from alframe.core.errors import Waiting
from alframe.core.ledger import LabelLedger, Source
from alframe.core.loop_plan import Amount, LoopPlan
from alframe.trial.answer_bound import AnswerBound
from tests.support.settings import FREE

N = 2000


def bound(
    *, max_rounds: int | None = 5, n_validation: int = 30, n_members: int = N, **changes
) -> AnswerBound:
    settings = {"keep": "rejudge", "order": "auto_first", "remainder": "leave", "cost": FREE}
    plan = LoopPlan(**{"seed": 0, "question": Amount(num=10), **settings, **changes})
    member_N = torch.arange(N) < n_members
    return AnswerBound(plan=plan, member_N=member_N, n_validation=30, max_rounds=max_rounds, after=100)


def labelled(n: int | None) -> LabelLedger | None:
    zeros = torch.zeros(n or 0, dtype=torch.int64)
    return None if n is None else LabelLedger.empty(N).commit(torch.arange(n), zeros, Source.SEED, 0)


@pytest.mark.parametrize(
    ("question", "round", "wanted", "answered", "before", "so_far", "most"),
    [
        ("seed", 0, 20, 0, None, 0, 200),  # 20 + 30 for validation + 5 rounds of 10 + 100 at the end
        ("seed", 0, 20, 8, None, 8, 200),
        ("seed", 0, 70, 50, None, 50, 250),  # 50 were imported
        ("seed 2", 0, 20, 5, None, 25, 220),
        ("seed 3", 0, 40, 0, None, 40, 260),
        ("validation", 0, 30, 0, None, 80, 260),
        ("seed 2", 0, 80, 0, 80, 80, 310),  # the validation set has its answers
        ("query", 1, 10, 0, 110, 110, 260),
        ("query", 5, 10, 3, 150, 153, 260),
        ("check", 6, 100, 0, 160, 160, 260),
        ("check", 6, 100, 60, 160, 220, 260),
        ("audit", 6, 20, 0, 160, 230, 260),
    ],
)
def test_the_bound_counts_what_was_asked(question, round, wanted, answered, before, so_far, most) -> None:
    waiting = Waiting(question=question, round=round, wanted=wanted, answered=answered, how="")
    found = bound().most(waiting, labelled(before), torch.arange(N) < so_far)
    assert found == (most, question.startswith("seed"))


@pytest.mark.parametrize(
    ("settings", "so_far", "most"),
    [
        ({"max_rounds": None}, 0, N),
        ({"remainder": "hand"}, 0, N),
        ({"max_hand_labels": 150}, 0, 150),
        ({"max_rounds": None, "n_members": 1900}, 0, 1900),
    ],
)
def test_no_more_than_all_samples_or_the_budget_even_if_the_seed_set_names_one_class(settings, so_far, most):
    waiting = Waiting(question="seed", round=0, wanted=20, answered=0, how="")
    assert bound(**settings).most(waiting, None, torch.arange(N) < so_far) == (most, False)


def test_answers_about_removed_images_come_on_top() -> None:
    waiting = Waiting(question="query", round=1, wanted=10, answered=0, how="")
    answered_N = torch.zeros(N, dtype=torch.bool)
    answered_N[-30:] = True
    found, _ = bound(max_rounds=None, n_members=1900).most(waiting, labelled(0), answered_N)
    assert found == 1930
