"""Audits from a config to files: simulated, by files, stopped and resumed."""

import csv
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import numpy as np
import pytest

from alframe.auditing.audit_request import AuditRequest
from alframe.auditing.begun_audit import finished_audit
from alframe.auditing.run_audit import run_label_audit
from alframe.config.compose import composed
from alframe.core.errors import AnswersNeeded, TrialError, UserError, Waiting

SMALL = [
    "+hydra/command=audit",
    "data=digits",
    "data.limit=300",
    "tracker=none",
    "network.widths=[8,8,8]",
    "rank.folds=2",
    "rank.passes=2",
    "rank.batch_size=32",
    "estimate.num=30",
    "certificate.tolerance=0.05",
    "precision=float32",
    "threads=1",
]


def request(directory: Path, *overrides: str, **own: Any) -> AuditRequest:
    return AuditRequest(config=composed([*SMALL, *overrides]), directory=directory, **own)


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as lines:
        return list(csv.DictReader(lines))


FILES = ("labels.csv", "changes.csv", "suspects.csv", "oddities.csv")


def files_of(directory: Path) -> dict[str, str]:
    return {name: (directory / name).read_text() for name in FILES}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("audit") / "whole"
    run_label_audit(request(directory, "noise.share=0.1"))
    return directory


def test_an_audit_leaves_its_files(finished: Path) -> None:
    summary = json.loads((finished / "summary.json").read_text())
    assert summary["kind"] == "audit"
    assert summary["simulated"]["wrong_before"] == 30
    assert summary["found_wrong"] > 5
    assert summary["certificate"]["reached"]
    changes, labels = rows(finished / "changes.csv"), rows(finished / "labels.csv")
    assert len(changes) == summary["found_wrong"] == summary["changed"]
    assert {row["by"] for row in changes} == {"simulated"}
    by_index = {row["index"]: row for row in labels}
    assert all(by_index[row["index"]]["label"] == row["after"] != row["before"] for row in changes)
    n_answers = sum(row["source"] in ("audit", "mend") for row in labels)
    assert n_answers == summary["answers"] == int(rows(finished / "audit_rounds.csv")[-1]["answers"])
    assert {row["source"] for row in labels} == {"given", "audit", "mend"}
    assert list(rows(finished / "suspects.csv")[0]) == [
        "index",
        "rank",
        "score",
        "given",
        "predicted",
        "file",
    ]
    assert len(rows(finished / "suspects.csv")) == 300 - 30
    assert not list((finished / "state").glob("round-*"))


@pytest.mark.parametrize("stop_after", [1, 3])
def test_a_stopped_audit_ends_like_an_uninterrupted_one(
    finished: Path, tmp_path: Path, stop_after: int
) -> None:
    calls = iter(range(1, 100))
    with pytest.raises(KeyboardInterrupt):
        run_label_audit(
            request(tmp_path / "a", "noise.share=0.1", stop_wanted=lambda: next(calls) == stop_after)
        )
    assert json.loads((tmp_path / "a" / "failure.json").read_text())["status"] == "interrupted"
    run_label_audit(request(tmp_path / "a", "noise.share=0.1"))
    assert files_of(tmp_path / "a") == files_of(finished)
    assert not (tmp_path / "a" / "failure.json").exists()


# Where a process is killed: a function, and which of its calls. Each is in the middle of its stage.
KILLED_AT = {
    "estimate": ("alframe.audit.label_audit.estimate_errors", 1),  # answered, and nothing is written
    "rank": ("alframe.auditing.rankings.rank_labels", 1),  # trained, and the ranking is not kept
    "mend": ("alframe.audit.label_audit._answered", 4),  # the estimate and two batches are done
    "prove": ("alframe.audit.sampling.Auditor.draw", 2),
    "end": ("alframe.auditing.audit_session.AuditSession._outcome", 1),  # before summary.json
}


