"""Truth is locked up: nothing that a trial selects may depend on labels nobody gave it."""

import torch

from alframe.audit import Audit
from alframe.auto_label import ThresholdPolicy
from alframe.data import ImageBank
from alframe.initial import RandomSeedSet
from alframe.learner import CNNLearner, FastCNN, ReferenceEngine
from alframe.ledger import LabelLedger
from alframe.loop import label_dataset
from alframe.oracle import SimulatedOracle
from alframe.plan import Plan
from alframe.query import Margin
from alframe.rooms import Amount, Rooms
from alframe.stopping import standard
from tests.helpers import small_recipe


def label(dataset, truth_N, cpu, keep) -> LabelLedger:
    learner = CNNLearner(
        bank=ImageBank(dataset.images_N),
        test_bank=None,
        member_N=torch.ones(len(dataset), dtype=torch.bool),
        n_classes=3,
        network=lambda **sizes: FastCNN(**sizes, widths=[8, 8], grid=1),
        recipe=small_recipe(steps=12),
        engine=ReferenceEngine(cpu),
        compute=cpu,
        seed=5,
        ensemble=2,
        warm_start=True,
    )
    rooms = Rooms(
        initial=RandomSeedSet(Amount(num=9)),
        learner=learner,
        query=Margin(spread=2),
        auto_label=ThresholdPolicy(0.6),
        oracle=SimulatedOracle(truth_N),
        stopping=standard(share=0.01, max_rounds=3),
        audit=Audit(truth_N),
    )
    plan = Plan(seed=5, question=Amount(num=4), keep=keep, order="auto_first", remainder="leave")
    *_, last = label_dataset(rooms, plan, LabelLedger.empty(len(dataset)))
    return last.ledger


def test_shuffling_the_truth_that_nobody_asked_for_changes_nothing(make_dataset, cpu) -> None:
    dataset = make_dataset(n=120)
    for keep in ("permanent", "rejudge"):
        before = label(dataset, dataset.truth_N, cpu, keep)
        asked_N = (before.source_N > 0) & (before.source_N < 6)
        unknown = (~asked_N).nonzero().flatten()
        assert 15 < int(asked_N.sum()) < 60
        truth_N = dataset.truth_N.clone()
        truth_N[unknown] = (truth_N[unknown] + 1) % 3
        after = label(dataset, truth_N, cpu, keep)
        for column in ("label_N", "source_N", "round_N", "order_N"):
            assert torch.equal(getattr(after, column), getattr(before, column))
        assert torch.equal(after.log_odds_N.nan_to_num(-1), before.log_odds_N.nan_to_num(-1))
