"""Trials that are killed, interrupted, damaged or started twice."""

import errno
import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from unittest import mock

import pytest

from alframe import _files as files
from alframe.config.trial_identity import identity, trial_name
from alframe.core.errors import TrialError, TrialNotice, UserError
from alframe.trial.resume import find_state
from alframe.trial.run import run_trial
from alframe.trial.state import DamagedStateError, decode, load_state, state_files, write_state
from tests.support.helpers import (
    UNMEASURED,
    alframe,
    alframe_process,
    config_of,
    press_ctrl_c,
    process_of,
    read_rows,
)
from tests.support.wandb_reader import fragments

ALL = os.environ.get("ALFRAME_ALL_KILLS") == "1"
QUICK = [
    *UNMEASURED,
    "data=digits",
    "data.limit=600",
    "tracker=none",
    "learner.steps=6",
    "learner.batch_size=16",
    "learner.pool_batch_size=16",
    "query.num=40",
    "stopping.min_rounds=4",
    "stopping.max_rounds=4",
]


# A fit grows by 75 steps a round by default. By 10, "final" alone takes 1.5 s instead of 4 to 5 s,
# and auto-labels come and go in its later rounds as before.
FAST = [
    "learner.steps=6",
    "learner.batch_size=16",
    "learner.pool_batch_size=16",
    *([] if ALL else ["learner.steps_growth=10"]),
]
UNDER_FIRE = {
    "default": FAST,
    "validated": [*FAST, "auto_label=validated", "auto_label.validation_size=100", "learner.ensemble=1"],
    "supervised": [
        "query=badge",
        "learner=supervised",
        "learner.max_epochs=2",
        "oracle=noisy",
        "oracle.rate=0.1",
    ],
    "final": [
        *FAST,
        "stopping=mcal",
        "stopping.validation_size=100",
        "learner.final.networks=1",
        "remainder=auto",
    ],
}


@pytest.mark.timeout(3600 if ALL else 240)
@pytest.mark.parametrize(
    "overrides",
    [
        pytest.param(each, marks=[] if name == "default" else [pytest.mark.long], id=name)
        for name, each in UNDER_FIRE.items()
    ],
)
def test_killed_trials_end_with_the_same_labels(tmp_path, overrides):
    script = Path(__file__).parents[1] / "support" / "kill_trials.py"
    kills = 60 if ALL else 3
    if not ALL:
        overrides = [*overrides, "data.limit=600"]
    python_path = f"{script.parents[2]}:{os.environ.get('PYTHONPATH', '')}"
    with process_of(
        [sys.executable, script, tmp_path / "trials", *overrides, "--kills", str(kills)],
        env={**os.environ, "PYTHONPATH": python_path, "OMP_NUM_THREADS": "1"},
    ) as process:
        out, err = process.communicate()
    assert process.returncode == 0, err
    result = json.loads(out.splitlines()[-1])
    assert result["kills"] == kills
    assert result["same"] == result["trials"]
    assert result["rows_changed"] == 0


def stopped_after(directory: Path, n_rounds: int, *overrides: str) -> dict:
    """Run a trial until so many rounds are done; return its config."""
    config = config_of(*QUICK, *overrides)
    asked = iter(range(100))
    with pytest.raises(KeyboardInterrupt):
        run_trial(config, directory, stop_wanted=lambda: next(asked) == n_rounds)
    return config


@pytest.fixture(scope="module")
def half_done(tmp_path_factory):
    directory = tmp_path_factory.mktemp("half") / "trial"
    return directory, stopped_after(directory, 2)


def test_a_stopped_trial_keeps_its_rows_and_records_its_status(half_done):
    directory, _ = half_done
    assert [row["round"] for row in read_rows(directory / "rounds.csv")] == ["0", "1", "2"]
    assert json.loads((directory / "failure.json").read_text())["status"] == "interrupted"
    assert [file.name for file in state_files(directory)] == ["round-0002.state", "round-0001.state"]


def test_a_resumed_trial_keeps_the_rows_and_clears_up(half_done, tmp_path, capsys):
    directory = tmp_path / "trial"
    shutil.copytree(half_done[0], directory)
    before = (directory / "rounds.csv").read_text()
    summary = run_trial(half_done[1], directory)
    assert (directory / "rounds.csv").read_text().startswith(before)
    assert "resumed after round 2" in capsys.readouterr().out
    assert summary.rounds == 4
    assert not (directory / "failure.json").exists()
    assert state_files(directory) == []
    alone = tmp_path / "alone"
    run_trial(half_done[1], alone)
    assert (alone / "labels.csv").read_bytes() == (directory / "labels.csv").read_bytes()
    assert summary.seconds > sum(float(row["seconds"]) for row in read_rows(directory / "rounds.csv"))


