"""Where auto-labels go wrong, counted by hand and against scikit-learn."""

import math

import pytest
import torch
from sklearn.metrics import confusion_matrix

from alframe.audit.label_counts import TruthEvaluator
from alframe.audit.reliability import EDGES, diagnose, diagnosis_to_dict, most_confident, reliability
from alframe.core.ledger import LabelLedger, Source
from alframe.core.log_odds import logit


def ledger_of(label, log_odds, hands=()):
    ledger = LabelLedger.empty(len(label) + len(hands))
    given = torch.arange(len(label))
    ledger = ledger.commit(given, torch.tensor(label), Source.AUTO, 1, torch.tensor(log_odds))
    if hands:
        at = torch.arange(len(hands)) + len(label)
        ledger = ledger.commit(at, torch.tensor(hands), Source.QUERY, 1)
    return ledger


def test_only_auto_labels_are_in_the_confusion_rows_truth_columns_label():
    ledger = ledger_of([0, 1, 1, 2], [1.0, 1.0, 1.0, 1.0], hands=[2, 0])
    diagnosis = diagnose(ledger, torch.tensor([0, 1, 2, 2, 0, 0]), 3)
    assert diagnosis.confusion_CC.tolist() == [[1, 0, 0], [0, 1, 0], [0, 1, 1]]


def test_the_confusion_is_that_of_scikit_learn():
    generator = torch.Generator().manual_seed(3)
    label, truth = (torch.randint(0, 7, (500,), generator=generator) for _ in range(2))
    diagnosis = diagnose(ledger_of(label.tolist(), [1.0] * 500), truth, 7)
    assert (diagnosis.confusion_CC.numpy() == confusion_matrix(truth, label, labels=range(7))).all()


def test_bins_by_hand():
    edge = logit(0.9)
    odds = torch.tensor([-1.0, edge, edge + 1e-3, 50.0, math.inf], dtype=torch.float64)
    bins = reliability(odds, torch.tensor([True, False, True, False, True]))
    assert [(each.n, each.wrong) for each in bins] == [(1, 1), (1, 0), (1, 1), (2, 1)]
    assert bins[0].low is None
    assert bins[-1].high is None
    assert bins[1].high == pytest.approx(edge) == bins[2].low
    assert bins[0].confidence == pytest.approx(1 / (1 + math.e))
    assert bins[-1].confidence == pytest.approx(1)


def test_every_auto_label_is_in_one_bin():
    odds = torch.randn(1000, generator=torch.Generator().manual_seed(0)) * 8
    wrong = odds < 1
    bins = reliability(odds, wrong)
    assert sum(each.n for each in bins) == 1000
    assert sum(each.wrong for each in bins) == int(wrong.sum())
    assert sum(each.n * each.confidence for each in bins) == pytest.approx(
        float(odds.double().sigmoid().sum())
    )
    assert len(bins) == len(EDGES) + 1


def test_without_auto_labels_or_truth_it_is_empty():
    assert reliability(torch.empty(0), torch.empty(0, dtype=torch.bool)) == ()
    assert TruthEvaluator(None).diagnosis(ledger_of([0], [1.0]), 2) is None
    assert diagnosis_to_dict(None) == {"confusion": None, "reliability": None}


def test_the_most_confident_are_first_and_hand_labels_last():
    ledger = ledger_of([0, 0, 0], [1.0, 9.0, 5.0], hands=[1])
    positions = most_confident(ledger, torch.tensor([0, 1, 2, 3]), 4)
    assert positions.tolist() == [1, 2, 0, 3]
    assert most_confident(ledger, torch.tensor([0, 1, 2, 3]), 2).tolist() == [1, 2]
