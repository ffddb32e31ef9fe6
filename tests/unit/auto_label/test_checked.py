"""Auto-labelling that spot checks allow: how many are made, and what their answers allow."""

import pytest
import torch

from alframe.auto_label import CheckedPolicy
from alframe.core.ledger import CANNOT_TELL, NO_CLASS
from alframe.core.records import PoolScores
from tests.support.helpers import config_of

N = 400


def policy(**changes: float) -> CheckedPolicy:
    settings = {"threshold": 0.75, "check_share": 0.5, "sure_share": 0.95, "tolerance": 0.05, "delta": 0.1}
    return CheckedPolicy(**{**settings, **changes})


def scores(index: torch.Tensor, odds: float | torch.Tensor = 4.0, predicted: int = 0) -> PoolScores:
    log_odds_P = odds if isinstance(odds, torch.Tensor) else torch.full((len(index),), odds)
    return PoolScores(
        index_P=index, predicted_P=torch.full_like(index, predicted), log_odds_P=log_odds_P.float()
    )


def checked(*rounds: tuple[int, int], odds: float = 4.0) -> CheckedPolicy:
    """Return a policy after rounds of (spot checks, wrong ones among them)."""
    made, first = policy(), 0
    for n, wrong in rounds:
        label_N = torch.zeros(N, dtype=torch.int64)
        label_N[:first] = made._checks["label"]
        label_N[first : first + wrong] = 1
        made.learn(scores(torch.arange(first, first + n), odds), label_N)
        first += n
    return made


def accept(made: CheckedPolicy, pool: PoolScores):
    return made.accept(pool, None, torch.Generator())


def test_without_spot_checks_it_is_the_threshold_if_none_were_wanted() -> None:
    pool = scores(torch.arange(3), torch.tensor([0.0, 2.0, 1.0]))
    made, other = policy(), policy()
    assert made.n_checks(20, 980, 20) == 0  # sure of nearly the whole pool
    other.load_state_dict(made.state_dict())
    for each in (made, other):
        accepted = accept(each, pool)
        assert accepted.index_A.tolist() == [1]  # logit(0.75) = 1.0986
        assert accepted.threshold == 0.75
        assert each.checked() == (0, 0)


@pytest.mark.parametrize(
    "question",
    [None, (20, 100, 140), (30, 980, 20)],
    ids=["no question was chosen", "it is unsure", "the strategy leaves questions"],
)
def test_without_the_spot_checks_that_were_wanted_nothing_is_accepted(question) -> None:
    made = policy()
    if question is not None:
        assert made.n_checks(*question) > 0  # and then no budget is left
    accepted = accept(made, scores(torch.arange(5)))
    assert len(accepted.index_A) == 0
    assert accepted.note == "no auto-labels yet: no prediction was checked"


@pytest.mark.parametrize(
    ("rounds", "accepts"),
    [
        ([(44, 0)], False),
        ([(45, 0)], True),  # 0.95 ** 45 < 0.1
        ([(45, 1)], False),
        ([(77, 1)], True),
        ([(20, 10), (45, 0)], True),  # the errors of the first round no longer count
        ([(30, 5), (30, 5)], False),
    ],
)
def test_nothing_is_accepted_before_enough_spot_checks_are_right(rounds, accepts) -> None:
    accepted = accept(checked(*rounds), scores(torch.arange(200, 205)))
    assert len(accepted.index_A) == (5 if accepts else 0)
    n, wrong = map(sum, zip(*rounds, strict=True))
    assert accepted.note == (
        None if accepts else f"no auto-labels yet: {wrong} of {n} spot checks of predictions were wrong"
    )


def test_errors_at_low_confidence_raise_the_threshold() -> None:
    made, odds = policy(), torch.cat([torch.full((60,), 5.0), torch.full((20,), 1.5)])
    label_N = torch.zeros(N, dtype=torch.int64)
    label_N[60:80] = 1
    made.learn(scores(torch.arange(80), odds), label_N)
    accepted = accept(made, scores(torch.tensor([100, 101]), torch.tensor([1.4, 6.0])))
    assert accepted.index_A.tolist() == [101]
    assert accepted.threshold > 0.75
    assert made.trusted(scores(torch.tensor([100, 101]), torch.tensor([1.4, 6.0]))).tolist() == [False, True]


@pytest.mark.parametrize(
    ("n", "n_judged", "n_rest", "expected"),
    [
        (150, 58_264, 1_536, 0),  # MNIST's first round: sure of 97 % and enough others to ask about
        (20, 100, 140, 10),
        (20, 235, 5, 15),  # what the strategy leaves of the question
        (20, 238, 2, 18),
        (20, 4, 236, 4),
        (20, 0, 240, 0),
        (1, 100, 140, 1),
    ],
)
def test_the_number_of_spot_checks(n: int, n_judged: int, n_rest: int, expected: int) -> None:
    assert policy().n_checks(n, n_judged, n_rest) == expected
    assert checked((45, 0)).n_checks(n, n_judged, n_rest) == 0  # all are trusted: no more of them


def test_spot_checks_that_have_begun_go_on_until_all_judged_predictions_are_trusted() -> None:
    assert policy().n_checks(20, 980, 20) == 0
    assert checked((10, 1)).n_checks(20, 980, 20) == 10
    made, label_N = checked((60, 0)), torch.zeros(N, dtype=torch.int64)
    label_N[60:63] = 1
    made.learn(scores(torch.arange(60, 63), 1.5), label_N)  # errors at low confidence: a cut at 1.5
    assert made.n_checks(20, 980, 20) == 10


def test_a_changed_answer_and_answers_that_name_no_class() -> None:
    made, answer_N = policy(), torch.zeros(N, dtype=torch.int64)
    answer_N[:3] = torch.tensor([1, CANNOT_TELL, NO_CLASS])
    made.learn(scores(torch.arange(5)), answer_N)
    assert made.checked() == (4, 2)  # "no class" is wrong, "cannot tell" says nothing
    answer_N[0] = 0
    made.learn(scores(torch.arange(0)), answer_N)
    assert made.checked() == (4, 1)


def test_the_state_continues_in_another_process() -> None:
    made, other = checked((30, 0), (15, 0)), policy()
    other.load_state_dict(made.state_dict())
    assert other.checked() == (45, 0)
    assert len(accept(other, scores(torch.arange(200, 205))).index_A) == 5


def n_trusted(wrong_share: float, n_trials: int = 6) -> int:
    """Return in how many trials of twelve rounds with ten spot checks the shipped settings trust all."""
    node = config_of()["auto_label"]
    settings = {key: value for key, value in node.items() if key not in ("_target_", "keep")}
    generator, n = torch.Generator().manual_seed(0), 0
    for _ in range(n_trials):
        made, label_N = CheckedPolicy(**settings), torch.zeros(120, dtype=torch.int64)
        for index in torch.arange(120).split(10):
            label_N[index] = (torch.rand(10, generator=generator) < wrong_share).long()
            made.learn(scores(index, 1.2 + 3 * torch.rand(10, generator=generator)), label_N)
            if made.n_checks(20, 100, 100) == 0:
                n += 1
                break
    return n


def test_people_who_err_at_times_are_no_obstacle_and_a_bad_classifier_is_never_trusted() -> None:
    assert n_trusted(0.02) >= 5
    assert n_trusted(0.35) == 0
