"""Plan and forecast, by hand."""

from dataclasses import replace

import pytest

from alframe.core.answer_times import Pace
from alframe.core.check_result import CheckResult
from alframe.core.reports import Certificate, Counts, RoundReport
from alframe.core.trial_summary import TrialSummary
from alframe.page.forecast import Goal, Remaining, auto_error, forecast

PACE = Pace(single_seconds=1.0, image_seconds=0.1, correction_seconds=0.5, overlooked=0.1, mistyped=0.0)
LEFT = Remaining(answered=100, at_most=340, n_single=20, n_grid=100, grid_share=0.5)
COUNTS = Counts(
    n_samples=1000,
    hand_labels=100,
    auto_labels=300,
    unlabelled=600,
    mislabelled=None,
    mislabelled_share=None,
    auto_label_error=None,
)
SEED = RoundReport(kind="seed", round=0, counts=COUNTS, hand_new=100, auto_new=0, unlabelled_before=1000)
ROUND = replace(SEED, kind="round", round=1)
CHECKED = replace(ROUND, spot_checks=50, spot_checks_wrong=1)
CHECK = CheckResult(
    n_auto=300,
    asked=100,
    found_wrong=3,
    undecided=0,
    confidence=0.95,
    error_share=0.03,
    least_share=0.01,
    most_share=0.06,
    most_left=15,
    warn=True,
    simulated=False,
)
CERTIFICATE = Certificate(
    tolerance=0.02,
    confidence=0.95,
    audited=200,
    asked=200,
    found_wrong=1,
    max_wrong=15,
    max_wrong_share=0.015,
    reached=True,
    method="uniform",
    assumes="",
)
SUMMARY = TrialSummary(
    n_samples=1000,
    rounds=2,
    hand_labels=100,
    hand_share=0.1,
    auto_labels=300,
    coverage=0.3,
    mislabelled=None,
    mislabelled_share=None,
    auto_label_error=None,
    test_accuracy=None,
    seconds=1.0,
    train_seconds=1.0,
    score_seconds=1.0,
    seed=0,
)


def test_the_forecast_of_a_round_with_spot_checks():
    found = forecast([SEED, CHECKED], LEFT, PACE, Goal(tolerance=0.05, certified=False))
    assert found["minutes_left"] == pytest.approx(1.6)
    assert (found["answered"], found["at_most"], found["auto_labels"], found["hand_labels"]) == (
        100,
        340,
        300,
        100,
    )
    assert (found["seconds_single"], found["seconds_grid_image"]) == (1.0, 0.1)
    error = found["auto_error"]
    assert (error["share"], error["confidence"], error["from"]) == (0.02, 0.95, "spot checks")
    assert error["low"] == pytest.approx(1 - 0.975 ** (1 / 50))
    assert error["high"] == pytest.approx(0.1065, abs=1e-4)  # 1 of 50, from tables
    assert found["sentence"] == (
        "100 answers of 340 at most, about 2 minutes left at most at your pace. "
        "Of the 300 auto-labels, between 0.051 % and 10.65 % are wrong, by the spot checks so far."
    )
    assert found["goal"] == {
        "tolerance": 0.05,
        "sentence": "Wanted: at most 5.00 % wrong. The spot checks so far cannot tell it yet. "
        "The check says it after 2 minutes at most.",
    }


def test_before_the_first_round_nothing_is_known():
    left = replace(LEFT, at_most=None)
    found = forecast([], left, PACE, Goal(tolerance=0.02, certified=True))
    assert (found["minutes_left"], found["auto_error"], found["auto_labels"]) == (None, None, 0)
    assert found["sentence"] == "100 answers."
    assert found["goal"]["sentence"] == (
        "Wanted: at most 2.00 % wrong. It cannot be said yet. The audit says it at the end."
    )
    assert forecast([SEED], left, PACE, None)["goal"] is None


def test_the_error_by_the_validation_set_is_that_of_the_confident_part():
    pairs = tuple((k / 20, error) for k, error in enumerate((0, 0, 0, 0, 0, 0, 1 / 14, *[0.2] * 13), 1))
    report = replace(ROUND, validation_errors=pairs, n_validation=40)
    found = auto_error([SEED, report], None, None)  # 300 of 900 are accepted: the share 0.35, 14 of 40
    assert (found.origin, found.share) == ("validation", pytest.approx(1 / 14))
    assert found.low == pytest.approx(1 - 0.975 ** (1 / 14))
    assert auto_error([replace(report, spot_checks=0)], None, None) == found
    assert (
        auto_error([replace(CHECKED, validation_errors=pairs, n_validation=40)], None, None).origin
        == "spot checks"
    )


@pytest.mark.parametrize(
    "reports", [[], [SEED], [ROUND], [replace(CHECKED, counts=replace(COUNTS, auto_labels=0))]]
)
def test_without_auto_labels_or_checks_there_is_no_error(reports):
    assert auto_error(reports, None, None) is None


@pytest.mark.parametrize(
    ("tolerance", "wrong", "expected"),
    [(0.11, 1, "are good enough: at most 11.00 % wrong"), (0.02, 10, "are not good enough yet")],
)
def test_good_enough_or_not(tolerance, wrong, expected):
    report = replace(CHECKED, spot_checks_wrong=wrong)
    assert (
        expected
        in forecast([report], LEFT, PACE, Goal(tolerance=tolerance, certified=True))["goal"]["sentence"]
    )


def test_the_end_of_a_trial():
    done = Remaining(answered=340, at_most=340, n_single=0, n_grid=0, grid_share=0.5)
    found = forecast(
        [CHECKED], done, PACE, Goal(tolerance=0.05, certified=False), summary=replace(SUMMARY, check=CHECK)
    )
    assert found["auto_error"] == {
        "share": 0.03,
        "low": 0.01,
        "high": 0.06,
        "confidence": 0.95,
        "from": "check",
    }
    assert found["goal"]["sentence"] == "Not certain: at most 5.00 % wrong."
    assert found["sentence"].startswith(
        "340 answers of 340 at most. Of the 300 auto-labels, between 1.00 % and"
    )
    goal = Goal(tolerance=0.02, certified=True)
    proven = replace(SUMMARY, check=CHECK, certificate=CERTIFICATE)
    found = forecast([CHECKED], done, PACE, goal, summary=proven)
    assert found["auto_error"]["from"] == "audit"
    assert found["goal"]["sentence"] == "Proven: at most 2.00 % wrong."
    assert found["sentence"].endswith("At most 1.50 % of all labels are wrong, by the audit.")
    again = forecast((), done, PACE, goal, summary=proven)  # of a finished trial that is opened again
    assert again == found
    without = forecast((), done, PACE, goal, summary=replace(SUMMARY, auto_labels=0, hand_labels=1000))
    assert (without["hand_labels"], without["auto_labels"], without["auto_error"]) == (1000, 0, None)
    assert without["goal"]["sentence"] == "The classifier labelled no image."
