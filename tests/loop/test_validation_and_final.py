"""The validation set, the close look at candidates and the final fit within the loop, with a fake learner."""

from dataclasses import dataclass, field, replace

import pytest
import torch
from torch import Tensor

from alframe.audit.label_counts import TruthEvaluator
from alframe.auto_label import ThresholdPolicy
from alframe.core.components import Components
from alframe.core.errors import ConfigError, TrialError
from alframe.core.ledger import LabelLedger, Source
from alframe.core.loop import RoundResult, label_dataset
from alframe.core.loop_plan import Amount, LoopPlan
from alframe.core.records import Accepted, Labelled, PoolScores, Validation
from alframe.core.reports import FitReport
from alframe.oracle import SimulatedOracle
from alframe.query import LeastConfidence, Schedule
from alframe.query.seed_sets import FirstSeedSet
from tests.support.settings import FREE, standard_rules

N = 200
TRUTH = torch.arange(N) % 2
ODDS = torch.linspace(-1.0, 8.0, N)[torch.randperm(N, generator=torch.Generator().manual_seed(3))]


@dataclass
class FakeLearner:
    """A learner with the log-odds `ODDS`, right about all samples; records its calls."""

    fits: list[Labelled] = field(default_factory=list)
    finals: list[bool] = field(default_factory=list)
    looks: list[tuple[list[int], frozenset[str]]] = field(default_factory=list)

    def fit(self, labelled: Labelled, round: int, *, final: bool = False) -> FitReport:
        self.fits.append(labelled)
        self.finals.append(final)
        return FitReport(samples=len(labelled), steps=1, epochs=None, loss=0.0, seconds=0.0)

    def score(self, index_P: Tensor, needs: frozenset[str]) -> PoolScores:
        self.looks.append((index_P.tolist(), needs))
        features = torch.ones(len(index_P), 2) * index_P[:, None] if "features" in needs else None
        optional = {"features_PD": features, "log_probs_PC": features if "log_probs" in needs else None}
        return PoolScores(index_P=index_P, predicted_P=TRUTH[index_P], log_odds_P=ODDS[index_P], **optional)

    def predict_test(self) -> Tensor | None:
        return None


@dataclass
class JudgingPolicy:
    """A threshold that says which of its validation samples would have been accepted."""

    validation_size: int = 60
    needs: frozenset[str] = frozenset()
    seen: list[Validation] = field(default_factory=list)

    def accept(self, scores: PoolScores, validation: Validation, generator: torch.Generator) -> Accepted:
        self.seen.append(validation)
        accepted = ThresholdPolicy(threshold=0.99).accept(scores, None, generator)
        return replace(accepted, inside_V=validation.scores.log_odds_P > 4.5951, note="judged")


@dataclass
class CloseLooker:
    needs: frozenset[str] = frozenset({"features", "labelled_features", "labelled_log_probs"})
    saw: list[tuple[PoolScores, Labelled]] = field(default_factory=list)

    def candidates(self, scores: PoolScores, n: int, generator: torch.Generator) -> Tensor:
        return scores.index_P[:7]

    def select(self, scores: PoolScores, labelled: Labelled, n: int, generator: torch.Generator) -> Tensor:
        self.saw.append((scores, labelled))
        return scores.index_P[:n]


def run(
    learner: FakeLearner, query=None, policy=None, *, stop=None, oracle=None, **plan
) -> list[RoundResult]:
    components = Components(
        initial=FirstSeedSet(Amount(num=10, key="initial")),
        learner=learner,
        query=query or LeastConfidence(spread=1),
        auto_label=policy,
        oracle=oracle or SimulatedOracle(TRUTH),
        stopping=standard_rules(**{"share": 0.01, "max_rounds": 2, **(stop or {})}),
        evaluator=TruthEvaluator(TRUTH),
    )
    readings = {"keep": "permanent", "order": "auto_first", "remainder": "leave", "cost": FREE}
    plan = LoopPlan(**{"seed": 0, "question": Amount(num=20), **readings, **plan})
    return list(label_dataset(components, plan, LabelLedger.empty(N)))


def test_validation_labels_are_counted_and_never_learned_from() -> None:
    learner, policy = FakeLearner(), JudgingPolicy()
    results = run(learner, policy=policy)
    assert results[0].report.counts.hand_labels == 70
    drawn = results[0].validation_V
    assert len(drawn) == 60
    assert (results[-1].ledger.source_N[drawn] == Source.VALIDATION).all()
    for fit in learner.fits:
        assert not set(fit.index_L.tolist()) & set(drawn.tolist())
        assert set(drawn.tolist()) <= set(fit.pool_P.tolist())
    assert torch.equal(policy.seen[0].scores.index_P, drawn)
    assert torch.equal(policy.seen[0].label_V, TRUTH[drawn])
    assert results[1].report.note == "judged"


@pytest.mark.parametrize("keep", ["permanent", "rejudge"])
@pytest.mark.parametrize("order", ["auto_first", "hand_first"])
def test_the_validation_set_keeps_matching_the_pool(keep: str, order: str) -> None:
    policy = JudgingPolicy()
    results = run(FakeLearner(), query=Least(spread=1), policy=policy, keep=keep, order=order)
    drawn, left = results[0].validation_V, results[1].validation_V
    asked = (results[1].ledger.source_N == Source.QUERY).nonzero().flatten()
    cut = ODDS[asked].max()
    gone = ODDS[drawn] <= cut  # all of the pool at or below the cut were asked
    if keep == "permanent":
        gone |= ODDS[drawn] > 4.5951
    assert left.tolist() == drawn[~gone].tolist()
    if order == "auto_first":
        assert policy.seen[1].scores.index_P.tolist() == left.tolist()
    else:  # what was asked before the policy is gone from the pool, and so is the like of it
        assert policy.seen[0].scores.index_P.tolist() == drawn[ODDS[drawn] > cut].tolist()


