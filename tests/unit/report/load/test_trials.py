"""Trials found on disk: each once, in order; what is not finished or damaged is named and left out."""

import json
from pathlib import Path

import pytest

from alframe.core.errors import UserError
from alframe.report.load.trials import find_trials
from tests.support.report_trials import ROUNDS, SUMMARY, leave_trial, rows_of


def test_trials_of_nested_sweeps_are_found_once_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for name in ("10", "9", "deep/2/1", "deep/2/0"):
        leave_trial(tmp_path / name, 1)
    (tmp_path / "9" / "state" / "old").mkdir(parents=True)
    (tmp_path / "9" / "state" / "old" / "summary.json").write_text("no trial of its own")
    found = find_trials([tmp_path / "10", tmp_path, tmp_path / "deep", tmp_path / "10"])
    names = [str(trial.directory.relative_to(tmp_path)) for trial in found.trials]
    assert names == ["10", "9", "deep/2/0", "deep/2/1"]
    assert found.left_out == []


def test_an_earlier_report_is_no_trial(tmp_path: Path) -> None:
    trial = leave_trial(tmp_path / "0", 1)
    for folder in (trial / "report", tmp_path / "elsewhere"):
        (folder / "tables").mkdir(parents=True)
        (folder / "tables" / "rounds.csv").write_text("round,hand labels\n")
        (folder / "report.json").write_text("{}")
    leave_trial(tmp_path / "tables", 2)  # a sweep may be called so
    found = find_trials([tmp_path])
    assert ([each.seed for each in found.trials], found.left_out) == ([1, 2], [])


def test_a_link_to_a_trial_is_that_trial(tmp_path: Path) -> None:
    leave_trial(tmp_path / "a" / "0", 1)
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert len(find_trials([tmp_path / "a", tmp_path / "b"]).trials) == 1


def test_the_curves_by_hand(tmp_path: Path) -> None:
    (trial,) = find_trials([leave_trial(tmp_path / "a", 1)]).trials
    # A round's classifier was trained before the round's question.
    assert trial.accuracy_curve() == [(0.2, 0.5), (0.3, 0.6)]
    assert trial.mislabelled_curve() == [(0.3, 0.01), (0.4, 0.02), (0.45, 0.03)]


def test_unfinished_trials_are_named_with_the_reason(tmp_path: Path) -> None:
    leave_trial(tmp_path / "0", 1)
    for name in ("1", "2", "3"):
        (leave_trial(tmp_path / name, 1) / "summary.json").unlink()
    (tmp_path / "1" / "failure.json").write_text(
        json.dumps({"status": "failed", "reason": "Traceback:\n  line 1\nValueError: no way", "rounds": 2})
    )
    (tmp_path / "2" / "failure.json").write_text(
        json.dumps({"status": "waiting", "reason": "waiting for 60 labels", "rounds": 0})
    )
    (tmp_path / "4").mkdir()
    (tmp_path / "4" / "failure.json").write_text(json.dumps({"status": "failed", "reason": "", "rounds": 0}))
    found = find_trials([tmp_path])
    assert len(found.trials) == 1
    assert [(each.directory.name, each.status, each.reason) for each in found.left_out] == [
        ("1", "failed", "ValueError: no way"),
        ("3", "unfinished", "2 rounds so far; it is running, or its process was killed"),
        ("4", "failed", "no reason given"),
    ]
    assert [(each.directory.name, each.reason) for each in found.waiting] == [("2", "waiting for 60 labels")]


