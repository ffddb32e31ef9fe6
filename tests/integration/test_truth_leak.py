"""Truth is locked up: nothing that a trial selects may depend on labels nobody gave it."""

import pytest
import torch

from alframe.audit.label_counts import TruthEvaluator
from alframe.auto_label import ConsensusPolicy, ThresholdPolicy, ValidatedPolicy
from alframe.core.components import Components
from alframe.core.ledger import LabelLedger
from alframe.core.loop import label_dataset
from alframe.core.loop_plan import Amount, LoopPlan
from alframe.data import ImageBank
from alframe.learner import CNNLearner, FastCNN, ReferenceEngine
from alframe.learner.final_fit import FinalFit
from alframe.learner.scoring.committee import Committee
from alframe.learner.scoring.test_time_augmentation import Views
from alframe.oracle import SimulatedOracle
from alframe.query import Bald, Coreset, Margin, ProbCover, TypiClust
from alframe.query.seed_sets import RandomSeedSet
from tests.support.helpers import small_recipe
from tests.support.settings import FREE, standard_rules


def judged(bound: str = "sigma", **options) -> ValidatedPolicy:
    return ValidatedPolicy(
        **{
            "validation_size": 30,
            "tolerance": 0.3,
            "bound": bound,
            "group": "joint",
            "delta": 0.05,
            "sigma_weight": 0.25,
            "min_support": 5,
            "num_cuts": 20,
            **options,
        }
    )


def label(dataset, truth_N, cpu, keep="rejudge", order="auto_first", final=None, **components) -> LabelLedger:
    learner = CNNLearner(
        bank=ImageBank(dataset.images_N),
        test_bank=None,
        member_N=torch.ones(len(dataset), dtype=torch.bool),
        n_classes=3,
        network=lambda **sizes: FastCNN(**sizes, widths=[8, 8], grid=1, dropout=0.0),
        recipe=small_recipe(steps=12),
        engine=ReferenceEngine(cpu),
        compute=cpu,
        seed=5,
        ensemble=2,
        scoring_batch_size=512,
        warm_start=True,
        committee=Committee(kind="last_layer", passes=3, dropout=0.25),
        final=final,
    )
    made = {
        "initial": RandomSeedSet(Amount(num=9)),
        "query": Margin(spread=2),
        "auto_label": ThresholdPolicy(threshold=0.6),
        "stopping": standard_rules(share=0.01, max_rounds=3),
    }
    components = Components(
        **{**made, **components},
        learner=learner,
        oracle=SimulatedOracle(truth_N),
        evaluator=TruthEvaluator(truth_N),
    )
    plan = LoopPlan(
        seed=5,
        question=Amount(num=4),
        keep=keep,
        order=order,
        remainder="leave",
        cost=FREE,
        final_fit=final is not None,
    )
    *_, last = label_dataset(components, plan, LabelLedger.empty(len(dataset)))
    return last.ledger


WAYS = {
    "permanent": {"keep": "permanent"},
    "rejudge": {"keep": "rejudge"},
    "validated, hand first": {"auto_label": judged(), "order": "hand_first"},
    "validated, permanent": {"auto_label": judged(), "keep": "permanent"},
    "final fit": {"final": FinalFit(networks=2, warm=0, steps=4, views=Views(n=2, share=0.5, strength=1.0))},
    "bald": {"query": Bald(max_candidates=50)},
    "coreset": {"query": Coreset(max_candidates=None)},
    "typiclust": {"query": TypiClust(max_candidates=None, max_clusters=9, min_cluster=2, neighbours=5)},
    "probcover": {"query": ProbCover(max_candidates=60, purity=0.9)},
    "consensus": {"auto_label": ConsensusPolicy(threshold=0.9)},
}


@pytest.mark.parametrize("way", WAYS)
def test_shuffling_the_truth_of_unasked_samples_has_no_effect(make_dataset, cpu, way: str) -> None:
    dataset = make_dataset(n=120)
    before = label(dataset, dataset.truth_N, cpu, **WAYS[way])
    asked_N = (before.source_N > 0) & (before.source_N < 6)
    unknown = (~asked_N).nonzero().flatten()
    assert 15 < int(asked_N.sum()) < 60
    truth_N = dataset.truth_N.clone()
    truth_N[unknown] = (truth_N[unknown] + 1) % 3
    after = label(dataset, truth_N, cpu, **WAYS[way])
    for column in ("label_N", "source_N", "round_N", "order_N"):
        assert torch.equal(getattr(after, column), getattr(before, column))
    assert torch.equal(after.log_odds_N.nan_to_num(-1), before.log_odds_N.nan_to_num(-1))
