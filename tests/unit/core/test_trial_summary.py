"""summary.json and rounds.csv: the record that is read is the record that was written."""

import csv
import io
import json
from dataclasses import fields, replace

import pytest

from alframe.core.check_result import CheckResult
from alframe.core.reports import Certificate, RoundRow
from alframe.core.trial_summary import OBJECTIVES, TrialSummary

ROW = RoundRow(
    round=1,
    train_samples=600,
    train_loss=0.1 + 0.2,
    hand_new=10,
    auto_new=7,
    hand_labels=610,
    auto_labels=7,
    unlabelled=0,
    coverage=1 / 3,
    seconds=2.5,
    kind="round",
    note='a comma, a "quote"',
)
CERTIFICATE = Certificate(
    tolerance=0.01,
    confidence=0.95,
    audited=10,
    asked=12,
    found_wrong=1,
    max_wrong=3,
    max_wrong_share=0.003,
    reached=True,
    method="uniform",
    assumes="right answers",
)
CHECK = CheckResult(
    n_auto=55,
    asked=20,
    found_wrong=1,
    undecided=0,
    confidence=0.95,
    error_share=0.05,
    least_share=0.02,
    most_share=0.2,
    most_left=10,
    warn=True,
    simulated=False,
)
SUMMARY = TrialSummary(
    n_samples=100,
    n_classes=10,
    rounds=2,
    hand_labels=45,
    hand_share=0.45,
    auto_labels=55,
    coverage=0.55,
    mislabelled=None,
    mislabelled_share=None,
    auto_label_error=None,
    test_accuracy=None,
    seconds=10.0,
    train_seconds=6.0,
    score_seconds=1.5,
    seed=0,
    versions={"torch": "2.11", "wandb": None},
    certificate=CERTIFICATE,
    check=CHECK,
)


def test_a_row_read_back_from_csv_is_the_row_that_was_written() -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(ROW.to_csv()))
    writer.writeheader()
    writer.writerow(ROW.to_csv())
    (cells,) = csv.DictReader(io.StringIO(text.getvalue()))
    assert RoundRow.from_csv(cells) == ROW


def test_the_first_columns_of_rounds_csv_are_those_of_the_contract() -> None:
    contract = (
        "round, train_samples, train_steps, train_seconds, score_seconds, hand_new, auto_new, hand_labels, "
        "auto_labels, unlabelled, mislabelled, mislabelled_share, auto_label_error, coverage, threshold, "
        "test_accuracy, seconds"
    )
    assert [field.name for field in fields(RoundRow)][:17] == contract.split(", ")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hand_new": "many"}, "expected a number as hand_new, got 'many'"),
        ({"hand_new": "1.5"}, "expected a number as hand_new, got '1.5'"),
        ({"coverage": "inf"}, "expected a number as coverage, got inf"),
        ({"hand_labels": ""}, "expected a number as hand_labels, got None"),
        ({"kind": "middle"}, "expected seed or round or closing as kind, got 'middle'"),
    ],
)
def test_a_cell_that_cannot_be_read_is_named(changes: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RoundRow.from_csv(ROW.to_csv() | changes)


def test_optional_columns_may_be_missing_and_unknown_ones_are_ignored() -> None:
    cells = {key: text for key, text in ROW.to_csv().items() if key not in ("train_loss", "note")}
    assert RoundRow.from_csv({**cells, "more": "x"}) == replace(ROW, train_loss=None, note=None)
    del cells["hand_new"]
    with pytest.raises(ValueError, match="hand_new"):
        RoundRow.from_csv(cells)


def test_a_summary_read_back_from_json_is_the_one_that_was_written() -> None:
    assert TrialSummary.from_json(json.loads(json.dumps(SUMMARY.to_json()))) == SUMMARY
    bare = replace(SUMMARY, certificate=None, check=None)
    assert TrialSummary.from_json(json.loads(json.dumps(bare.to_json()))) == bare
    older = {key: value for key, value in bare.to_json().items() if key != "check"}
    assert TrialSummary.from_json(older) == bare


def test_the_keys_of_summary_json_are_those_of_the_contract() -> None:
    contract = (
        "n_samples, n_classes, rounds, hand_labels, hand_share, auto_labels, coverage, mislabelled, "
        "mislabelled_share, auto_label_error, test_accuracy, seconds, train_seconds, score_seconds, seed, "
        "device, engine, precision, data, versions, stopped_because, certificate, cost, per_class, "
        "mislabelled_share_macro"
    )
    keys = contract.split(", ")
    assert list(SUMMARY.to_json())[: len(keys)] == keys  # more keys may follow


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hand_labels": None}, "expected a number as hand_labels, got None"),
        ({"seed": True}, "expected a number as seed, got True"),
        ({"n_samples": 0}, "expected samples, got n_samples 0"),
        ({"certificate": 3}, "expected an object or null as certificate, got 3"),
        ({"check": "good"}, "expected an object or null as check, got 'good'"),
        ({"check": {}}, "check: expected a number as n_auto, got None"),
        ({"certificate": {}}, "certificate: expected a number as tolerance, got None"),
    ],
)
def test_a_figure_that_cannot_be_read_is_named(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TrialSummary.from_json(SUMMARY.to_json() | changes)


def test_a_figure_that_may_be_none_is_still_required() -> None:
    content = SUMMARY.to_json()
    del content["mislabelled"]
    with pytest.raises(ValueError, match="expected a number as mislabelled"):
        TrialSummary.from_json(content)


def test_a_search_optimises_figures_of_the_summary() -> None:
    assert set(OBJECTIVES) <= {field.name for field in fields(TrialSummary)}
