"""The command as a user types it, in processes of their own: files, exit codes, one clear line."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from tests.support.helpers import SHORT, alframe, alframe_process, press_ctrl_c, read_rows
from tests.support.wandb_reader import WandbFile

COLUMNS = (
    "round train_samples train_steps train_seconds score_seconds hand_new auto_new hand_labels auto_labels "
    "unlabelled mislabelled mislabelled_share auto_label_error coverage threshold test_accuracy seconds"
)

SUMMARY = (
    "n_samples n_classes rounds hand_labels hand_share auto_labels coverage mislabelled mislabelled_share "
    "auto_label_error test_accuracy seconds train_seconds score_seconds seed device engine precision data "
    "versions stopped_because certificate cost per_class mislabelled_share_macro set_aside check "
    "spot_checks spot_checks_wrong test_accuracy_macro answer_times"
)


def test_two_rounds_on_digits_leave_the_files_of_the_contract(tmp_path: Path) -> None:
    done = alframe(
        *SHORT, "auto_label=threshold", "auto_label.threshold=0.3", "hydra.run.dir=trial", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    trial = tmp_path / "trial"

    rows = read_rows(trial / "rounds.csv")
    assert " ".join(rows[0]).startswith(COLUMNS)
    assert [row["round"] for row in rows] == ["0", "1", "2", "3"]
    assert [row["kind"] for row in rows] == ["seed", "round", "round", "closing"]
    assert rows[1]["train_steps"] == "15"
    assert rows[-1]["unlabelled"] == "0"

    summary = json.loads((trial / "summary.json").read_text())
    assert " ".join(summary) == SUMMARY
    assert (summary["n_samples"], summary["rounds"], summary["n_classes"]) == (300, 2, 10)
    assert summary["test_accuracy"] is None
    assert summary["certificate"] is None
    assert [item["class"] for item in summary["per_class"]] == [str(digit) for digit in range(10)]
    for key in ("n_samples", "hand_labels", "auto_labels", "mislabelled"):
        assert sum(item[key] for item in summary["per_class"]) == summary[key]
    assert summary["hand_labels"] == sum(int(row["hand_new"]) for row in rows)
    assert summary["mislabelled"] == int(rows[-1]["mislabelled"])

    labels = read_rows(trial / "labels.csv")
    assert list(labels[0]) == ["index", "label", "source", "round", "confidence", "log_odds"]
    assert len(labels) == 300
    hand = [row for row in labels if row["source"] in ("seed", "query", "remainder")]
    assert len(hand) == summary["hand_labels"]
    auto = [row for row in labels if row["source"] == "auto"]
    assert all(float(row["confidence"]) > 0.3 for row in auto)
    from sklearn.datasets import load_digits

    truth = load_digits().target
    assert all(int(row["label"]) == truth[int(row["index"])] for row in hand)
    assert sum(int(row["label"]) != truth[int(row["index"])] for row in auto) == summary["mislabelled"]

    config = OmegaConf.load(trial / "config.yaml")
    assert config.chosen.engine == "reference"
    assert config.learner.steps == 15

    assert "hand labels" in done.stdout
    assert "Files in trial: labels.csv rounds.csv summary.json config.yaml wandb" in done.stdout

    run = WandbFile(trial)
    assert run.of("exit")[0].exit_code == 0
    history = run.history()
    assert [row["round"] for row in history if "labels/hand" in row] == [0, 1, 2, 3]
    for key in ("hand", "auto", "unlabelled", "mislabelled_share", "auto_label_error", "coverage"):
        assert any(f"labels/{key}" in row for row in history), key


def test_same_seed_same_labels_other_seed_other_labels(tmp_path: Path) -> None:
    for name, seed in (("a", 4), ("b", 4), ("c", 5)):
        done = alframe(*SHORT, "tracker=none", f"seed={seed}", f"hydra.run.dir={name}", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    first, again, other = ((tmp_path / name / "labels.csv").read_text() for name in "abc")
    assert first == again
    assert first != other


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (["auto_label.threshold=95"], "got 95. Write 0.95."),
        (["query=margn"], "Did you mean margin?"),
        (["device=cuda:7"], "device: expected a device of this machine"),
        (["initial.num=5000"], "initial.num: expected"),
        (
            ["stopping=mcal", "data.limit=200"],
            "stopping.validation_size: expected fewer samples than the seed set of 60",
        ),
        (["query.share=0.00001"], "query.share: expected a share that comes to at least one of"),
        (["data=mnist", "data_dir=empty", "data.download=false"], "data_dir: expected mnist under"),
        (["data=arrays", "data.path=damaged.npz"], "damaged.npz to be whole"),
        (["data.limit=5000"], "data.limit: expected at most the data set's 1797 samples, got 5000"),
        (["hydra.run.dir=/proc/nowhere"], "/proc/nowhere"),
        (["learner.crop=3"], "learner.crop: expected at most 2 of 8 pixels"),
        (["query._target_=os.system"], "query._target_: expected a class of alframe"),
        (["query._target_=alframe.query.Nope"], "query._target_: expected a class that exists"),
        (["initial._target_=alframe.initial.RandomSeedSet"], "has moved. Write alframe.query.RandomSeedSet."),
        (["tracker.mode=online"], "wandb login"),
        (
            ["learner.final_views=8"],
            "learner.final_views: expected its new name. Write learner.final.views.n.",
        ),
        (["learner.committee=dropout"], "Write learner.committee.kind=dropout."),
    ],
)
def test_a_users_mistake_is_one_line_and_exit_code_2(tmp_path: Path, typed: list[str], message: str) -> None:
    (tmp_path / "damaged.npz").write_bytes(b"PK\x03\x04 not really")
    done = alframe("data=digits", "learner.steps=3", *typed, cwd=tmp_path, HOME=str(tmp_path))
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "outputs").exists()
    assert done.stdout.count("outputs") <= 1  # the line with which a trial starts


def test_a_trial_is_never_written_over(tmp_path: Path) -> None:
    trial = tmp_path / "trial"
    trial.mkdir()
    (trial / "labels.csv").write_text("somebody's work")
    done = alframe(*SHORT, "hydra.run.dir=trial", cwd=tmp_path)
    assert done.returncode == 2
    assert "holds labels.csv" in done.stderr
    assert (trial / "labels.csv").read_text() == "somebody's work"


def test_nan_in_training_names_the_round_and_keeps_the_labels(tmp_path: Path) -> None:
    done = alframe(*SHORT, "learner.optimizer.lr=1e30", "hydra.run.dir=trial", cwd=tmp_path)
    assert done.returncode == 1
    assert "training diverged in round 1: the training loss is NaN or infinite" in done.stderr
    assert "Traceback" not in done.stderr
    labels = read_rows(tmp_path / "trial" / "labels.csv")
    assert sum(row["source"] == "seed" for row in labels) == 60
    assert json.loads((tmp_path / "trial" / "failure.json").read_text())["status"] == "failed"
    assert not (tmp_path / "trial" / "summary.json").exists()
    assert WandbFile(tmp_path / "trial").of("exit")[0].exit_code == 1


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_closes_everything(tmp_path: Path, number: int, code: int) -> None:
    long = [*SHORT, "learner.steps=100000", "learner.max_pool_passes=null", "hydra.run.dir=trial"]
    with alframe_process(*long, cwd=tmp_path) as process:
        deadline = time.monotonic() + 100
        while not (tmp_path / "trial" / "rounds.csv").exists():
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.1)
        time.sleep(0.5)  # in the training of round 1
        if number == signal.SIGINT:  # the first only ends the trial after its round
            press_ctrl_c(process)
        process.send_signal(number)
        _, errors = process.communicate(timeout=100)
    assert process.returncode == code, errors
    assert "Traceback" not in errors
    assert len(read_rows(tmp_path / "trial" / "labels.csv")) == 300
    assert json.loads((tmp_path / "trial" / "failure.json").read_text())["status"] == "interrupted"
    assert WandbFile(tmp_path / "trial").of("exit")[0].exit_code == 130


def test_in_a_sweep_a_bad_trial_fails_alone(tmp_path: Path) -> None:
    done = alframe(
        "-m", *SHORT, "stopping.max_rounds=1", "query.share=null,0.1,null", "query.num=10",
        "hydra.sweep.dir=sweep",
        cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 1
    assert "2 trials finished, 1 failed" in done.stdout
    assert "sweep/1 (query.share=0.1): query: expected a share or a number, not both" in done.stderr
    assert "Traceback" not in done.stderr
    runs = [WandbFile(tmp_path / "sweep" / name) for name in ("0", "2")]
    assert {run.of("run")[0].run_group for run in runs} == {"sweep"}
    assert len({run.of("run")[0].run_id for run in runs}) == 2
    assert {run.config()["query"] for run in runs} == {"margin"}
    assert not (tmp_path / "sweep" / "1" / "wandb").exists()
    # The command on the last line sends every run, with each fragment of a resumed trial.
    fragment = runs[0].path.parent
    shutil.copytree(fragment, fragment.with_name("offline-run-20990101_000000-later"))
    command = done.stdout.splitlines()[-1].removeprefix("To W&B: ")
    assert command == "wandb sync sweep/*/wandb/offline-run-*"
    wandb = Path(sys.executable).with_name("wandb")
    dry = subprocess.run(
        ["bash", "-c", command.replace("wandb sync", f"{wandb} sync --dry-run")],
        cwd=tmp_path, env={**os.environ, "HOME": str(tmp_path)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "Would sync 3 run(s)" in dry.stderr
    assert "sweep/0/wandb/offline-run-20990101_000000-later/" in dry.stderr


def test_a_strategy_from_outside_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "mine.py").write_text(
        "class FileOrder:\n"
        "    needs = frozenset()\n"
        "    def __init__(self, step):\n"
        "        self.step = step\n"
        "    def select(self, scores, labelled, n, generator):\n"
        "        return scores.index_P[:: self.step][:n]\n"
    )
    typed = ["query=none", "query._target_=mine.FileOrder", "+query.step=2", "+query.num=10"]
    short = [argument for argument in SHORT if not argument.startswith("query")]
    done = alframe(*short, *typed, "tracker=none", cwd=tmp_path)
    assert done.returncode == 2
    assert "add trusted_packages=[mine]" in done.stderr
    done = alframe(
        *short, *typed, "tracker=none", "trusted_packages=[mine]", "hydra.run.dir=trial",
        cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = read_rows(tmp_path / "trial" / "rounds.csv")
    assert rows[1]["hand_new"] == "10"


def test_the_package_runs_as_a_module(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "alframe", "--version"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("alframe ")


def test_help_shows_the_groups_and_leaves_nothing(tmp_path: Path) -> None:
    with alframe_process("--help", cwd=tmp_path) as process:
        out, _ = process.communicate(timeout=100)
    assert process.returncode == 0
    assert "alframe -m +sweep=published_trials" in out
    assert "kcentergreedy, least_confidence, margin" in out
    assert not list(tmp_path.iterdir())