WHOLE = json.dumps(SUMMARY)
DAMAGES = [
    ("summary.json", WHOLE[:-9], "summary.json: cut off or damaged"),
    ("summary.json", "", "summary.json: cut off or damaged"),
    ("summary.json", "[1]", "expected an object"),
    ("summary.json", json.dumps({**SUMMARY, "hand_labels": "many"}), "expected a number as hand_labels"),
    ("summary.json", WHOLE.replace('"coverage"', '"cover"'), "expected a number as coverage, got None"),
    ("summary.json", WHOLE.replace("0.55", "NaN"), "expected a number as coverage, got nan"),
    ("summary.json", json.dumps({**SUMMARY, "n_samples": 0}), "expected samples"),
    (
        "summary.json",
        json.dumps({**SUMMARY, "certificate": {"asked": 3}}),
        "expected a number as tolerance",
    ),
    ("rounds.csv", "", "rounds.csv: expected a row for each round"),
    ("rounds.csv", ROUNDS.splitlines()[0] + "\n", "rounds.csv: expected a row for each round"),
    ("rounds.csv", ROUNDS[:-20], "rounds.csv: line 5 is cut off"),
    (
        "rounds.csv",
        ROUNDS.replace("kind", "sort"),
        "rounds.csv: line 2: expected seed or round or closing as kind",
    ),
    ("rounds.csv", ROUNDS.replace("0.02", "0.0x"), "line 4: expected a number as mislabelled_share"),
    ("rounds.csv", ROUNDS.replace("hand_labels,", "others,"), "line 2: expected a number as hand_labels"),
    ("rounds.csv", ROUNDS.replace("0,20,20", "x,20,20"), "line 2: expected a number as round"),
    ("rounds.csv", ROUNDS.replace("10,30", ",30"), "line 3: expected a number as hand_new"),
    ("config.yaml", "query: {", "config.yaml: cut off or damaged"),
    ("config.yaml", "", None),
    ("config.yaml", "- 1\n- 2\n", "config.yaml: expected settings"),
    ("config.yaml", "day: 2020-01-01\n", "config.yaml: cut off or damaged"),
    (".hydra/hydra.yaml", "hydra:\n  runtime: {", ".hydra/hydra.yaml: cut off or damaged"),
    (".hydra/hydra.yaml", "", ".hydra/hydra.yaml: cut off or damaged"),
]


@pytest.mark.parametrize(("name", "content", "text"), DAMAGES)
def test_a_damaged_file_is_named_and_its_trial_left_out(name, content, text, tmp_path: Path) -> None:
    leave_trial(tmp_path / "0", 1)
    broken = leave_trial(tmp_path / "1", 2, choices={"query": "margin"})
    (broken / name).write_text(content)
    found = find_trials([tmp_path])
    if text is None:
        assert len(found.trials) == 2  # a config without settings is one all the same
        return
    assert [trial.seed for trial in found.trials] == [1]
    (left,) = found.left_out
    assert (left.directory, left.status) == (broken, "damaged")
    assert text in left.reason
    assert "\n" not in left.reason


@pytest.mark.parametrize("name", ["rounds.csv", "config.yaml"])
def test_a_missing_file_is_named(name: str, tmp_path: Path) -> None:
    leave_trial(tmp_path / "0", 1)
    (leave_trial(tmp_path / "1", 2) / name).unlink()
    (left,) = find_trials([tmp_path]).left_out
    assert left.reason == f"{name} is missing"


def test_bytes_that_are_no_text_are_damage(tmp_path: Path) -> None:
    leave_trial(tmp_path / "0", 1)
    (leave_trial(tmp_path / "1", 2) / "rounds.csv").write_bytes(b"\xff\xfe\x00")
    (left,) = find_trials([tmp_path]).left_out
    assert left.reason.startswith("rounds.csv: cut off or damaged")


def test_without_a_finished_trial_the_error_names_the_others(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"expected finished trials .*, got none\."):
        find_trials([tmp_path])
    (leave_trial(tmp_path / "c", 2) / "summary.json").unlink()
    with pytest.raises(UserError, match=r"got 1 of another status: .*c is unfinished \(2 rounds so far"):
        find_trials([tmp_path])
    with pytest.raises(UserError, match="expected a folder with trials, got a path that does not exist"):
        find_trials([tmp_path / "nothing"])
    with pytest.raises(UserError, match="got a file"):
        find_trials([tmp_path / "c" / "rounds.csv"])


def test_without_known_truth_figures_are_null(tmp_path: Path) -> None:
    unknown = dict.fromkeys(("mislabelled", "mislabelled_share", "auto_label_error", "test_accuracy"))
    rows = rows_of([5], [None], [None])
    (trial,) = find_trials([leave_trial(tmp_path / "a", 1, figures=unknown, rounds=rows)]).trials
    assert trial.accuracy_curve() == trial.mislabelled_curve() == []
