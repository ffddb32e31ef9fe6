"""The seven steps with a fake learner: every figure below was worked out by hand."""

from dataclasses import dataclass, field, replace

import pytest
import torch
from torch import Tensor

from alframe.audit.label_counts import TruthEvaluator
from alframe.auto_label import ThresholdPolicy
from alframe.core.components import Components
from alframe.core.errors import ConfigError, TrialNotice, UserError
from alframe.core.ledger import LabelLedger, Source
from alframe.core.loop import label_dataset
from alframe.core.loop_plan import Amount, LoopPlan
from alframe.core.records import Labelled, PoolScores
from alframe.core.reports import FitReport
from alframe.oracle import SimulatedOracle
from alframe.query import LeastConfidence
from alframe.query.seed_sets import FirstSeedSet
from tests.support.settings import FREE, standard_rules

# Ten samples; the learner's answer for each, the same in every round but for `gain` a round.
TRUTH = torch.tensor([0, 1, 0, 1, 0, 1, 0, 1, 0, 1])
PREDICTED = torch.tensor([0, 1, 0, 1, 0, 1, 1, 0, 0, 1])  # wrong on 6 and 7
ODDS = torch.tensor([9.0, 9.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0, 0.5, 0.1])


@dataclass
class FakeLearner:
    gain: float = 0.0
    fits: list[Labelled] = field(default_factory=list)
    scored: list[list[int]] = field(default_factory=list)

    def fit(self, labelled: Labelled, round: int, *, final: bool = False) -> FitReport:
        self.fits.append(labelled)
        return FitReport(samples=len(labelled), steps=1, epochs=None, loss=0.0, seconds=0.0)

    def score(self, index_P: Tensor, needs: frozenset[str]) -> PoolScores:
        self.scored.append(index_P.tolist())
        odds = ODDS[index_P] + self.gain * (len(self.fits) - 1)
        return PoolScores(index_P=index_P, predicted_P=PREDICTED[index_P], log_odds_P=odds)

    def predict_test(self) -> Tensor | None:
        return None


def components(
    learner: FakeLearner, *, threshold: float | None = 0.982, ask: bool = True, **stop
) -> Components:
    # logit(0.982) = 3.999...: strictly above it are 6, 5 and 4.
    return Components(
        initial=FirstSeedSet(Amount(num=2, key="initial")),
        learner=learner,
        query=LeastConfidence(spread=1) if ask else None,
        auto_label=None if threshold is None else ThresholdPolicy(threshold=threshold),
        oracle=SimulatedOracle(TRUTH),
        stopping=standard_rules(**{"share": 0.15, **stop}),
        evaluator=TruthEvaluator(TRUTH),
    )


def run(learner: FakeLearner, made: Components, **plan):
    prose = {"keep": "permanent", "order": "auto_first", "remainder": "hand", "cost": FREE}
    plan = LoopPlan(**{"seed": 0, "question": Amount(num=2), **prose, **plan})
    return list(label_dataset(made, plan, LabelLedger.empty(10)))


def test_the_default_plan_step_by_step() -> None:
    learner = FakeLearner(gain=1.0)
    results = run(learner, components(learner))
    reports = [result.report for result in results]
    # Round 0: samples 0 and 1. Round 1: 2, 3, 4 are sure; 9 and 8 are asked. Left: 5, 6, 7.
    # Round 2 (odds + 1): only 5 (4.0 > 3.9997) is sure; 7 and 6 are asked. Left: none.
    assert [report.kind for report in reports] == ["seed", "round", "round", "closing"]
    assert [report.hand_new for report in reports] == [2, 2, 2, 0]
    assert [report.auto_new for report in reports] == [0, 3, 1, 0]
    assert [report.counts.unlabelled for report in reports] == [8, 3, 0, 0]
    assert reports[2].stopped_because == "every sample was labelled"
    assert learner.scored == [[2, 3, 4, 5, 6, 7, 8, 9], [5, 6, 7]]
    assert [fit.index_L.tolist() for fit in learner.fits] == [[0, 1], [0, 1, 2, 3, 4, 9, 8]]
    final = results[-1].ledger
    assert torch.equal(final.label_N, TRUTH)  # 6 and 7, which the learner has wrong, were asked
    assert final.source_N.tolist() == [1, 1, 6, 6, 6, 6, 2, 2, 2, 2]
    assert final.round_N.tolist() == [0, 0, 1, 1, 1, 2, 2, 2, 1, 1]


def test_hand_first_asks_before_auto_labelling() -> None:
    learner = FakeLearner()
    results = run(learner, components(learner, threshold=0.5), order="hand_first", question=Amount(num=3))
    # Asked first: 9, 8, 7. All the rest has odds above 0: auto-labelled, 6 wrongly.
    assert results[1].ledger.source_N.tolist() == [1, 1, 6, 6, 6, 6, 6, 2, 2, 2]
    assert results[1].report.counts.auto_label_error == pytest.approx(1 / 5)
    learner = FakeLearner()
    results = run(learner, components(learner, threshold=0.5), order="auto_first", question=Amount(num=3))
    assert results[1].report.hand_new == 0  # nothing was left to ask
    assert results[1].report.counts.mislabelled == 2