def damaged(content: bytes, other: bytes, how: str, draw: random.Random) -> bytes:
    if how == "truncated":
        return content[: draw.randrange(1, len(content))]
    if how == "bit flipped":
        position = draw.randrange(len(content))
        return (
            content[:position] + bytes([content[position] ^ 1 << draw.randrange(8)]) + content[position + 1 :]
        )
    if how == "block zeroed":
        position = draw.randrange(len(content) - 4096)
        return content[:position] + bytes(4096) + content[position + 4096 :]
    if how == "longer":
        return content + draw.randbytes(draw.randrange(1, 100))
    return {"empty": b"", "another file": b"round,hand\n1,2\n", "another round": other}[how]


KINDS = ["truncated", "bit flipped", "block zeroed", "longer", "empty", "another file", "another round"]


@pytest.mark.parametrize("how", KINDS)
def test_a_damaged_state_is_refused_or_replaced_by_an_earlier_one(half_done, tmp_path, how):
    directory, config = tmp_path / "trial", half_done[1]
    shutil.copytree(half_done[0], directory)
    newest, earlier = state_files(directory)
    good, before = newest.read_bytes(), earlier.read_bytes()
    draw = random.Random(how)
    for _ in range(15):
        content = damaged(good, before, how, draw)
        if content == good:  # zeros upon zeros
            continue
        newest.write_bytes(content)
        with pytest.warns(
            TrialNotice, match=r"state/round-0002\.state .* The trial resumes from state/round-0001\.state"
        ):
            state = find_state(directory, identity(config))
        assert state is not None
        assert state.result.report.round == 1
    earlier.write_bytes(before[:-1])
    with pytest.raises(UserError, match=r"round-0002\.state .*round-0001\.state"):
        run_trial(config, directory)
    assert [row["round"] for row in read_rows(directory / "rounds.csv")] == ["0", "1", "2"]


def test_an_earlier_round_leads_to_the_same_labels(half_done, tmp_path):
    directory, config = tmp_path / "trial", half_done[1]
    shutil.copytree(half_done[0], directory)
    state_files(directory)[0].write_bytes(b"")
    with pytest.warns(TrialNotice, match="is empty"):
        run_trial(config, directory)
    run_trial(config, tmp_path / "alone")
    assert (tmp_path / "alone" / "labels.csv").read_bytes() == (directory / "labels.csv").read_bytes()


def test_a_state_of_another_trial_is_refused_with_the_differences(half_done, tmp_path):
    directory = tmp_path / "trial"
    shutil.copytree(half_done[0], directory)
    with pytest.raises(UserError, match=r"query\.num is 40 there and 41 here"):
        run_trial(config_of(*QUICK, "query.num=41"), directory)
    run_trial(config_of(*QUICK, "data_dir=elsewhere"), directory)  # no label depends on it


def test_a_state_of_other_data_is_refused(half_done, tmp_path):
    directory = tmp_path / "trial"
    shutil.copytree(half_done[0], directory)
    with (
        mock.patch("alframe.trial.data.fingerprint", return_value="others"),
        pytest.raises(UserError, match="started with, got others"),
    ):
        run_trial(half_done[1], directory)


def test_other_versions_are_reported(half_done, tmp_path):
    directory = tmp_path / "trial"
    shutil.copytree(half_done[0], directory)
    with (
        mock.patch("alframe.trial.resume.versions_that_matter", return_value={"alframe": "0", "torch": "0"}),
        pytest.warns(TrialNotice, match="the trial started with alframe"),
    ):
        run_trial(half_done[1], directory)