def killed(directory: Path, target: str, at_call: int) -> int:
    """Run an audit in a process of its own, which kills itself; return its exit status."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        original: Callable[..., Any] = resolve_name(target)
        calls = iter(range(1, 1000))

        def die(*arguments: Any, **named: Any) -> Any:
            if next(calls) == at_call:
                os.kill(os.getpid(), signal.SIGKILL)
            return original(*arguments, **named)

        pytest.MonkeyPatch().setattr(target, die)
        run_label_audit(request(directory, "noise.share=0.1"))
    finally:
        os._exit(0)


def without_seconds(directory: Path) -> list[Any]:
    """Return the figures of an audit without its times."""
    summary = json.loads((directory / "summary.json").read_text())
    lines = rows(directory / "audit_rounds.csv")
    times = ("seconds", "train_seconds", "rank_seconds")
    return [{key: value for key, value in each.items() if key not in times} for each in [summary, *lines]]


@pytest.mark.parametrize("stage", KILLED_AT)
def test_an_audit_killed_in_a_stage_ends_like_one_that_was_left_alone(
    finished: Path, tmp_path: Path, stage: str
) -> None:
    directory = tmp_path / "a"
    assert killed(directory, *KILLED_AT[stage]) == -signal.SIGKILL
    assert not (directory / "summary.json").exists()
    assert not (directory / "failure.json").exists()  # it really died
    run_label_audit(request(directory, "noise.share=0.1"))
    assert files_of(directory) == files_of(finished)
    assert without_seconds(directory) == without_seconds(finished)


def test_a_kill_while_files_are_written_costs_nothing(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise TrialError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr("alframe.auditing.audit_session.write_change_images", full)
        with pytest.raises(TrialError):
            run_label_audit(request(tmp_path / "a", "noise.share=0.1"))
    trained: list[int] = []
    monkeypatch.setattr("alframe.auditing.rankings.out_of_sample", lambda *_, **__: trained.append(1))
    run_label_audit(request(tmp_path / "a", "noise.share=0.1"))
    assert not trained
    assert files_of(tmp_path / "a") == files_of(finished)


def test_another_audit_is_refused_the_directory(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run_label_audit(request(tmp_path, "noise.share=0.1", stop_wanted=lambda: True))
    with pytest.raises(UserError, match=r"noise\.share is 0\.1 there and 0\.2 here"):
        run_label_audit(request(tmp_path, "noise.share=0.2"))


def write_given(file: Path, wrong: dict[int, int]) -> np.ndarray[Any, Any]:
    """Write a file of labels of the digits, and return the true ones."""
    from sklearn.datasets import load_digits

    truth = load_digits().target
    lines = [f"{index},{wrong.get(index, label)}" for index, label in enumerate(truth)]
    file.write_text("\n".join(["index,label", *lines]) + "\n")
    return np.asarray(truth)


def waits_for(directory: Path, overrides: list[str]) -> Waiting | None:
    try:
        run_label_audit(request(directory, *overrides))
    except AnswersNeeded as needed:
        return needed.waiting
    return None


def test_people_answer_through_files(tmp_path: Path) -> None:
    truth = write_given(tmp_path / "labels.csv", {index: (index + 3) % 10 for index in range(0, 200, 10)})
    overrides = [
        f"labels={tmp_path / 'labels.csv'}",
        "oracle=files",
        "stages=[estimate,mend]",
        "mend.batch=20",
        "mend.max_answers=40",
        "mend.min_yield=0",
    ]
    directory, asked = tmp_path / "a", []
    for _ in range(10):
        waiting = waits_for(directory, overrides)
        if waiting is None:
            break
        asked.append((waiting.question, waiting.wanted))
        sheet = directory / "questions" / "to_label.csv"
        lines = sheet.read_text().splitlines()
        done = [f"{line}{truth[int(line.split(',')[0])]}" for line in lines[1:]]
        sheet.write_text("\n".join([lines[0], *done]) + "\n")
    assert asked == [("estimate", 30), ("mend", 20), ("mend", 20)]
    summary = json.loads((directory / "summary.json").read_text())
    assert (summary["answers"], summary["simulated"]) == (70, None)
    changes = rows(directory / "changes.csv")
    assert all(truth[int(row["index"])] == int(row["after"]) for row in changes)
    assert {row["by"] for row in changes} <= {"to_label.csv"}


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ([], "oracle: expected people, since the data set's own labels are audited"),
        (["noise.share=0.1", "oracle=files"], "noise.share: expected 0, since people answer"),
        (["rank.source=given", "noise.share=0.1"], "rank.source: expected networks"),
        (
            ["certificate.tolerance=null", "certificate.reach=false", "noise.share=0.1"],
            "certificate.tolerance",
        ),
        (
            ["noise.share=0.1", "noise.kind=confusion", "noise.pairs=[[1,x]]"],
            "noise.pairs: expected the classes",
        ),
        (["noise.share=0.1", "rank.folds=500"], "rank.folds: expected at most 300"),
    ],
)
def test_settings_that_do_not_fit(tmp_path: Path, overrides: list[str], said: str) -> None:
    with pytest.raises(UserError) as caught:
        run_label_audit(request(tmp_path / "a", *overrides))
    assert said in str(caught.value)


def test_labels_for_a_part_are_listed_and_left_out_if_told_so(tmp_path: Path) -> None:
    file = tmp_path / "labels.csv"
    write_given(file, {})
    file.write_text("\n".join([*file.read_text().splitlines()[:-2], "99999,3"]) + "\n")
    with pytest.raises(UserError, match=r"2 images without a label \(1795, 1796\) and 1 label for an image"):
        run_label_audit(request(tmp_path / "a", f"labels={file}"))
    with pytest.warns(UserWarning, match="left out"):
        summary = run_label_audit(
            request(
                tmp_path / "b",
                f"labels={file}",
                "unmatched=leave_out",
                "stages=[estimate]",
                "data.limit=null",
            )
        )
    assert summary.n_samples == 1795
    assert (summary.answers, summary.found_wrong) == (30, 0)


def test_the_data_set_s_own_labels_are_ranked_without_an_oracle(tmp_path: Path) -> None:
    summary = run_label_audit(request(tmp_path / "a", "stages=[rank]"))
    assert (summary.answers, summary.simulated, summary.certificate) == (0, None, None)
    assert len(rows(tmp_path / "a" / "suspects.csv")) == 300


def test_an_audit_of_a_finished_audit_s_labels(finished: Path, tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="left out"):
        summary = run_label_audit(
            request(tmp_path / "a", f"labels={finished}", "unmatched=leave_out", "stages=[estimate]")
        )
    assert summary.n_samples == 300


def test_a_damaged_ranking_is_made_again(finished: Path, tmp_path: Path) -> None:
    calls = iter(range(1, 100))
    with pytest.raises(KeyboardInterrupt):
        run_label_audit(request(tmp_path, "noise.share=0.1", stop_wanted=lambda: next(calls) == 3))
    (tmp_path / "state" / "round-0001.state").write_bytes(b"broken")
    with pytest.warns(UserWarning, match="is made again"):
        run_label_audit(request(tmp_path, "noise.share=0.1"))
    assert files_of(tmp_path) == files_of(finished)


def test_a_second_person_bounds_the_errors_of_answers(finished: Path, tmp_path: Path) -> None:
    other = tmp_path / "second.csv"
    answered = [row for row in rows(finished / "labels.csv") if row["source"] != "given"]
    other.write_text("index,label\n" + "".join(f"{row['index']},{row['label']}\n" for row in answered))
    summary = run_label_audit(request(tmp_path / "a", "noise.share=0.1", f"second_answers={other}"))
    assert summary.second_answers is not None
    assert summary.second_answers.differing == 0
    assert summary.second_answers.answers > 50
    assert summary.certificate is not None
    assert summary.certificate.oracle_error == summary.second_answers.error_high
    # 95 %, less 0.1 % for more errors than the rate says, less 1 % for a higher rate.
    assert summary.certificate.confidence_with_oracle_error == pytest.approx(0.939)
    assert summary.statement.startswith("With 93.9 % confidence")


def test_the_finished_audit_is_found_again(finished: Path) -> None:
    config = composed([*SMALL, "noise.share=0.1"])
    found = finished_audit(finished, config)
    assert found is not None
    assert found["found_wrong"] == json.loads((finished / "summary.json").read_text())["found_wrong"]
