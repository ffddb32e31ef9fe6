import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from alframe.core.errors import ConfigError, TrialNotice, UserError
from alframe.tracking.round_metrics import metrics
from alframe.tracking.wandb import WandbTracker
from alframe.tracking.wandb_offline import read_record
from tests.support import wandb_reader


@pytest.fixture(scope="module")
def record(tmp_path_factory, make_info, make_outcome, reports, summary):
    """Tracks a trial offline into a fresh directory and reads the file back."""

    def record(status="finished", reports=reports, outcome=None, **settings):
        directory = tmp_path_factory.mktemp("trial")
        (directory / "labels.csv").write_text("index,label\n0,1\n")
        tracker = WandbTracker(**{"project": "toys", "mode": "offline", **settings})
        tracker.start(make_info(directory))
        for report in reports:
            tracker.log(report)
        tracker.finish(outcome or make_outcome(status, summary if status == "finished" else None))
        return wandb_reader.WandbFile(directory)

    return record


@pytest.fixture(scope="module")
def finished(record):
    """A finished trial's file; only read."""
    return record(tags=["nightly"])


def round_rows(file):
    """Return the rows of the rounds, without W&B's own columns."""
    return [
        {key: value for key, value in row.items() if not key.startswith("_")}
        for row in file.history()
        if "labels/hand" in row
    ]


def test_a_round_is_logged_under_the_keys_that_others_compare(finished):
    assert round_rows(finished)[1] == {
        "round": 1,
        "labels/hand": 2,
        "labels/hand_share": 0.4,
        "labels/auto": 2,
        "labels/unlabelled": 1,
        "labels/mislabelled": 1,
        "labels/mislabelled_share": 0.2,
        "labels/auto_label_error": 0.5,
        "labels/coverage": 0.4,
        "labels/threshold": 0.75,
        "labels/cost": 0.12,
        "train/samples": 1,
        "train/steps": 30,
        "train/loss": 1 / 3,
        "train/test_accuracy": 0.9,
        "time/train_seconds": 2.5,
        "time/score_seconds": 0.125,
        "time/round_seconds": 61.0,
    }


def test_every_round_is_a_row_without_undefined_metrics(finished, reports):
    seed, _, closing = round_rows(finished)
    assert [row["round"] for row in round_rows(finished)] == [0, 1, 2]
    assert "labels/auto_label_error" not in seed
    assert not any(key.startswith("train/") for key in seed)
    assert closing["labels/auto_label_error"] == 0.5
    assert [{"round": report.round, **metrics(report)} for report in reports] == round_rows(finished)


def test_the_round_is_the_x_axis_of_everything(finished):
    metric_records = finished.of("metric")
    named = {m.name: m.step_metric for m in metric_records if m.name}
    assert named.pop("round") == ""
    assert set(named.values()) == {"round"}
    [everything] = [m for m in metric_records if m.glob_name]
    assert (everything.glob_name, everything.step_metric) == ("*", "round")


def test_the_run_has_its_project_name_group_and_tags(finished):
    run = finished.of("run")[0]
    assert (run.project, run.display_name, run.run_group, run.job_type) == (
        "toys",
        "toy-8",
        "a-sweep",
        "trial",
    )
    assert sorted(run.tags) == ["auto_label:top_k", "data:toy", "nightly", "query:margin"]


def test_a_given_group_has_priority_over_the_sweep(record):
    assert record(reports=[], group="mine").of("run")[0].run_group == "mine"


def test_the_config_is_flat_and_has_the_chosen_options(finished):
    config = {key: value for key, value in finished.config().items() if key != "_wandb"}
    assert config == {
        "seed": 8,
        "data": "toy",
        "data/name": "toy",
        "data/limit": None,
        "learner/optimizer": "AdamW",
        "learner/optimizer/lr": 0.5,
        "learner/optimizer/betas": "[0.9,0.99]",
        "query": "margin",
        "auto_label": "top_k",
        "chosen/device": "cpu",
        "chosen/precision": "float32",
        "chosen/engine": "reference",
    }


def test_the_table_of_runs_has_the_figures_of_summary_json_and_the_last_of_the_labels(finished, summary):
    shown = finished.summary()
    figures = {key: value for key, value in summary.to_json().items() if key not in ("versions", "per_class")}
    assert {key: shown[key] for key in figures} == figures
    assert shown["versions/python"] == "3"
    assert shown["status"] == "finished"
    assert (shown["labels/hand"], shown["labels/mislabelled_share"]) == (3, 0.2)
    assert shown["train/test_accuracy"] == 0.9
    # Of one round, or a table elsewhere.
    assert not [key for key in shown if key.startswith("time/")]
    assert not {"train/loss", "train/steps", "train/samples", "per_class.class"} & set(shown)


