"""Trials that wait for answers, as people leave them: at the first question, within one, filled in."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from alframe.core.errors import UserError
from alframe.report.load.trials import find_trials
from alframe.report.load.waiting import WaitingTrial
from tests.support.report_trials import ROUNDS, leave_trial
from tests.unit.report.test_main import run

SHEET = "index,file,picture,label\n4,a.png,4.png,{}\n1,b.png,1.png,{}\n7,c.png,7.png,{}\n"


def leave_waiting(
    directory: Path, labels: tuple[str, str, str] = ("", "", ""), *, rounds: str = "", **told: Any
) -> Path:
    """Leave a trial that waits, without a store of answers."""
    (directory / "questions").mkdir(parents=True)
    (directory / "questions" / "to_label.csv").write_text(SHEET.format(*labels))
    (directory / "config.yaml").write_text(yaml.safe_dump({"seed": 3, "data": {"name": "birds"}}))
    failure = {"status": "waiting", "reason": "waiting for 3 labels.", "rounds": 0, "waiting": told}
    (directory / "failure.json").write_text(json.dumps(failure))
    if rounds:
        (directory / "rounds.csv").write_text(rounds)
    return directory


def leave_store(directory: Path, asked: dict[tuple[str, int], list[int]], answered: list[int]) -> None:
    with closing(sqlite3.connect(directory / "answers.sqlite")) as db:
        db.execute(
            "CREATE TABLE questions(id INTEGER PRIMARY KEY, round INTEGER, source TEXT, sample INTEGER)"
        )
        db.execute("CREATE TABLE answers(id INTEGER PRIMARY KEY, sample INTEGER)")
        for (source, round), samples in asked.items():
            rows = [(round, source, sample) for sample in samples]
            db.executemany("INSERT INTO questions(round, source, sample) VALUES(?, ?, ?)", rows)
        db.executemany("INSERT INTO answers(sample) VALUES(?)", [(sample,) for sample in answered])
        db.commit()


def only(directory: Path) -> WaitingTrial:
    found = find_trials([directory])
    assert (found.trials, found.left_out) == ([], [])
    [trial] = found.waiting
    return trial


def test_the_first_question_without_a_store(tmp_path: Path) -> None:
    trial = only(leave_waiting(tmp_path / "t", ("cat", "", " ")))
    assert (trial.data, trial.seed, trial.round, trial.question, trial.rounds) == ("birds", 3, 0, "seed", [])
    assert (trial.wanted, trial.answered, trial.filled, trial.answers, trial.at_most) == (3, 0, 1, None, None)
    assert trial.file == tmp_path / "t" / "questions" / "to_label.csv"
    assert not trial.is_filled_in
    assert only(leave_waiting(tmp_path / "u", ("cat", "?", "-"))).is_filled_in


def test_what_the_trial_has_written_about_its_question(tmp_path: Path) -> None:
    told = {"question": "audit", "wanted": 40, "answered": 37, "at_most": 900}
    trial = only(leave_waiting(tmp_path / "t", rounds=ROUNDS, **told))
    assert (trial.question, trial.wanted, trial.answered, trial.at_most) == ("audit", 40, 37, 900)
    assert (trial.round, len(trial.rounds)) == (4, 4)


def test_the_store_has_the_newest_numbers(tmp_path: Path) -> None:
    trial_directory = leave_waiting(tmp_path / "t", ("cat", "dog", ""), wanted=99, answered=1, at_most=500)
    leave_store(trial_directory, {("seed", 0): [2, 3], ("query", 2): [4, 1, 7, 8]}, [2, 3, 8, 8, 4])
    names = {path.name for path in trial_directory.iterdir()}
    trial = only(trial_directory)
    assert {path.name for path in trial_directory.iterdir()} == names
    assert (trial.question, trial.round, trial.wanted, trial.answered) == ("query", 2, 4, 2)
    assert (trial.filled, trial.answers, trial.at_most) == (1, 4, 500)  # the label of 4 is read already


@pytest.mark.parametrize(
    ("content", "filled"),
    [
        (b"\xef\xbb\xbfindex;label\r\n4;cat\r\n1;\r\n", 1),
        (b"sep=;\nindex;label\n4;cat\n1;dog\n", 2),
        ("index\tlabel\n4\tcat\n".encode("utf-16"), 1),
        (b"number,answer\n1,2\n", None),
        (b"PK\x03\x04\xff\xfe", None),
        (b"", None),
    ],
)
def test_the_file_to_fill_in_as_spreadsheets_write_it(
    content: bytes, filled: int | None, tmp_path: Path
) -> None:
    directory = leave_waiting(tmp_path / "t")
    (directory / "questions" / "to_label.csv").write_bytes(content)
    assert only(directory).filled == filled


def test_a_trial_that_was_killed_after_it_had_asked_waits(tmp_path: Path) -> None:
    (leave_waiting(tmp_path / "t") / "failure.json").unlink()
    assert only(tmp_path).wanted == 3


def test_answers_that_were_refused_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    directory = leave_waiting(tmp_path / "t", ("cat", "dog", "zebra"))
    reason = (
        "oracle: some answers cannot be read: to_label.csv line 4: expected one of cat, dog, got 'zebra'."
    )
    (directory / "failure.json").write_text(json.dumps({"status": "failed", "reason": reason, "rounds": 0}))
    assert run(directory) == 0
    words = " ".join(capsys.readouterr().out.split())
    assert "waiting for answers that can be read" in words
    assert f"to correct {reason}" in words


def test_damaged_files_of_a_waiting_trial_are_named(tmp_path: Path) -> None:
    directory = leave_waiting(tmp_path / "t")
    (directory / "answers.sqlite").write_bytes(b"not a store")
    assert only(directory).wanted == 3
    (directory / "config.yaml").unlink()
    with pytest.raises(UserError, match=r"t is damaged \(config\.yaml is missing\)"):
        find_trials([directory])


def test_the_report_of_one_waiting_trial(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = {"question": "query", "wanted": 40, "answered": 37, "at_most": 900}
    directory = leave_waiting(tmp_path / "t", ("cat", "", ""), rounds=ROUNDS, **told)
    assert run(directory, "--json", tmp_path / "all.json") == 0
    out = capsys.readouterr().out
    assert out.startswith("birds, seed 3: t, waiting for answers\n\n  waiting for         2 answers\n")
    words = " ".join(out.split())
    assert "round 4 asked for the query strategy" in words
    assert "answers to this question 37 of 40: 3 are missing filled in, not read yet 1" in words
    assert "answers at most, in all 900" in words
    assert f"{directory}/questions/to_label.csv" in words
    assert "Round by round" in out
    page = (directory / "report" / "report.html").read_text()
    assert "The same command, run again, reads the answers and continues." in page
    content = json.loads((tmp_path / "all.json").read_text())
    assert content == json.loads((directory / "report" / "report.json").read_text())
    assert (content["trials"], content["left_out"]) == ([], [])
    [waiting] = content["waiting"]
    assert (waiting["wanted"], waiting["answered"], waiting["filled"], waiting["at_most"]) == (40, 37, 1, 900)
    assert run(directory, "--wandb") == 2
    assert "--wandb: expected a finished trial" in capsys.readouterr().err


def test_waiting_trials_of_a_sweep_are_listed_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep = tmp_path / "sweep"
    leave_trial(sweep / "0", 1)
    for k in (1, 2):
        leave_waiting(sweep / str(k))
    assert run(sweep, "--no-pictures") == 0
    out = capsys.readouterr().out
    assert "waiting             2 trials" in out
    assert "Trials that wait for answers" in out
    assert "left out" not in out
    content = json.loads((sweep / "report" / "report.json").read_text())
    assert [each["directory"] for each in content["waiting"]] == [f"{sweep}/1", f"{sweep}/2"]
    assert len(content["trials"]) == 1
    assert run(sweep / "1", sweep / "2", "--out", tmp_path / "out") == 0
    assert capsys.readouterr().out.startswith("2 trials, waiting for answers\n")
