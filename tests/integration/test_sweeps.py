"""Sweeps with launchers of several processes, a search, and what is killed or interrupted."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import joblib
import pytest
import yaml

from alframe._text import counted
from alframe.cli import sweep
from tests.support.helpers import UNMEASURED, Done, alframe, alframe_process, read_rows

TINY = [
    *UNMEASURED,
    "data=digits",
    "data.limit=300",
    "tracker=none",
    "learner.steps=6",
    "stopping.min_rounds=1",
    "stopping.max_rounds=2",
    "query.num=10",
]
CORES = ["hydra/launcher=cores", "hydra.launcher.n_jobs=2"]
PACKED = ["hydra/launcher=packed", "hydra.launcher.n_jobs=2"]
GRID = ["-m", *TINY, "threads=1", "seed=1,2", "query.share=null,0.1"]  # beside query.num=10


@pytest.fixture(scope="module", autouse=True)
def one_environment() -> Iterator[None]:
    """The same environment in all tests: joblib's processes are made once and used by all."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("OMP_NUM_THREADS", raising=False)
        yield


def statuses_in(directory: Path) -> list[str]:
    """Return the last word of each job."""
    return [json.loads(file.read_text())["status"] for file in sorted((directory / ".jobs").glob("*.json"))]


@pytest.fixture(scope="module")
def launched(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Done]]:
    """The same sweep by three launchers, half of its trials impossible."""
    folder = tmp_path_factory.mktemp("sweeps")
    ways: dict[str, list[str]] = {"basic": [], "cores": CORES, "packed": PACKED}
    return {
        way: (folder / way, alframe(*GRID, *launcher, f"hydra.sweep.dir={folder / way}", cwd=folder))
        for way, launcher in ways.items()
    }


@pytest.mark.parametrize("way", ["basic", "cores", "packed"])
def test_a_bad_trial_fails_alone_and_its_reason_is_printed(
    launched: dict[str, tuple[Path, Done]], way: str
) -> None:
    directory, done = launched[way]
    assert done.returncode == 1
    assert f"2 trials finished, 2 failed, in {directory}\n" in done.stdout
    head, *lines = done.stdout.splitlines()
    assert head == f"4 trials in {way}" + ("" if way == "basic" else ", 2 at a time")
    # What other processes print is not to be had here.
    assert sorted(line[:27] for line in lines if line.startswith("[")) == [
        f"[{number + 1} of 4] {number} (seed={1 + number // 2} query.sh"
        for number in range(0 if way == "cores" else 4)
    ]
    assert "test acc %" not in done.stdout  # no tables
    message = "query: expected a share or a number, not both, got 'share=0.1 and num=10'"
    assert [line.partition(". Write")[0] for line in done.stderr.splitlines()] == [
        f"  {directory}/1 (seed=1 query.share=0.1): {message}",
        f"  {directory}/3 (seed=2 query.share=0.1): {message}",
    ]
    assert statuses_in(directory) == ["finished", "failed", "finished", "failed"]
    assert message in json.loads((directory / "1" / "failure.json").read_text())["reason"]


def test_no_label_depends_on_the_launcher(launched: dict[str, tuple[Path, Done]]) -> None:
    labels = {
        way: [(directory / name / "labels.csv").read_bytes() for name in ("0", "2")]
        for way, (directory, _) in launched.items()
    }
    assert labels["basic"] == labels["cores"]
    assert labels["basic"][0] != labels["basic"][1]


def n_same(one: Path, other: Path) -> tuple[int, int]:
    """Return how many samples have the same label in both trials, and how many there are."""
    labels = [{row["index"]: row["label"] for row in read_rows(each / "labels.csv")} for each in (one, other)]
    return sum(labels[0].get(index) == label for index, label in labels[1].items()), len(labels[1])


def test_trials_that_are_trained_together_have_the_labels_of_trials_alone(
    launched: dict[str, tuple[Path, Done]],
) -> None:
    # Sums are rounded otherwise, so that a prediction near a tie may change.
    for name in ("0", "2"):
        alone, together = (launched[way][0] / name for way in ("basic", "packed"))
        same, n = n_same(alone, together)
        assert n == 300
        assert same >= 0.97 * n
        rounds = [read_rows(each / "rounds.csv") for each in (alone, together)]
        assert [row["hand_new"] for row in rounds[0]] == [row["hand_new"] for row in rounds[1]]
        configs = [yaml.safe_load((each / "config.yaml").read_text()) for each in (alone, together)]
        assert [config["chosen"]["engine"] for config in configs] == ["reference", "packed"]
        assert json.loads((together / "summary.json").read_text())["engine"] == "packed"