def test_the_figures_of_each_class_are_a_table(record, make_outcome, summary):
    classes = [
        {"class": "no", "n_samples": 2, "mislabelled_share": 0.0},
        {"class": "yes", "n_samples": 3, "mislabelled_share": 1 / 3},
    ]
    file = record(reports=[], outcome=make_outcome(summary=replace(summary, per_class=classes)))
    table = tables_of(file)["per_class"]
    assert table["columns"] == ["class", "n_samples", "mislabelled_share"]
    assert table["data"] == [["no", 2, 0.0], ["yes", 3, 1 / 3]]


def test_an_interrupted_trial_has_its_status_and_no_summary_figures(record, reports):
    shown = record("interrupted", reports[:2]).summary()
    assert shown["status"] == "interrupted"
    assert "hand_labels" not in shown
    assert shown["labels/hand"] == 2


@pytest.mark.parametrize(("status", "code"), [("failed", 1), ("interrupted", 130)])
def test_the_exit_code_of_an_unfinished_trial(record, reports, status, code):
    file = record(status, reports[:2])
    [end] = file.of("exit")
    assert end.exit_code == code
    assert [row["round"] for row in round_rows(file)] == [0, 1]
    assert file.of("artifact") == []


def test_a_finished_trial_has_exit_code_zero(finished):
    [end] = finished.of("exit")
    assert end.exit_code == 0


def test_the_labels_are_an_artifact(finished):
    [labels] = [artifact for artifact in finished.of("artifact") if artifact.type == "labels"]
    assert labels.name.startswith("labels-")
    [entry] = labels.manifest.contents
    assert entry.path == "labels.csv"
    lines = Path(entry.local_path).read_text().splitlines()
    assert lines[0] == "index,label,source,round,confidence,log_odds"
    assert entry.size == Path(entry.local_path).stat().st_size


def tables_of(file):
    """Return the content of each table by its name."""
    found = {}
    for artifact in file.of("artifact"):
        for entry in artifact.manifest.contents:
            if entry.path.endswith(".table.json"):
                found[entry.path.removesuffix(".table.json")] = json.loads(Path(entry.local_path).read_text())
    return found


def table_of(file):
    """Return (columns, rows) of the table of mislabelled images and the pictures themselves."""
    [artifact] = [artifact for artifact in file.of("artifact") if artifact.type == "run_table"]
    staged = {entry.path: Path(entry.local_path) for entry in artifact.manifest.contents}
    trial = file.path.parents[2]
    assert all(path.is_relative_to(trial) for path in staged.values())
    table = json.loads(staged["mislabelled.table.json"].read_text())
    pictures = []
    for row in table["data"]:
        with Image.open(staged[row[1]["path"]]) as picture:
            pictures.append(np.asarray(picture))
    return table["columns"], table["data"], pictures


def test_mislabelled_images_are_a_table_with_label_truth_and_confidence(finished):
    columns, [row], [picture] = table_of(finished)
    assert columns == ["index", "image", "label", "truth", "confidence"]
    index, _, label, truth, confidence = row
    assert (index, label, truth) == (1, "no", "yes")
    assert confidence == pytest.approx(0.880797077978)
    assert picture.shape == (4, 4)
    assert (picture == 1).all()


def test_the_table_belongs_to_the_last_round(finished):
    [row] = [row for row in finished.history() if "mislabelled.nrows" in row]
    assert row["mislabelled.nrows"] == 1
    assert row["round"] == 2


def test_the_table_is_cut_and_a_hand_label_has_no_confidence(record, make_outcome, summary):
    wrong = (torch.tensor([2, 1, 5]), torch.tensor([1, 1, 0]))
    picture = torch.arange(48, dtype=torch.uint8).view(3, 4, 4)
    outcome = make_outcome(summary=summary, mislabelled=wrong, image=lambda index: picture)
    _, rows, pictures = table_of(record(reports=[], outcome=outcome, max_images=2))
    assert [row[0] for row in rows] == [2, 1]
    assert rows[0][4] is None
    assert (pictures[0] == picture.permute(1, 2, 0).numpy()).all()


