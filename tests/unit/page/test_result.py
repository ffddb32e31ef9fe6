"""What the page says of a trial that has ended."""

from dataclasses import replace
from pathlib import Path

import pytest

from alframe.core.answer_times import AnswerTimes
from alframe.page.result import audit_result, result_of, sentences
from tests.unit.page.test_forecast import CERTIFICATE, CHECK, SUMMARY


def test_the_labels_by_people_and_by_the_classifier_and_what_is_proven():
    times = AnswerTimes(n_single=90, single_seconds=60.0, n_grid=250, n_grids=5, grid_seconds=30.0)
    summary = replace(SUMMARY, certificate=CERTIFICATE, set_aside=10, hand_labels=350, answer_times=times)
    assert sentences(replace(summary, auto_labels=650)) == [
        "990 of 1,000 images have a label: 340 by people, 650 by the classifier.",
        "At most 15 labels (1.50 %) are wrong, with 95 % confidence: as wanted.",
        "10 images without a class: nobody can tell, none, or broken.",
        "340 answers in 1.5 minutes of people's time.",
    ]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"certificate": replace(CERTIFICATE, reached=False)},
            "At most 15 labels (1.50 %) are wrong, with 95 % confidence: 2.00 % was wanted.",
        ),
        (
            {"certificate": replace(CERTIFICATE, max_wrong=0, max_wrong_share=0.0)},
            "No label is wrong if every answer is right: as wanted.",
        ),
        (
            {"check": CHECK},
            "At most 6.00 % of the classifier's labels are wrong (95 % confidence; 3 of 100 that people "
            "checked were).",
        ),
        ({}, "Nobody has checked the classifier's labels."),
    ],
)
def test_what_is_known_about_errors(changes, expected):
    assert sentences(replace(SUMMARY, **changes))[1] == expected


@pytest.mark.parametrize(
    ("checks", "expected"),
    [
        ((None, None), []),
        ((30, 4), ["4 of 30 predictions that people checked were wrong."]),
        (
            (40, 0),
            [
                "All 40 predictions that people checked were right, but more checks are needed before the "
                "classifier labels on its own."
            ],
        ),
    ],
)
def test_a_trial_without_auto_labels_says_why(checks, expected):
    n, wrong = checks
    by_hand = {"hand_labels": 1000, "auto_labels": 0, "certificate": replace(CERTIFICATE, found_wrong=0)}
    assert sentences(replace(SUMMARY, **by_hand, spot_checks=n, spot_checks_wrong=wrong)) == [
        "All 1,000 images have a label: all of them by people.",
        "The classifier labelled none, so that the labels are as right as the answers.",
        *expected,
    ]


def test_the_command_that_changes_labels_later():
    folder = {"data": {"_target_": "alframe.data.folder", "path": "/photos/it's"}}
    command = result_of(SUMMARY, Path("/trials/one"), folder)["audit"]
    assert command == (
        "alframe-audit data=folder 'data.path=/photos/it'\"'\"'s' labels=/trials/one oracle=page"
    )
    other = result_of(SUMMARY, Path("/trials/one"), {"data": {"_target_": "mine.data"}})
    assert other["audit"] == "alframe-audit data=... labels=/trials/one oracle=page"
    assert other["labels"] == "/trials/one/labels.csv"


def test_the_file_with_names_is_shown_if_there_is_one(tmp_path):
    (tmp_path / "labels_by_name.csv").touch()
    found = audit_result(["Two wrong labels."], tmp_path)
    assert found == {
        "sentences": ["Two wrong labels."],
        "labels": str(tmp_path / "labels_by_name.csv"),
        "audit": None,
        "again": False,
    }
    assert not result_of(SUMMARY, tmp_path, None)["again"]
    (tmp_path / "label.yaml").touch()  # of alframe-label
    assert result_of(SUMMARY, tmp_path, None)["again"]