def test_a_share_of_the_pool_counts_the_samples_left_at_the_question() -> None:
    learner = FakeLearner()
    question = Amount(share=0.5, of="pool")
    auto_first = run(learner, components(learner), question=question)[1].report
    assert auto_first.hand_new == 2  # round(0.5 * 5), to even
    hand_first = run(learner, components(learner), question=question, order="hand_first")[1].report
    assert hand_first.hand_new == 4  # round(0.5 * 8)
    dataset = run(learner, components(learner), question=Amount(share=0.3, of="dataset"))[1].report
    assert dataset.hand_new == 3  # round(0.3 * 10)


def test_permanent_auto_labels_stay_and_rejudged_ones_return_to_the_pool() -> None:
    # The learner grows less sure by 2 a round: round 1 accepts 2, 3, 4; round 2 only what is above 6.
    for keep, pool, auto in (
        ("permanent", [5, 6, 7], [2, 3, 4]),
        ("rejudge", [2, 3, 4, 5, 6, 7], [2]),
    ):
        learner = FakeLearner(gain=-1.9)
        results = run(learner, components(learner, max_rounds=2), keep=keep, question=Amount(num=2))
        assert learner.scored[1] == pool
        assert results[2].ledger.index_auto.tolist() == auto
        # The classifier of round 2 was trained with the auto-labels of round 1 either way.
        assert learner.fits[1].index_L.tolist() == [0, 1, 2, 3, 4, 9, 8]


@pytest.mark.parametrize(
    ("remainder", "sources", "hand"),
    [("hand", [5, 5, 5], 7), ("auto", [6, 6, 6], 4), ("leave", [0, 0, 0], 4)],
)
def test_the_remainder_is_labelled_by_the_plan(remainder: str, sources: list[int], hand: int) -> None:
    learner = FakeLearner()
    results = run(learner, components(learner, max_rounds=1), remainder=remainder)
    closing = results[-1]
    assert closing.ledger.source_N[[5, 6, 7]].tolist() == sources
    assert closing.report.counts.hand_labels == hand
    assert closing.report.round == 2
    assert len(learner.fits) == 1
    if remainder == "auto":
        assert closing.ledger.log_odds_N[5:8].tolist() == [3.0, 2.0, 1.0]
        assert closing.report.counts.mislabelled == 2


def test_a_budget_is_never_exceeded_and_goes_to_the_least_confident() -> None:
    learner = FakeLearner()
    results = run(learner, components(learner, max_hand_labels=5), max_hand_labels=5, question=Amount(num=2))
    # 2 seed + 2 asked in round 1 + 1 in round 2 = 5; the remainder finds nothing left to spend.
    assert [result.report.counts.hand_labels for result in results] == [2, 4, 5, 5]
    assert results[2].ledger.source_N[7] == Source.QUERY
    assert results[-1].report.counts.unlabelled == 2
    learner = FakeLearner()
    results = run(learner, components(learner, max_rounds=1), max_hand_labels=5)
    assert results[-1].ledger.source_N[[5, 6, 7]].tolist() == [0, 0, Source.REMAINDER]


def test_stops_strictly_below_the_share() -> None:
    learner = FakeLearner()
    # Round 1 leaves 3 of 10: not less than 0.3, but less than 0.31.
    assert len([r for r in run(learner, components(learner, share=0.3)) if r.report.kind == "round"]) == 2
    learner = FakeLearner()
    assert len([r for r in run(learner, components(learner, share=0.31)) if r.report.kind == "round"]) == 1
    learner = FakeLearner()
    held_back = run(learner, components(learner, share=0.31, min_rounds=2))
    assert len([r for r in held_back if r.report.kind == "round"]) == 2


def test_a_round_without_a_new_label_ends_the_rounds() -> None:
    learner = FakeLearner()
    results = run(learner, components(learner, ask=False))
    assert [result.report.auto_new for result in results] == [0, 3, 0, 0]
    assert "added no label" in (results[2].report.stopped_because or "")
    assert results[-1].report.counts.hand_labels == 7  # the remainder, by hand


def test_rejudged_auto_labels_end_nothing_before_min_rounds() -> None:
    learner = FakeLearner()
    made = components(learner, threshold=1e-9, min_rounds=3)
    results = run(learner, made, keep="rejudge", question=Amount(num=1))
    # Everything is auto-labelled in each round, and one more sample asked in the next.
    assert [result.report.counts.unlabelled for result in results] == [8, 0, 0, 0, 0]
    assert results[3].report.stopped_because == "every sample was labelled"


