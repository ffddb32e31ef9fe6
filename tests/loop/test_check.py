"""The check sample in the loop: what the budget keeps for it, and that it is asked again as it was."""

from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor

from alframe.audit.check_sample import CheckSpec
from alframe.audit.label_counts import TruthEvaluator
from alframe.auto_label import ThresholdPolicy
from alframe.core.components import Components
from alframe.core.errors import AnswersNeeded, TrialNotice
from alframe.core.ledger import LabelLedger, Source
from alframe.core.loop import RoundResult, label_dataset
from alframe.core.loop_plan import Amount, LoopPlan
from alframe.oracle import SimulatedOracle
from alframe.query import LeastConfidence
from alframe.query.seed_sets import FirstSeedSet
from tests.loop.test_validation_and_final import TRUTH, FakeLearner, N
from tests.support.settings import FREE, standard_rules

SPEC = CheckSpec(num=None, default_num=30, confidence=0.95, warn=0.05)


def run(
    oracle=None,
    *,
    start: LabelLedger | RoundResult | None = None,
    truth: Tensor | None = None,
    spec: CheckSpec | None = SPEC,
    budget: int | None = None,
    remainder: str = "leave",
):
    """Yield the results of a trial with a seed set of 10 and 20 questions in a round."""
    checker = None if spec is None else spec.checker(truth, certified=False)
    components = Components(
        initial=FirstSeedSet(Amount(num=10, key="initial")),
        learner=FakeLearner(),
        query=LeastConfidence(spread=1),
        auto_label=ThresholdPolicy(threshold=0.99),
        oracle=oracle or SimulatedOracle(TRUTH),
        stopping=standard_rules(share=0.01, max_rounds=4, max_hand_labels=budget),
        evaluator=TruthEvaluator(truth),
        checker=checker,
    )
    plan = LoopPlan(
        seed=0,
        question=Amount(num=20),
        keep="permanent",
        order="auto_first",
        remainder=remainder,
        cost=FREE,
        max_hand_labels=budget,
        num_check=checker.num if checker else 0,
    )
    return label_dataset(components, plan, LabelLedger.empty(N) if start is None else start)


def test_a_trial_without_the_truth_ends_with_a_check() -> None:
    *_, last = run()
    assert last.check is not None
    assert (last.check.asked, last.check.found_wrong, last.check.simulated) == (30, 0, False)
    assert int((last.ledger.source_N == Source.AUDIT).sum()) == last.report.hand_new == 30
    assert last.check.n_auto == len(last.ledger.index_auto) + 30


def test_a_simulation_has_the_labels_of_a_trial_without_a_check() -> None:
    checked, unchecked = list(run(truth=TRUTH)), list(run(truth=TRUTH, spec=None))
    assert checked[-1].check is not None
    assert checked[-1].check.simulated
    assert unchecked[-1].check is None
    for one, other in zip(checked, unchecked, strict=True):
        assert torch.equal(one.ledger.source_N, other.ledger.source_N)
        assert torch.equal(one.ledger.label_N, other.ledger.label_N)
        assert one.report.counts == other.report.counts


@pytest.mark.parametrize("remainder", ["leave", "hand"])
def test_half_of_what_the_seed_set_leaves_of_a_budget_is_kept_for_the_check(remainder: str) -> None:
    with pytest.warns(TrialNotice, match="=50 keeps 20 answers for the check"):
        *rounds, last = run(budget=50, remainder=remainder)
    assert rounds[-1].report.counts.hand_labels == 30
    assert rounds[-1].report.stopped_because == (
        "stopping.max_hand_labels=50 was reached; 20 of them are for the check"
    )
    assert last.check is not None
    assert last.check.asked == 20
    assert last.report.counts.hand_labels == 50


def test_a_large_budget_keeps_the_whole_check_and_a_small_one_none() -> None:
    *_, last = run(budget=80)
    assert last.check is not None
    assert (last.check.asked, last.report.counts.hand_labels) == (30, 80)
    with pytest.warns(TrialNotice, match="=11 keeps no answer for the check of the auto-labels"):
        *_, last = run(budget=11)
    assert last.check is not None
    assert (last.check.asked, last.check.warn, last.report.counts.hand_labels) == (0, True, 11)


@dataclass
class Slow:
    """People who answer five questions and then go home; the answers are kept."""

    at_home: bool = False
    known: set[int] = field(default_factory=set)
    questions: list[list[int]] = field(default_factory=list)

    def label(self, index_Q: Tensor) -> Tensor:
        if self.at_home:
            self.questions.append(index_Q.tolist())
            if not self.known.issuperset(index_Q.tolist()):
                self.known |= set([i for i in index_Q.tolist() if i not in self.known][:11])
                raise AnswersNeeded("waiting")
        return TRUTH[index_Q]


def test_a_check_that_was_answered_in_part_asks_the_same_samples_again() -> None:
    people = Slow()
    trial = run(people)
    before = next(result for result in trial if result.left is not None)
    people.at_home = True
    for _ in range(3):
        with pytest.raises(AnswersNeeded):
            list(run(people, start=before))
    (last,) = run(people, start=before)
    assert len(people.questions) == 4
    assert all(question == people.questions[0] for question in people.questions)
    *_, at_once = run()
    assert torch.equal(last.ledger.source_N, at_once.ledger.source_N)
    assert last.check == at_once.check
