"""A small trial for trackers: five samples of a file of six, a seed set, a round and a closing row."""

import pytest
import torch

from alframe.core.ledger import LabelLedger, Source
from alframe.core.reports import Counts, FitReport, RoundReport
from alframe.core.trial_summary import TrialSummary
from alframe.tracking import Outcome, TrialInfo


@pytest.fixture(scope="session")
def make_ledger():
    """Makes the ledger: 0 is in the seed set, 2 was asked, 1 and 5 are predictions, 3 takes no part."""

    def make():
        member_N = torch.tensor([True, True, True, False, True, True])
        ledger = LabelLedger.empty(6, member_N)
        ledger = ledger.commit(torch.tensor([0]), torch.tensor([1]), Source.SEED, 0)
        ledger = ledger.commit(torch.tensor([2]), torch.tensor([0]), Source.QUERY, 1)
        return ledger.commit(
            torch.tensor([5, 1]), torch.tensor([1, 0]), Source.AUTO, 1, torch.tensor([20.0, 2.0])
        )

    return make


@pytest.fixture(scope="session")
def make_counts():
    def make(hand, auto, wrong=0, auto_error=None, n_samples=5):
        return Counts(
            n_samples=n_samples,
            hand_labels=hand,
            auto_labels=auto,
            unlabelled=n_samples - hand - auto,
            mislabelled=wrong,
            mislabelled_share=None if wrong is None else wrong / n_samples,
            auto_label_error=auto_error,
        )

    return make


@pytest.fixture(scope="session")
def reports(make_counts):
    """The seed set's report, a round's and the closing one."""
    return [
        RoundReport(
            kind="seed",
            round=0,
            counts=make_counts(1, 0),
            hand_new=1,
            auto_new=0,
            unlabelled_before=4,
            seconds=0.25,
        ),
        RoundReport(
            kind="round",
            round=1,
            counts=make_counts(2, 2, wrong=1, auto_error=0.5),
            hand_new=1,
            auto_new=2,
            unlabelled_before=4,
            fit=FitReport(samples=1, steps=30, epochs=None, loss=1 / 3, seconds=2.5),
            score_seconds=0.125,
            threshold=0.75,
            test_accuracy=0.9,
            seconds=61.0,
            cost=0.12,
        ),
        RoundReport(
            kind="closing",
            round=2,
            counts=make_counts(3, 2, wrong=1, auto_error=0.5),
            hand_new=1,
            auto_new=0,
            unlabelled_before=1,
            seconds=0.5,
        ),
    ]


@pytest.fixture(scope="session")
def make_info():
    def make(directory, **changes):
        settings = {
            "directory": directory,
            "config": {
                "seed": 8,
                "data": {"name": "toy", "limit": None},
                "data_dir": "/home/someone/data",
                "learner": {
                    "optimizer": {
                        "_target_": "torch.optim.AdamW",
                        "_partial_": True,
                        "lr": 0.5,
                        "betas": [0.9, 0.99],
                    }
                },
                "query": {"_target_": "alframe.query.Margin"},
                "tracker": {"project": "toys", "entity": "someone"},
                "chosen": {"device": "cpu", "precision": "float32", "engine": "reference"},
            },
            "chosen": {"device": "cpu", "precision": "float32", "engine": "reference"},
            "seed": 8,
            "name": "toy-8",
            "group": "a-sweep",
            "data": "toy",
            "n_samples": 5,
            "n_classes": 2,
            "min_rounds": 1,
            "max_rounds": None,
            "choices": {"query": "margin", "auto_label": "top_k"},
        }
        return TrialInfo(**(settings | changes))

    return make


@pytest.fixture(scope="session")
def summary():
    content = {
        "n_samples": 5,
        "n_classes": 2,
        "rounds": 1,
        "hand_labels": 3,
        "hand_share": 0.6,
        "auto_labels": 2,
        "coverage": 0.4,
        "mislabelled": 1,
        "mislabelled_share": 0.2,
        "auto_label_error": 0.5,
        "test_accuracy": 0.9,
        "seconds": 75.4,
        "data": "toy",
        "versions": {"python": "3"},
        "stopped_because": "every sample was labelled",
        "certificate": None,
        "cost": None,
        "per_class": None,
        "mislabelled_share_macro": None,
        "train_seconds": 60.0,
        "score_seconds": 5.0,
        "seed": 8,
    }
    return TrialSummary.from_json(content)


@pytest.fixture(scope="session")
def make_outcome(make_ledger):
    """Makes an outcome of the trial, in which sample 1 is wrong: a 0 that should be a 1."""

    def make(status="finished", summary=None, **changes):
        settings = {
            "status": status,
            "ledger": make_ledger(),
            "summary": summary,
            "reason": "the reason",
            "mislabelled": (torch.tensor([1]), torch.tensor([1])),
            "image": lambda index: torch.full((1, 4, 4), index, dtype=torch.uint8),
            "class_names": ("no", "yes"),
        }
        return Outcome(**(settings | changes))

    return make