def test_rejudging_without_questions_ends_without_progress() -> None:
    learner = FakeLearner(gain=-0.5)
    results = run(learner, components(learner, ask=False, min_rounds=2), keep="rejudge")
    # Sure of 2, 3, 4 in round 1; of 2 and 3 in round 2: no less is left than before.
    assert [result.report.counts.unlabelled for result in results[1:3]] == [5, 6]
    assert (
        results[2].report.stopped_because
        == "the round asked no question and did not reduce the unlabelled samples"
    )


def test_a_seed_set_beyond_the_budget_is_refused_before_it_is_asked() -> None:
    learner = FakeLearner()
    with pytest.raises(UserError, match="at least the seed set's 2 samples, got 1"):
        run(learner, components(learner), max_hand_labels=1)


def test_stopping_rules_see_no_truth() -> None:
    seen = []

    class Spy:
        def reason(self, report):
            seen.append(report)
            return "enough"

    learner = FakeLearner()
    made = Components(**{**components(learner).__dict__, "stopping": Spy()})
    results = run(learner, made)
    assert results[1].report.counts.mislabelled == 0
    counts = seen[0].counts
    assert counts.mislabelled is counts.mislabelled_share is counts.auto_label_error is None
    assert seen[0].test_accuracy is None


def test_plain_active_learning_accepts_nothing() -> None:
    learner = FakeLearner()
    results = run(learner, components(learner, threshold=None, max_rounds=2))
    assert all(result.report.counts.auto_label_error is None for result in results)
    assert results[-1].report.counts.hand_labels == 10


@pytest.mark.parametrize("threshold", [1e-9, 1 - 1e-9])
def test_all_above_and_none_above_the_threshold(threshold: float) -> None:
    learner = FakeLearner()
    report = run(learner, components(learner, threshold=threshold, max_rounds=1))[1].report
    assert report.auto_new == (8 if threshold < 0.5 else 0)


def test_a_pool_of_one_class_is_labelled_by_hand_to_its_end() -> None:
    learner = FakeLearner()
    one_class = replace(components(learner), oracle=SimulatedOracle(torch.zeros(10, dtype=torch.int64)))
    results = run(learner, one_class)
    assert [result.report.kind for result in results] == ["seed", "closing"]
    assert results[-1].report.counts.hand_labels == 10
    assert learner.fits == []


def test_a_budget_that_ends_before_the_second_class_is_refused() -> None:
    learner = FakeLearner()
    one_class = replace(components(learner), oracle=SimulatedOracle(torch.zeros(10, dtype=torch.int64)))
    with pytest.raises(UserError, match=r"at least two classes, got 1 in 5 answers. Write a larger stopping"):
        run(learner, one_class, max_hand_labels=5)


@pytest.mark.parametrize(
    "amount",
    [
        Amount(default_share=0.01, default_at_least=60, key="initial"),
        Amount(num=10, key="initial"),
        Amount(share=1.0, key="initial"),
    ],
)
def test_a_seed_set_as_large_as_the_data_set_labels_all_by_hand(amount: Amount) -> None:
    learner = FakeLearner()
    with pytest.warns(
        TrialNotice, match=r"^initial: the seed set takes all 10 samples: they are labelled by"
    ):
        results = run(learner, replace(components(learner), initial=FirstSeedSet(amount)))
    assert [result.report.kind for result in results] == ["seed", "closing"]
    assert torch.equal(results[-1].ledger.label_N, TRUTH)
    assert learner.fits == learner.scored == []
    # The same from the state after the seed set, as after a kill.
    made = replace(components(learner), initial=FirstSeedSet(amount))
    plan = LoopPlan(
        seed=0, question=Amount(num=2), keep="rejudge", order="auto_first", remainder="hand", cost=FREE
    )
    (closing,) = label_dataset(made, plan, results[0])
    assert closing.report.kind == "closing"


def test_a_larger_seed_set_than_the_data_set_is_refused_with_numbers() -> None:
    made = replace(components(FakeLearner()), initial=FirstSeedSet(Amount(num=60, key="initial")))
    with pytest.raises(ConfigError) as caught:
        run(FakeLearner(), made)
    assert str(caught.value) == (
        "initial.num: expected at most the data set's 10 samples, got 60. initial.num=10 labels all by hand."
    )


def test_an_empty_first_question_is_refused_before_training() -> None:
    learner = FakeLearner()
    with pytest.raises(UserError, match=r"query.share: .* at least one of 8 samples, got 0.01"):
        run(learner, components(learner), question=Amount(share=0.01, of="pool"))
    assert learner.fits == []


def test_the_closing_row_and_round_zero_add_up() -> None:
    learner = FakeLearner()
    reports = [result.report for result in run(learner, components(learner, max_rounds=1))]
    assert sum(report.hand_new for report in reports) == reports[-1].counts.hand_labels
    assert [report.round for report in reports] == [0, 1, 2]
    assert list(reports[1].row().to_csv())[:4] == ["round", "train_samples", "train_steps", "train_seconds"]
