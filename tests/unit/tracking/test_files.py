import csv
import json
import math
import os
from dataclasses import replace

import numpy as np
import pytest
import torch
import yaml

from alframe.audit.label_issues import LabelIssue
from alframe.audit.reliability import diagnose
from alframe.core.errors import TrialError
from alframe.core.ledger import LabelLedger
from alframe.tracking import FilesTracker, files
from alframe.tracking.files import label_lines, replace_file, rounds_csv

ROUNDS = """\
round,train_samples,train_steps,train_seconds,score_seconds,hand_new,auto_new,hand_labels,auto_labels,\
unlabelled,mislabelled,mislabelled_share,auto_label_error,coverage,threshold,test_accuracy,seconds,\
train_loss,train_epochs,kind,cost,note,set_aside,spot_checks,spot_checks_wrong
0,,,,,1,0,1,0,4,0,0.0,,0.0,,,0.25,,,seed,,,0,,
1,1,30,2.5,0.125,1,2,2,2,1,1,0.2,0.5,0.4,0.75,0.9,61.0,0.3333333333333333,,round,0.12,,0,,
2,,,,,1,0,3,2,0,1,0.2,0.5,0.4,,,0.5,,,closing,,,0,,
"""

LABELS = """\
index,label,source,round,confidence,log_odds
0,1,seed,0,,
1,0,auto,1,0.880797077978,2
2,0,query,1,,
4,-1,none,,,
5,1,auto,1,0.999999997939,20
"""


@pytest.fixture
def started(tmp_path, make_info):
    tracker = FilesTracker()
    tracker.start(make_info(tmp_path))
    return tracker


def test_rounds_csv_to_the_letter(started, reports, tmp_path):
    for report in reports:
        started.log(report)
    assert (tmp_path / "rounds.csv").read_text() == ROUNDS


def test_rounds_csv_is_whole_after_every_round(started, reports, tmp_path):
    lines = ROUNDS.splitlines(keepends=True)
    for n, report in enumerate(reports, start=2):
        started.log(report)
        assert (tmp_path / "rounds.csv").read_text() == "".join(lines[:n])


def test_a_comma_in_a_field_does_not_make_two(reports):
    rows = [replace(report.row(), note="a, b") for report in reports]
    read = list(csv.DictReader(rounds_csv(rows).splitlines()))
    assert [row["note"] for row in read] == ["a, b"] * 3


def test_labels_csv_to_the_letter(started, make_outcome, tmp_path):
    started.finish(make_outcome())
    assert (tmp_path / "labels.csv").read_text() == LABELS


def test_confidence_and_log_odds_are_read_back_as_they_were(make_ledger):
    ledger = make_ledger()
    for row in csv.DictReader(label_lines(ledger)):
        if row["source"] == "auto":
            odds = float(row["log_odds"])
            assert odds == ledger.log_odds_N[int(row["index"])].item()
            assert float(row["confidence"]) == pytest.approx(1 / (1 + math.exp(-odds)), rel=1e-11)


def test_an_empty_ledger_has_a_row_for_every_sample():
    assert list(label_lines(LabelLedger.empty(2)))[1:] == ["0,-1,none,,,\n", "1,-1,none,,,\n"]


def test_labels_csv_does_not_depend_on_the_parts_it_is_made_in(make_ledger, monkeypatch):
    for chunk in (1, 2, 3, 5):
        monkeypatch.setattr(files, "CHUNK", chunk)
        assert "".join(label_lines(make_ledger())) == LABELS


def test_config_yaml_is_written_at_the_start_with_the_choices(started, tmp_path):
    config = yaml.safe_load((tmp_path / "config.yaml").read_text())
    assert config["seed"] == 8
    assert config["learner"]["optimizer"]["lr"] == 0.5
    assert config["data"]["limit"] is None
    assert config["chosen"]["engine"] == "reference"


def test_a_finished_trial_leaves_a_summary(started, make_outcome, summary, tmp_path):
    started.finish(make_outcome(summary=summary))
    assert json.loads((tmp_path / "summary.json").read_text()) == summary.to_json()
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == [
        "config.yaml",
        "diagnosis.json",
        "labels.csv",
        "labels_by_name.csv",
        "mislabelled.npz",
        "summary.json",
    ]


@pytest.mark.parametrize("status", ["finished", "failed", "interrupted", "waiting"])
def test_labels_by_name_have_file_and_class(started, make_outcome, summary, tmp_path, status):
    names = {"files_N": ["a.png", 'b,"c".png', "d/e.png", "f", "g", "h"], "class_names": ("no", "yes, sir")}
    started.finish(make_outcome(status, summary=summary if status == "finished" else None, **names))
    assert (tmp_path / "labels_by_name.csv").read_text().splitlines() == [
        "index,file,class,source,present",
        '0,a.png,"yes, sir",seed,yes',
        '1,"b,""c"".png",no,auto,yes',
        "2,d/e.png,no,query,yes",
        "4,g,,none,yes",
        '5,h,"yes, sir",auto,yes',
    ]
    assert (tmp_path / "labels.csv").read_text() == LABELS