@pytest.mark.long
def test_a_packed_sweep_that_is_killed_continues(tmp_path: Path) -> None:
    line = ["-m", *TINY, "threads=1", "seed=1,2,3", *PACKED, f"hydra.sweep.dir={tmp_path}"]
    with alframe_process(*line, cwd=tmp_path) as process:
        until(lambda: len(list(tmp_path.glob("*/state/round-*.state"))) >= 2, process)
        process.kill()
        process.communicate()
    assert "running" in statuses_in(tmp_path)
    done = alframe(*line, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("resumed after") == 2
    assert statuses_in(tmp_path) == ["finished"] * 3


def test_a_launcher_continues_the_sweep_of_another(launched: dict[str, tuple[Path, Done]]) -> None:
    directory, _ = launched["basic"]
    stamp = (directory / "0" / "labels.csv").stat().st_mtime_ns
    again = alframe(*GRID, *CORES, f"hydra.sweep.dir={directory}", cwd=directory.parent)
    assert "2 trials finished, 2 failed" in again.stdout
    assert (directory / "0" / "labels.csv").stat().st_mtime_ns == stamp


def test_processes_at_a_time_share_the_cores(tmp_path: Path) -> None:
    done = alframe("-m", *TINY, "seed=1,2", *CORES, f"hydra.sweep.dir={tmp_path}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    configs = [yaml.safe_load((tmp_path / name / "config.yaml").read_text()) for name in "01"]
    assert [config["threads"] for config in configs] == [None, None]
    assert [config["chosen"]["threads"] for config in configs] == [max(1, joblib.cpu_count() // 2)] * 2


def test_a_second_launch_of_a_sweep_is_refused(tmp_path: Path) -> None:
    with sweep.launching(tmp_path):
        done = alframe(*GRID, f"hydra.sweep.dir={tmp_path}", cwd=tmp_path)
    assert done.returncode == 2
    assert "expected a sweep that no other process works at" in done.stderr
    assert len(done.stderr.splitlines()) == 1


SEARCH = [
    "-m",
    "+sweep=search",
    *TINY,
    "threads=1",
    "stopping.max_hand_labels=80",
    "hydra.sweeper.n_trials=4",
]


def test_a_search_continues_after_a_bad_trial_and_repeats_its_best(tmp_path: Path) -> None:
    directory = tmp_path / "search"
    line = [*SEARCH, "learner.optimizer.lr=choice(0.003,0.004,1e9)", f"hydra.sweep.dir={directory}"]
    done = alframe(*line, cwd=tmp_path)
    statuses = statuses_in(directory)
    assert set(statuses) == {"finished", "failed"}
    n_failed = statuses.count("failed")
    assert done.returncode == 1
    assert f"{4 - n_failed} trials finished, {n_failed} failed, in {directory}" in done.stdout
    shares = {
        file.parent.name: json.loads(file.read_text())["mislabelled_share"]
        for file in directory.glob("*/summary.json")
    }
    best = yaml.safe_load((directory / "optimization_results.yaml").read_text())
    assert best["best_value"] == min(shares.values())
    assert f"best mislabelled_share={min(shares.values()):.6g}: auto_label.threshold=" in done.stdout
    assert all(line.startswith("  ") for line in done.stderr.splitlines())  # no words of Optuna's own
    again = alframe(*line, cwd=tmp_path)
    assert f"\n{counted(4 - n_failed, 'trial')} finished before\n" in again.stdout
    assert statuses_in(directory) == statuses
    assert yaml.safe_load((directory / "optimization_results.yaml").read_text()) == best


def test_a_search_ends_a_trial_that_does_badly_after_its_round(tmp_path: Path) -> None:
    line = [
        *SEARCH,
        "hydra.sweeper.n_trials=1",
        f"hydra.sweep.dir={tmp_path}",
        "+hydra.sweeper.pruner.upper=-1",
    ]
    line += ["hydra.sweeper.pruner._target_=optuna.pruners.ThresholdPruner"]
    done = alframe(*line, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "0 trials finished, 0 failed, 1 pruned" in done.stdout
    assert [row["kind"] for row in read_rows(tmp_path / "0" / "rounds.csv")] == ["seed", "round"]
    again = alframe(*line, cwd=tmp_path)
    assert "0 trials finished, 0 failed, 1 pruned" in again.stdout
    assert statuses_in(tmp_path) == ["pruned"]


@pytest.mark.long
def test_a_search_for_two_figures_with_two_trials_at_a_time(tmp_path: Path) -> None:
    two = ["objective=[hand_share,mislabelled_share]", "hydra.sweeper.direction=[minimize,minimize]"]
    directory = f"hydra.sweep.dir={tmp_path}"
    done = alframe(*SEARCH, *two, *CORES, "hydra.sweeper.n_jobs=2", directory, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "4 trials finished, 0 failed" in done.stdout
    assert "best hand_share=" in done.stdout
    assert statuses_in(tmp_path) == ["finished"] * 4


@pytest.mark.long
def test_a_search_that_is_killed_ends_as_one_that_was_not(tmp_path: Path) -> None:
    line = [*SEARCH, "hydra.sweeper.n_trials=3", *CORES, "hydra.sweeper.n_jobs=2"]
    with alframe_process(*line, "hydra.sweep.dir=killed", cwd=tmp_path) as process:
        until(lambda: len(list(tmp_path.glob("killed/*/state/round-*.state"))) >= 1, process)
        process.kill()
        process.communicate()
    for name in ("killed", "whole"):
        done = alframe(*line, f"hydra.sweep.dir={name}", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert "3 trials finished, 0 failed" in done.stdout
    for file in ("optimization_results.yaml", *(f"{number}/labels.csv" for number in range(3))):
        assert (tmp_path / "killed" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()


def workers_of(process: "subprocess.Popen[str]") -> list[int]:
    """Return the processes in which a command runs its trials."""
    children = [
        int(number)
        for task in Path(f"/proc/{process.pid}/task").glob("*/children")
        for number in task.read_text().split()
    ]
    return [number for number in children if b"popen_loky" in Path(f"/proc/{number}/cmdline").read_bytes()]


def gone(number: int) -> bool:
    stat = Path(f"/proc/{number}/stat")
    return not stat.exists() or stat.read_text().rpartition(") ")[2].startswith("Z")


def until(what: Callable[[], bool], process: "subprocess.Popen[str] | None" = None) -> None:
    deadline = time.monotonic() + 120
    while not what():
        assert process is None or process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def killed_while_two_run(directory: Path, process: "subprocess.Popen[str]") -> str:
    """Kill one of two processes that have a trial at work and return its trial's name."""

    def at_work() -> list[tuple[int, dict[str, Any]]]:
        jobs = [json.loads(file.read_text()) for file in sorted((directory / ".jobs").glob("*.json"))]
        locks = [(directory / job["directory"] / "state" / "lock", job) for job in jobs]
        numbers = [(lock.read_text().strip(), job) for lock, job in locks if lock.exists()]
        workers = set(map(str, workers_of(process)))  # a lock keeps the number of an earlier process
        return [
            (int(number), job) for number, job in numbers if job["status"] == "running" and number in workers
        ]

    until(lambda: len(at_work()) == 2, process)
    (number, one), _ = at_work()
    os.kill(number, signal.SIGKILL)
    return f"{one['directory']} ({one['overrides']})"


@pytest.mark.long
def test_a_sweep_that_is_killed_or_interrupted_continues(tmp_path: Path) -> None:
    directory = tmp_path / "sweep"
    trials = ["-m", *TINY, "learner.steps=60", "threads=1", "seed=1,2,3"]
    line = [*trials, *CORES, f"hydra.sweep.dir={directory}"]

    # The command is killed: its processes end by themselves.
    with alframe_process(*line, cwd=tmp_path) as process:
        until(lambda: len(list(directory.glob("*/state/round-*.state"))) >= 2, process)
        workers = workers_of(process)
        assert len(workers) == 2
        process.kill()
        until(lambda: all(gone(worker) for worker in workers))
        process.communicate()

    # Ctrl-C in a terminal reaches every process: the trials end after their rounds and no other begins.
    with alframe_process(*line, cwd=tmp_path) as process:
        until(lambda: len(workers_of(process)) == 2 and statuses_in(directory).count("running") == 2, process)
        for number in (process.pid, *workers_of(process)):
            os.kill(number, signal.SIGINT)
        out, err = process.communicate(timeout=120)
    assert process.returncode == 130, (out, err)
    assert err == (
        "\nalframe: the trials end after their rounds and no other begins; Ctrl-C again ends it at once.\n"
    )
    assert "interrupted" in out or "not begun" in out  # as many as were not finished before

    done = alframe(*line, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    alone = alframe(*trials, "hydra.sweep.dir=alone", cwd=tmp_path)
    assert alone.returncode == 0
    for name in "012":
        ours, theirs = (tmp_path / way / name for way in ("sweep", "alone"))
        assert (ours / "labels.csv").read_bytes() == (theirs / "labels.csv").read_bytes()
        assert len(read_rows(ours / "rounds.csv")) == len(read_rows(theirs / "rounds.csv"))


def test_a_killed_trial_is_reported_and_the_same_command_continues(tmp_path: Path) -> None:
    directory = tmp_path / "sweep"
    line = [
        "-m",
        *TINY,
        "learner.steps=60",
        "threads=1",
        "seed=1,2,3",
        *CORES,
        f"hydra.sweep.dir={directory}",
    ]
    with alframe_process(*line, cwd=tmp_path) as process:
        name = killed_while_two_run(directory, process)
        out, err = process.communicate(timeout=120)
    assert process.returncode == 1, (out, err)
    assert f"  {directory}/{name}: {sweep.KILLED}\n" in err
    assert "Traceback" not in err
    assert "The same command continues with what is missing." in out
    done = alframe(*line, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "3 trials finished, 0 failed" in done.stdout
