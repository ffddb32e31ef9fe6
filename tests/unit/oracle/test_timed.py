import pytest
import torch

from alframe.core.answer_times import AnswerTimes
from alframe.core.protocols import ProposingOracle, TimesAnswers
from alframe.core.records import PoolScores
from alframe.oracle import TimedPerson

N, C = 4000, 4
TRUTH = torch.arange(N) % C
EVERYTHING = torch.arange(N)


def person(**changes) -> TimedPerson:
    kept = {
        "single_seconds": 0.6,
        "grid_seconds": 2.0,
        "grid": 60,
        "correction_seconds": 0.5,
        "overlooked": 0.0,
        "mistyped": 0.0,
        "grids": True,
    }
    return TimedPerson(truth_N=TRUTH, n_classes=C, seed=3, **{**kept, **changes})


def proposal(predicted_N=TRUTH, index=EVERYTHING) -> PoolScores:
    return PoolScores(index_P=index, predicted_P=predicted_N[index], log_odds_P=torch.ones(len(index)))


def test_it_has_the_optional_methods_of_an_oracle() -> None:
    assert isinstance(person(), ProposingOracle)
    assert isinstance(person(), TimesAnswers)


def test_without_a_proposal_each_image_is_answered_alone() -> None:
    oracle = person()
    assert torch.equal(oracle.label(EVERYTHING[:10]), TRUTH[:10])
    assert oracle.answer_times() == AnswerTimes(
        n_single=10, single_seconds=6.0, n_grid=0, n_grids=0, grid_seconds=0.0
    )
    assert not oracle.unproven(EVERYTHING).any()


def test_a_grid_takes_its_time_and_each_correction_adds_to_it() -> None:
    # 120 images, 30 of each class; class 0 is taken for class 1: grids of 60, 30 and 30 images, 30 corrected.
    oracle, index = person(), EVERYTHING[:120]
    oracle.propose(proposal(TRUTH.clamp(min=1), index), index[:0])
    assert torch.equal(oracle.label(index), TRUTH[index])
    assert oracle.answer_times() == AnswerTimes(
        n_single=0, single_seconds=0.0, n_grid=120, n_grids=3, grid_seconds=pytest.approx(4.0 + 15.0)
    )
    # What was corrected was answered on its own.
    assert torch.equal(oracle.unproven(EVERYTHING), (EVERYTHING < 120) & (TRUTH > 0))


def test_blind_samples_of_a_question_are_answered_alone() -> None:
    oracle, index, blind = person(overlooked=1.0), EVERYTHING[:100], EVERYTHING[20:30]
    oracle.propose(proposal((TRUTH + 1) % C, index), blind)
    answer = oracle.label(index)
    assert torch.equal(answer[20:30], TRUTH[20:30])
    assert not (answer[:20] == TRUTH[:20]).any()  # all that a grid shows is overlooked
    assert not oracle.unproven(blind).any()


def test_a_second_answer_alone_makes_a_label_proven() -> None:
    oracle, index = person(overlooked=1.0), EVERYTHING[:8]
    oracle.propose(proposal((TRUTH + 1) % C, index), index[:0])
    oracle.label(index)
    assert torch.equal(oracle.label(index[:3]), TRUTH[:3])
    assert oracle.unproven(index).tolist() == [False] * 3 + [True] * 5


def test_slips_have_their_shares() -> None:
    oracle = person(overlooked=0.1, mistyped=0.05)
    oracle.propose(proposal((TRUTH + 1) % C), EVERYTHING[:0])
    in_grid, alone = oracle.label(EVERYTHING), oracle.label(EVERYTHING)
    # wrong: overlooked, or noticed and mistyped. The standard errors are 0.0055 and 0.0034.
    assert float((in_grid != TRUTH).float().mean()) == pytest.approx(0.1 + 0.9 * 0.05, abs=0.02)
    assert float((alone != TRUTH).float().mean()) == pytest.approx(0.05, abs=0.012)
    assert torch.equal(oracle.label(EVERYTHING), alone)


def test_without_grids_all_is_answered_alone() -> None:
    oracle = person(grids=False, overlooked=1.0)
    oracle.propose(proposal((TRUTH + 1) % C), EVERYTHING[:0])
    assert torch.equal(oracle.label(EVERYTHING), TRUTH)
    assert oracle.answer_times().n_single == N


def test_a_resumed_trial_goes_on_with_the_same_counts() -> None:
    before, index = person(), EVERYTHING[:50]
    before.propose(proposal(index=index), index[:0])
    before.label(index)
    after = person()
    after.load_state_dict(before.state_dict())
    assert after.answer_times() == before.answer_times()
    assert torch.equal(after.unproven(EVERYTHING), before.unproven(EVERYTHING))


def test_a_second_look_has_slips_of_its_own_and_takes_its_time() -> None:
    oracle = person(mistyped=0.3)
    slipped = EVERYTHING[oracle.label(EVERYTHING) != TRUTH]
    again = oracle.second_look(slipped, TRUTH[slipped])
    assert float((again != TRUTH[slipped]).float().mean()) == pytest.approx(0.3, abs=0.06)
    assert oracle.answer_times().n_single == N + len(slipped)