class Least(LeastConfidence):
    def value(self, scores: PoolScores) -> Tensor:
        return scores.log_odds_P


def test_error_among_the_most_confident_reaches_the_stopping_rule() -> None:
    results = run(FakeLearner(), policy=JudgingPolicy())
    shares = [share for share, _ in results[1].report.validation_errors]
    assert shares[0] == 0.05
    assert shares[-1] == 1.0
    assert {error for _, error in results[1].report.validation_errors} == {0.0}


def test_costly_scores_are_computed_for_candidates_only() -> None:
    learner, query = FakeLearner(), CloseLooker()
    results = run(learner, query=query, question=Amount(num=3))
    looks = [(len(index), sorted(needs)) for index, needs in learner.looks]
    # Round 1: the pool of 190 by logits alone, then 7 candidates and the 10 labelled samples.
    assert looks[:3] == [(190, []), (7, ["features"]), (10, ["features", "log_probs"])]
    scores, labelled = query.saw[0]
    assert scores.index_P.tolist() == list(range(10, 17))
    assert labelled.features_LD[:, 0].tolist() == labelled.index_L.tolist()
    assert labelled.log_probs_LC[:, 0].tolist() == labelled.index_L.tolist()
    assert results[1].report.hand_new == 3


def test_only_the_needs_of_the_strategy_in_force_are_computed() -> None:
    learner, looker = FakeLearner(), CloseLooker()
    query = Schedule(first=looker, then=LeastConfidence(spread=1), labels_per_class=8, n_classes=2)
    results = run(learner, query=query, stop={"share": 0, "max_rounds": 2})
    details = [needs for _, needs in learner.looks if needs]
    assert details == [{"features"}, {"features", "log_probs"}]  # of the first round alone
    assert len(looker.saw) == 1
    asked = results[-1].ledger.round_N == 2
    left = results[1].ledger.index_unlabelled
    assert ODDS[asked].sort().values.equal(ODDS[left].sort().values[:20])


def test_the_final_fit_asks_nothing_and_decides_the_remainder() -> None:
    learner = FakeLearner()
    results = run(learner, final_fit=True, remainder="auto")
    assert learner.finals == [False, False, True]
    assert [result.report.kind for result in results] == ["seed", "round", "round", "round", "closing"]
    assert [result.report.hand_new for result in results] == [10, 20, 20, 0, 0]
    assert results[2].report.stopped_because == results[3].report.stopped_because
    assert len(learner.fits[2]) == 50  # it has learned from the last answers
    assert results[-1].report.counts.unlabelled == 0


def test_the_cost_is_the_sum_of_prices() -> None:
    results = run(FakeLearner(), cost=replace(FREE, hand_label=0.5))
    assert [result.report.cost for result in results] == [5.0, 15.0, 25.0, 25.0]


def test_a_validation_set_beyond_budget_or_data_set_is_refused_before_it_is_asked() -> None:
    with pytest.raises(ConfigError, match="seed set's 10 and the validation set's 60 samples, got 50"):
        run(FakeLearner(), policy=JudgingPolicy(), max_hand_labels=50)
    with pytest.raises(ConfigError) as caught:
        run(FakeLearner(), policy=JudgingPolicy(validation_size=190))
    assert str(caught.value) == (
        "auto_label.validation_size: expected fewer samples than the seed set of 10 leaves (190), got 190. "
        "Write auto_label.validation_size=95."
    )


@dataclass
class Faulty:
    """Selects the given indices."""

    selects: object
    looks_at: object = None
    needs: frozenset[str] = frozenset()

    def candidates(self, scores: PoolScores, n: int, generator: torch.Generator) -> Tensor:
        return scores.index_P if self.looks_at is None else self.looks_at

    def select(self, scores: PoolScores, labelled: Labelled, n: int, generator: torch.Generator) -> Tensor:
        return self.selects


@pytest.mark.parametrize(
    ("strategy", "said"),
    [
        (Faulty(torch.tensor([50, 50])), "select each sample once"),
        (Faulty(torch.tensor([-1])), "to be in the pool"),
        (Faulty(torch.tensor([3])), "to be in the pool"),  # of the seed set
        (Faulty(torch.tensor([10**6])), "to be in the pool"),
        (Faulty(torch.tensor([50.0])), r"int64 \(n,\), got torch.float32"),
        (Faulty(torch.zeros(190, dtype=torch.bool)), "got torch.bool"),
        (Faulty(None), "got NoneType"),
        (Faulty(torch.arange(50, 90)), "at most 20 samples, got 40"),
        (
            Faulty(torch.tensor([50]), looks_at=torch.tensor([0])),
            "the candidates of Faulty to be in the pool",
        ),
    ],
)
def test_an_invalid_selection_is_refused_before_the_oracle_is_asked(strategy, said) -> None:
    asked = []

    class Oracle(SimulatedOracle):
        def label(self, index_Q: Tensor) -> Tensor:
            asked.append(index_Q)
            return super().label(index_Q)

    with pytest.raises(TrialError, match=said):
        run(FakeLearner(), query=strategy, oracle=Oracle(TRUTH))
    assert len(asked) == 1  # the seed set


def test_a_budget_spent_by_seed_set_and_validation_set_stops_the_rounds() -> None:
    results = run(FakeLearner(), policy=JudgingPolicy(), max_hand_labels=70, keep="permanent")
    assert results[-2].report.stopped_because == "stopping.max_hand_labels=70 was reached"
