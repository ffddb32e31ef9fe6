"""Sweeps on a Slurm cluster that the tests start: `make test-slurm`."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from alframe.cli import sweep
from tests.slurm.cluster import Cluster, NoClusterError, cluster
from tests.support.helpers import UNMEASURED, alframe, process_of

pytestmark = [
    pytest.mark.skipif("ALFRAME_TEST_SLURM" not in os.environ, reason="make test-slurm"),
    pytest.mark.timeout(1800),
]
TRIAL = [
    "-m",
    *UNMEASURED,
    "data=digits",
    "data.limit=300",
    "tracker=none",
    "threads=1",
    "learner.steps=40",
    "stopping.min_rounds=1",
    "stopping.max_rounds=8",
    "query.num=10",
]
SLURM = [
    "hydra/launcher=slurm",
    "hydra.launcher.cpus_per_task=1",
    "hydra.launcher.gpus_per_node=null",
    "hydra.launcher.mem_gb=1",
]


@pytest.fixture(scope="module")
def slurm() -> Iterator[Cluster]:
    """A running cluster; a socket's path must be short, which that of tmp_path is not."""
    with tempfile.TemporaryDirectory(prefix="slurm") as folder:
        try:
            with cluster(Path(folder)) as found:
                print(found.version())
                yield found
        except NoClusterError as error:
            pytest.skip(str(error))


def until(what: Callable[[], object], process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + 600
    while not what():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


def rounds(directory: Path, name: str) -> int:
    return len(list((directory / name / "state").glob("round-*.state")))


def started(slurm: Cluster, line: list[str], cwd: Path):  # type: ignore[no-untyped-def]
    environment = {**os.environ, **slurm.environment, "OMP_NUM_THREADS": "1"}
    return process_of([sys.executable, "-m", "alframe", *line], cwd=cwd, env=environment)


def job_number(slurm: Cluster, index: int) -> str:
    [name] = [name for name in slurm.states() if name.endswith(f"_{index}")]
    return name


def test_jobs_that_are_killed_cancelled_requeued_or_out_of_time(slurm: Cluster, tmp_path: Path) -> None:
    directory = tmp_path / "sweep"
    line = [*TRIAL, "seed=1,2,3,4,5", *SLURM, f"hydra.sweep.dir={directory}"]
    acts: dict[int, Callable[[str], object]] = {
        0: lambda name: os.kill(int((directory / "0" / "state" / "lock").read_text()), signal.SIGKILL),
        1: lambda name: slurm.run("scancel", name),
        2: lambda name: slurm.run("scontrol", "requeue", name),
        3: lambda name: slurm.run("scancel", "--signal=USR2", name),  # as at the end of its time
    }
    with started(slurm, line, tmp_path) as process:
        while acts:
            until(lambda: any(rounds(directory, str(index)) for index in acts), process)
            [index, *_] = [index for index in acts if rounds(directory, str(index))]
            acts.pop(index)(job_number(slurm, index))
        out, err = process.communicate(timeout=900)
    assert process.returncode == 1, (out, err)
    assert "3 trials finished, 2 failed" in out
    assert [text.count(sweep.KILLED) for text in err.splitlines()] == [1, 1], err
    assert "The same command continues with what is missing." in out
    with started(slurm, line, tmp_path) as process:
        out, err = process.communicate(timeout=900)
    assert process.returncode == 0, (out, err)
    assert "5 trials finished, 0 failed" in out
    alone = alframe(*TRIAL, "seed=1,2,3,4,5", "hydra.sweep.dir=alone", cwd=tmp_path)
    assert alone.returncode == 0, alone.stderr
    for name in "01234":
        ours, theirs = (folder / name / "labels.csv" for folder in (directory, tmp_path / "alone"))
        assert ours.read_bytes() == theirs.read_bytes()


def test_a_failing_trial_and_a_cancelled_one_that_had_not_begun(slurm: Cluster, tmp_path: Path) -> None:
    one_at_a_time = "hydra.launcher.array_parallelism=1"
    line = [*TRIAL, *SLURM, one_at_a_time, "seed=1,2", "query.share=null,0.1", "hydra.sweep.dir=sweep"]
    with started(slurm, line, tmp_path) as process:
        until(lambda: rounds(tmp_path / "sweep", "0"), process)
        slurm.run("scancel", job_number(slurm, 2))
        out, err = process.communicate(timeout=900)
    assert process.returncode == 1, (out, err)
    assert "1 trial finished, 2 failed, 1 not begun" in out
    assert err.count("expected a share or a number, not both") == 2
    assert len(err.splitlines()) == 2


def test_the_command_may_die_and_the_jobs_go_on(slurm: Cluster, tmp_path: Path) -> None:
    line = [*TRIAL, *SLURM, "seed=1,2", "hydra.sweep.dir=sweep"]
    with started(slurm, line, tmp_path) as process:
        until(lambda: rounds(tmp_path / "sweep", "0") and rounds(tmp_path / "sweep", "1"), process)
        process.kill()
        process.communicate()
    again = alframe(*line, cwd=tmp_path, **slurm.environment)
    assert again.returncode == 2
    assert "an earlier launch left 2 trials at work" in again.stderr
    deadline = time.monotonic() + 600
    while slurm.states():
        assert time.monotonic() < deadline
        time.sleep(0.5)
    assert len(list(tmp_path.glob("sweep/*/summary.json"))) == 2


def test_ctrl_c_ends_the_jobs(slurm: Cluster, tmp_path: Path) -> None:
    line = [*TRIAL, *SLURM, "hydra.launcher.array_parallelism=1", "seed=1,2", "hydra.sweep.dir=sweep"]
    with started(slurm, line, tmp_path) as process:
        until(lambda: rounds(tmp_path / "sweep", "0"), process)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=900)
    assert process.returncode == 130, (out, err)
    assert "0 trials finished, 0 failed, 1 interrupted, 1 not begun" in out
    assert not slurm.states()


def test_settings_that_the_cluster_refuses_are_a_mistake_of_the_user(slurm: Cluster, tmp_path: Path) -> None:
    line = [*TRIAL, *SLURM, "hydra.launcher.partition=nowhere", "seed=1,2", "hydra.sweep.dir=sweep"]
    done = alframe(*line, cwd=tmp_path, **slurm.environment)
    assert done.returncode == 2
    *of_slurm, line_of_ours = done.stderr.splitlines()
    assert all(text.startswith("sbatch: error:") for text in of_slurm)
    assert line_of_ours.startswith("alframe: hydra.launcher: expected settings that the cluster accepts")


def test_a_search_runs_its_trials_as_jobs(slurm: Cluster, tmp_path: Path) -> None:
    line = [*TRIAL, *SLURM, "+sweep=search", "hydra.sweeper.n_trials=3", "hydra.sweeper.n_jobs=3"]
    line += ["stopping.max_hand_labels=60", "stopping.max_rounds=2", "hydra.sweep.dir=search"]
    done = alframe(*line, cwd=tmp_path, **slurm.environment)
    assert done.returncode == 0, done.stderr
    assert "3 trials finished, 0 failed" in done.stdout
    assert json.loads((tmp_path / "search" / "0" / "summary.json").read_text())["hand_labels"] <= 60