def test_a_state_is_read_back_as_written(half_done):
    content = state_files(half_done[0])[0].read_bytes()
    again = io.BytesIO()
    write_state(decode(content), again)
    assert again.getvalue() == content
    with pytest.raises(DamagedStateError, match="checksum"):
        decode(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(DamagedStateError, match="cannot be read"):
        load_state(half_done[0] / "state" / "round-0099.state")


def test_two_processes_are_kept_apart(half_done, tmp_path):
    directory = tmp_path / "trial"
    shutil.copytree(half_done[0], directory)
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, pathlib, alframe.trial.directory as d\n"
            "with d.occupied(pathlib.Path(sys.argv[1])):\n print('in', flush=True); sys.stdin.read()",
            str(directory),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout.readline() == "in\n"
        with pytest.raises(UserError, match=f"process {holder.pid} is at work"):
            run_trial(half_done[1], directory)
    finally:
        holder.communicate()
    run_trial(half_done[1], directory)


@pytest.mark.parametrize("what", ["state", "rounds.csv"])
def test_a_full_disk_is_reported_in_one_line_and_costs_a_round(half_done, tmp_path, what):
    directory, config = tmp_path / "trial", half_done[1]
    shutil.copytree(half_done[0], directory)
    rows = (directory / "rounds.csv").read_text()
    write = files._write

    def full(path, content, to_disk):
        if what in path.name and "0001" not in path.name:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(path, content, to_disk)

    with (
        mock.patch("alframe._files._write", full),
        pytest.raises(TrialError, match="No space left on device"),
    ):
        run_trial(config, directory)
    assert (directory / "rounds.csv").read_text() == rows
    run_trial(config, directory)
    assert (directory / "rounds.csv").read_text().startswith(rows)


def test_the_same_command_resumes_a_trial_and_a_finished_trial_stays(tmp_path):
    config = config_of(*QUICK, "seed=5")
    directory = tmp_path / "outputs" / trial_name(config)
    stopped_after(directory, 1, "seed=5")
    done = alframe(*QUICK, "seed=5", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "resumed after round 1" in done.stdout
    labels = (directory / "labels.csv").read_bytes()
    again = alframe(*QUICK, "seed=5", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert "going on" not in again.stdout
    assert sorted(path.name for path in directory.parent.iterdir()) == [directory.name, f"{directory.name}_2"]
    assert (directory.parent / f"{directory.name}_2" / "labels.csv").read_bytes() == labels


def test_a_sweep_started_again_runs_the_missing_trials(tmp_path):
    line = ["-m", *QUICK, "stopping.max_rounds=2", "stopping.min_rounds=1", "seed=1,2", "query.num=41,42"]
    first = alframe(*line, cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    (sweep,) = (tmp_path / "multirun").iterdir()
    (sweep / "1" / "summary.json").unlink()
    shutil.rmtree(sweep / "2")
    stamps = {name: (sweep / name / "labels.csv").stat().st_mtime_ns for name in ("0", "3")}
    again = alframe(*line, cwd=tmp_path)
    assert [line for line in again.stdout.splitlines() if "finished before" in line] == [
        "[1 of 4] 0 (query.num=41 seed=1): finished before",
        "[4 of 4] 3 (query.num=42 seed=2): finished before",
    ]
    assert "expected a directory without a trial" in again.stderr  # rounds.csv without a state to resume from
    assert again.returncode == 1
    assert (sweep / "2" / "summary.json").exists()
    assert stamps == {name: (sweep / name / "labels.csv").stat().st_mtime_ns for name in ("0", "3")}


def test_a_sweep_refuses_the_directory_of_another_trial(tmp_path):
    line = [
        "-m",
        *QUICK,
        "stopping.max_rounds=1",
        "stopping.min_rounds=1",
        f"hydra.sweep.dir={tmp_path / 'sweep'}",
    ]
    assert alframe(*line, "seed=1", cwd=tmp_path).returncode == 0
    other = alframe(*line, "seed=2", cwd=tmp_path)
    assert other.returncode == 2
    assert "seed is 1 there and 2 here" in other.stderr


def wait_for(what, process, seconds=120.0):
    deadline = time.monotonic() + seconds
    while not what():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_resumed_wandb_run_keeps_its_id_and_has_each_round_once(tmp_path, monkeypatch):
    monkeypatch.delenv("WANDB_SERVICE", raising=False)  # of this process: it would outlive the killed ones
    line = [*UNMEASURED, "data=digits", "data.limit=600", "learner.steps=40", "stopping.max_rounds=7",
            "auto_label=none", "hydra.run.dir=trial"]  # fmt: skip
    rows = tmp_path / "trial" / "rounds.csv"
    for n_rows in (2, 4):
        with alframe_process(*line, cwd=tmp_path) as process:
            wait_for(lambda n_rows=n_rows: rows.exists() and len(read_rows(rows)) >= n_rows, process)
            process.kill()
            process.communicate()
    done = alframe(*line, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    [run] = fragments(tmp_path / "trial")  # what the killed processes left is deleted and logged again
    assert [row["round"] for row in run.history() if "labels/hand" in row] == list(range(9))
    assert "To W&B: wandb sync trial/wandb/offline-run-*" in done.stdout


def test_a_resumed_tensorboard_run_has_each_round_once(tmp_path):
    accumulators = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    config = stopped_after(tmp_path, 2, "tracker=tensorboard")
    run_trial(config, tmp_path)
    events = accumulators.EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [event.step for event in events.Scalars("labels/hand")] == list(range(6))
    shown = events.Scalars("summary/mislabelled_share")[-1].value
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert shown == pytest.approx(summary["mislabelled_share"])


@pytest.mark.parametrize("presses", [1, 2])
def test_ctrl_c_once_ends_after_the_round_and_twice_at_once(tmp_path, presses):
    long = [*UNMEASURED, "data=digits", "tracker=none", "learner.steps=150", "hydra.run.dir=trial"]
    rows = tmp_path / "trial" / "rounds.csv"
    with alframe_process(*long, cwd=tmp_path) as process:
        wait_for(lambda: rows.exists() and len(read_rows(rows)) == 2, process)
        printed = press_ctrl_c(process)
        if presses == 2:
            process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=100)
    assert process.returncode == 130, (out, printed + err)
    assert "the trial ends after this round" in printed
    assert "The same command continues from the last finished round" in out
    # The first press may come in the moment between the row of round 1 and the end of that round.
    assert len(read_rows(rows)) in ((2, 3) if presses == 1 else (2,))
    assert state_files(tmp_path / "trial")
