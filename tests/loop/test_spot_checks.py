"""Spot checks and copies within the loop, with a fake learner."""

import torch
from torch import Tensor

from alframe.audit.label_counts import TruthEvaluator
from alframe.auto_label import CheckedPolicy
from alframe.core.components import Components
from alframe.core.ledger import CANNOT_TELL, NO_CLASS, LabelLedger, Source
from alframe.core.loop import label_dataset
from alframe.core.loop_plan import Amount, LoopPlan
from alframe.core.records import Labelled, PoolScores
from alframe.core.reports import FitReport
from alframe.oracle import SimulatedOracle
from alframe.query import LeastConfidence
from alframe.query.seed_sets import FirstSeedSet
from tests.support.settings import FREE, standard_rules

N = 300
TRUTH = torch.arange(N) % 2


class SureLearner:
    """Sure of the samples from 100 on, unsure of the others; wrong about each `wrong_every`-th sample."""

    def __init__(self, wrong_every: int | None = None) -> None:
        self.predicted_N = TRUTH.clone()
        if wrong_every:
            self.predicted_N[::wrong_every] = 1 - TRUTH[::wrong_every]

    def fit(self, labelled: Labelled, round: int, *, final: bool = False) -> FitReport:
        return FitReport(samples=len(labelled), steps=1, epochs=None, loss=0.0, seconds=0.0)

    def score(self, index_P: Tensor, needs: frozenset[str]) -> PoolScores:
        odds_P = torch.where(index_P >= 100, 5.0 + index_P / 1000, 0.1)
        return PoolScores(index_P=index_P, predicted_P=self.predicted_N[index_P], log_odds_P=odds_P)

    def predict_test(self) -> Tensor | None:
        return None


def run(learner: SureLearner, *, copies=None, oracle=None, n: int = 20, budget=None, **stop):
    settings = {"threshold": 0.75, "check_share": 0.5, "sure_share": 0.95, "tolerance": 0.05, "delta": 0.1}
    components = Components(
        initial=FirstSeedSet(Amount(num=10, key="initial")),
        learner=learner,
        query=LeastConfidence(spread=1),
        auto_label=CheckedPolicy(**settings),
        oracle=oracle or SimulatedOracle(TRUTH),
        stopping=standard_rules(**{"share": 0.01, "max_hand_labels": budget, **stop}),
        evaluator=TruthEvaluator(TRUTH),
        copies=copies,
    )
    plan = LoopPlan(
        seed=0,
        question=Amount(num=n),
        keep="rejudge",
        order="auto_first",
        remainder="leave",
        cost=FREE,
        max_hand_labels=budget,
    )
    return list(label_dataset(components, plan, LabelLedger.empty(N)))


def asked(result, round: int) -> list[int]:
    ledger = result.ledger
    return ((ledger.round_N == round) & (ledger.source_N == Source.QUERY)).nonzero().flatten().tolist()


def test_half_of_a_question_checks_what_would_be_auto_labelled() -> None:
    results = run(SureLearner(), max_rounds=6)
    reports = [result.report for result in results]
    assert [report.spot_checks for report in reports[1:6]] == [10, 20, 30, 40, 50]
    assert [report.counts.auto_labels for report in reports[1:5]] == [0, 0, 0, 0]
    assert reports[5].counts.auto_labels == 150  # all that it is sure of and that was not checked
    assert sum(index >= 100 for index in asked(results[1], 1)) == 10
    assert sum(index >= 100 for index in asked(results[6], 6)) == 0  # trusted: no more spot checks


def test_a_wrong_classifier_is_not_believed_and_the_rounds_end() -> None:
    results = run(SureLearner(wrong_every=3), max_untrusted_rounds=4)
    last = results[-2].report
    assert last.counts.auto_labels == 0
    assert last.stopped_because.startswith("no auto-label was trusted in 4 rounds in a row: ")
    assert last.stopped_because.endswith(f"{last.spot_checks_wrong} of 40 spot checks were wrong")
    assert last.spot_checks_wrong > 4
    assert (
        last.note
        == f"no auto-labels yet: {last.spot_checks_wrong} of 40 spot checks of predictions were wrong"
    )


def test_a_question_is_about_one_of_several_copies() -> None:
    first_N = torch.arange(N)
    first_N[10:60] = 10  # fifty blank images
    results = run(SureLearner(), copies=lambda: first_N, max_rounds=2)
    assert sum(10 <= index < 60 for index in asked(results[2], 1)) == 1
    assert sum(10 <= index < 60 for index in asked(results[2], 2)) == 0


def test_copies_are_asked_about_if_nothing_else_is_left() -> None:
    first_N = torch.arange(N)
    first_N[10:100] = 10
    results = run(SureLearner(), copies=lambda: first_N, n=30, max_rounds=2)
    assert sum(10 <= index < 100 for index in asked(results[1], 1)) == 1
    assert sum(10 <= index < 100 for index in asked(results[2], 2)) == 15


class CannotTellCopies(SimulatedOracle):
    """Cannot tell the class of the samples from 10 to 59."""

    def label(self, index: Tensor) -> Tensor:
        answer = super().label(index)
        return torch.where((index >= 10) & (index < 60), CANNOT_TELL, answer)


def test_a_copy_of_an_image_that_was_set_aside_is_not_asked_about() -> None:
    first_N = torch.arange(N)
    first_N[10:60] = 10
    results = run(SureLearner(), copies=lambda: first_N, oracle=CannotTellCopies(TRUTH), max_rounds=3)
    assert [result.report.counts.set_aside for result in results[1:4]] == [1, 1, 1]


def test_a_budget_that_is_spent_before_the_first_question_leaves_no_unchecked_label() -> None:
    results = run(SureLearner(wrong_every=3), budget=10)
    assert results[-1].report.counts.auto_labels == 0
    assert results[1].report.note == "no auto-labels yet: no prediction was checked"


def test_images_that_belong_to_no_class_are_wrong_predictions() -> None:
    answers = TRUTH.clone()
    answers[100::3] = NO_CLASS
    last = run(SureLearner(), oracle=SimulatedOracle(answers), max_rounds=5)[-2].report
    assert (last.counts.auto_labels, last.spot_checks) == (0, 50)
    assert last.spot_checks_wrong > 10