def test_without_files_that_column_is_empty_and_plain_numbers_are_no_names(started, make_outcome, tmp_path):
    started.finish(make_outcome("failed", class_names=("0", "1")))
    assert not (tmp_path / "labels_by_name.csv").exists()
    started.finish(make_outcome("failed", class_names=("1", "0")))
    assert (tmp_path / "labels_by_name.csv").read_text().splitlines()[1] == "0,,0,seed,yes"


@pytest.mark.parametrize("status", ["failed", "interrupted"])
def test_any_other_trial_leaves_its_reason_and_its_labels(started, make_outcome, reports, tmp_path, status):
    for report in reports[:2]:
        started.log(report)
    started.finish(make_outcome(status))
    failure = json.loads((tmp_path / "failure.json").read_text())
    assert failure == {"status": status, "reason": "the reason", "rounds": 1}
    assert (tmp_path / "labels.csv").read_text() == LABELS
    assert not (tmp_path / "summary.json").exists()


def test_a_trial_that_failed_before_the_first_label_leaves_no_labels(started, make_outcome, tmp_path):
    started.finish(make_outcome("failed", ledger=None))
    assert json.loads((tmp_path / "failure.json").read_text())["rounds"] == 0
    assert not (tmp_path / "labels.csv").exists()


def test_a_number_that_json_has_not_is_refused(started, make_outcome, summary):
    with pytest.raises(ValueError, match="JSON"):
        started.finish(make_outcome(summary=replace(summary, seconds=math.nan)))


def test_replace_file_writes_and_overwrites_as_utf8(tmp_path):
    file = tmp_path / "file.txt"
    for text in ("first\n", "zweite Fassung: ä\n"):
        replace_file(file, text)
        assert file.read_bytes() == text.encode()
        assert [path.name for path in tmp_path.iterdir()] == ["file.txt"]


def test_replace_file_leaves_the_old_file_when_writing_fails(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    file = tmp_path / "file.txt"
    replace_file(file, "old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(TrialError, match=r"file\.txt: could not be written \(No space left"):
        replace_file(file, "new")
    assert file.read_text() == "old"


def test_replace_file_leaves_the_old_file_when_the_text_cannot_be_encoded(tmp_path):
    file = tmp_path / "file.txt"
    replace_file(file, "old")
    with pytest.raises(UnicodeEncodeError):
        replace_file(file, "new \ud800")
    assert file.read_text() == "old"


def test_replace_file_takes_a_text_in_parts(tmp_path):
    file = tmp_path / "file.txt"
    replace_file(file, (f"{n}\n" for n in range(3)))
    assert file.read_text() == "0\n1\n2\n"


def test_replace_file_leaves_the_old_file_when_a_part_cannot_be_made(tmp_path):
    file = tmp_path / "file.txt"
    replace_file(file, "old")
    with pytest.raises(ZeroDivisionError):
        replace_file(file, (f"{1 / n}\n" for n in (1, 0)))
    assert file.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["file.txt"]


def test_a_reader_never_sees_a_part(tmp_path, monkeypatch):
    file, seen = tmp_path / "file.txt", []
    replace_file(file, "old")
    monkeypatch.setattr(os, "fsync", lambda descriptor: seen.append(file.read_text()))
    replace_file(file, "new")
    assert seen == ["old", "new"]  # the file before it is named, the name after
    assert file.read_text() == "new"


def test_suspects_are_written_if_there_are_any(started, make_outcome, tmp_path):
    started.finish(make_outcome())
    assert not (tmp_path / "suspects.csv").exists()
    started.finish(make_outcome(suspects=[LabelIssue(4, 1, 0, 0.0123456789), LabelIssue(2, 0, 0, 0.75)]))
    lines = (tmp_path / "suspects.csv").read_text().splitlines()
    assert lines == ["index,label,predicted,self_confidence", "4,1,0,0.0123457", "2,0,0,0.75"]


def test_a_diagnosis_is_written_if_the_truth_is_known(started, make_outcome, summary, tmp_path):
    diagnosis = diagnose(make_outcome().ledger, torch.tensor([1, 1, 0, 0, 0, 1]), 2)
    started.finish(make_outcome(summary=summary, diagnosis=diagnosis))
    content = json.loads((tmp_path / "diagnosis.json").read_text())
    assert content["class_names"] == ["no", "yes"]
    assert content["confusion"] == [[0, 0], [1, 1]]
    assert [(each["n"], each["wrong"]) for each in content["reliability"]] == [(1, 1), (1, 0)]
    with np.load(tmp_path / "mislabelled.npz") as file:
        assert {name: file[name].tolist() for name in ("index", "label", "truth")} == {
            "index": [1],
            "label": [0],
            "truth": [1],
        }
        assert file["confidence"] == pytest.approx(1 / (1 + math.exp(-2)))
        assert file["images"].shape == (1, 1, 4, 4)
        assert file["images"].dtype == np.uint8


def test_without_the_truth_the_diagnosis_is_null(started, make_outcome, summary, tmp_path):
    nothing = torch.empty(0, dtype=torch.int64)
    started.finish(make_outcome(summary=summary, mislabelled=(nothing, nothing)))
    content = json.loads((tmp_path / "diagnosis.json").read_text())
    assert content == {"class_names": ["no", "yes"], "confusion": None, "reliability": None}
    assert not (tmp_path / "mislabelled.npz").exists()