def test_nothing_is_written_beside_the_trial_and_the_environment_is_put_back(record, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_DATA_DIR", "/elsewhere")
    with pytest.warns(TrialNotice, match="not used for a trial: WANDB_DATA_DIR"):
        record(reports=[])
    assert os.environ["WANDB_DATA_DIR"] == "/elsewhere"
    monkeypatch.delenv("WANDB_DATA_DIR")
    record("failed", reports=[])
    assert "WANDB_DATA_DIR" not in os.environ
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_printed(record, capfd):
    record(reports=[])
    assert capfd.readouterr() == ("", "")


def test_the_run_is_closed_and_the_environment_put_back_when_its_end_cannot_be_written(
    tmp_path, make_info, make_outcome, summary, monkeypatch
):
    monkeypatch.delenv("WANDB_DATA_DIR", raising=False)
    tracker = WandbTracker(project="toys", mode="offline")
    tracker.start(make_info(tmp_path))
    monkeypatch.setattr("alframe.tracking.wandb.label_lines", lambda ledger: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        tracker.finish(make_outcome(summary=summary))
    assert "WANDB_DATA_DIR" not in os.environ
    [end] = wandb_reader.WandbFile(tmp_path).of("exit")
    assert end.exit_code == 1


def test_a_run_that_cannot_be_opened_is_answered_with_the_way_out(tmp_path, make_info, monkeypatch):
    import wandb

    def refuse(**settings):
        raise wandb.errors.CommError("no route to host")

    monkeypatch.delenv("WANDB_DATA_DIR", raising=False)
    monkeypatch.setattr(wandb, "init", refuse)
    with pytest.raises(UserError, match=r"in mode offline: no route to host\. Write tracker\.mode="):
        WandbTracker(project="toys", mode="offline").start(make_info(tmp_path))
    assert "WANDB_DATA_DIR" not in os.environ


def test_online_without_an_account_is_refused_before_anything_runs(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    with pytest.raises(ConfigError, match=r"tracker\.mode: .*wandb login.*tracker\.mode=offline"):
        WandbTracker(project="toys", mode="online")


def test_metrics_leave_out_undefined_values_but_not_zeros(reports, make_counts):
    seed = metrics(reports[0])
    assert seed["labels/auto"] == 0
    assert seed["labels/mislabelled_share"] == 0.0
    assert set(seed) == {
        "labels/hand",
        "labels/hand_share",
        "labels/auto",
        "labels/unlabelled",
        "labels/mislabelled",
        "labels/mislabelled_share",
        "labels/coverage",
        "time/round_seconds",
    }
    assert None not in metrics(reports[1]).values()


def test_the_reader_notices_a_damaged_file(finished, tmp_path):
    copy = tmp_path / "wandb" / "offline-run-x"
    shutil.copytree(finished.path.parent, copy)
    file = copy / finished.path.name
    content = bytearray(file.read_bytes())
    content[200] ^= 1
    file.write_bytes(content)
    with pytest.raises(AssertionError, match="checksum"):
        wandb_reader.WandbFile(tmp_path, timeout=0)


def test_the_reader_joins_records_across_blocks(record, reports):
    many = [replace(reports[1], round=n) for n in range(1, 121)]
    file = record(reports=many)
    assert file.path.stat().st_size > wandb_reader.BLOCK
    assert [row["round"] for row in round_rows(file)] == list(range(1, 121))


def track(directory, make_info, outcome, reports, earlier=()):
    tracker = WandbTracker(project="toys", mode="offline")
    tracker.start(make_info(directory, reports=tuple(earlier)))
    for report in reports:
        tracker.log(report)
    tracker.finish(outcome)


def test_after_an_interrupt_only_the_missing_rounds_are_logged(
    tmp_path, make_info, make_outcome, reports, summary
):
    track(tmp_path, make_info, make_outcome("interrupted"), reports[:2])
    track(tmp_path, make_info, make_outcome(summary=summary), reports[2:], earlier=reports[:2])
    first, second = wandb_reader.fragments(tmp_path)
    assert [row["round"] for row in round_rows(first)] == [0, 1]
    assert [row["round"] for row in round_rows(second)] == [2]
    assert first.of("run")[0].run_id == second.of("run")[0].run_id


def test_after_a_kill_the_rounds_of_the_unclosed_fragment_are_logged_again(
    tmp_path, make_info, make_outcome, reports, summary
):
    track(tmp_path, make_info, make_outcome("interrupted"), reports[:1])
    [closed] = wandb_reader.fragments(tmp_path)
    run_id = closed.of("run")[0].run_id
    killed, others = (
        tmp_path / "wandb" / f"offline-run-20200101_000000-{each}" for each in (run_id, "other")
    )
    for folder in (killed, others):
        shutil.copytree(closed.path.parent, folder)
    track(tmp_path, make_info, make_outcome(summary=summary), reports[2:], earlier=reports[:2])
    assert not killed.exists()
    assert others.exists()  # of another run: not ours to delete
    shutil.rmtree(others)
    assert [[row["round"] for row in round_rows(file)] for file in wandb_reader.fragments(tmp_path)] == [
        [0],
        [1, 2],
    ]


@pytest.mark.parametrize("content", [None, "", "[]", '{"name": "x"}'])
def test_a_missing_or_damaged_record_of_the_run_is_replaced(tmp_path, content):
    (tmp_path / "wandb").mkdir()
    if content is not None:
        (tmp_path / "wandb" / "run.json").write_text(content)
    record = read_record(tmp_path)
    assert len(record.id) == 8
    assert record.last_round() == -1
    assert read_record(tmp_path) == record
