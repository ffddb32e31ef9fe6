"""The jobs of a sweep, its search, and where a command works."""

from pathlib import Path

import pytest

from alframe.cli import sweep
from alframe.cli.sweep import Job, Launch
from alframe.core.errors import UserError
from alframe.trial.directory import at_work, occupied


def test_the_last_status_of_a_job_counts_and_jobs_are_in_order(tmp_path: Path) -> None:
    with sweep.launching(tmp_path):
        sweep.write_status(tmp_path, 10, Job(directory="10", status="failed", reason="no"))
        sweep.write_status(tmp_path, 9, Job(directory="9", status="running"))
        sweep.write_status(tmp_path, 9, Job(directory="9", status="finished", overrides="seed=2"))
        assert [str(job) for job in sweep.read_statuses(tmp_path)] == ["9 (seed=2)", "10"]
        assert [job.status for job in sweep.read_statuses(tmp_path)] == ["finished", "failed"]
        sweep.request_stop(tmp_path)
        assert sweep.stop_requested(tmp_path)
    with sweep.launching(tmp_path):
        assert sweep.read_statuses(tmp_path) == []
        assert not sweep.stop_requested(tmp_path)


def test_a_job_whose_process_died_is_failed_unless_its_directory_is_in_use(tmp_path: Path) -> None:
    with sweep.launching(tmp_path):
        sweep.write_status(tmp_path, 0, Job(directory="0", status="running"))
        [job] = sweep.read_statuses(tmp_path)
        assert (job.status, job.reason) == ("failed", sweep.KILLED)
        with occupied(tmp_path / "0"):
            assert at_work(tmp_path / "0")
            assert [job.status for job in sweep.read_statuses(tmp_path, 0.1)] == ["running"]
        assert not at_work(tmp_path / "0")
        assert not at_work(tmp_path / "nowhere")
        assert not (tmp_path / "nowhere").exists()


def test_a_folder_among_the_status_files_is_ignored(tmp_path: Path) -> None:
    (tmp_path / ".jobs" / "000099.json").mkdir(parents=True)
    with sweep.launching(tmp_path):
        sweep.write_status(tmp_path, 0, Job(directory="0", status="finished"))
        assert [job.directory for job in sweep.read_statuses(tmp_path)] == ["0"]


def test_two_launches_of_a_sweep_are_kept_apart(tmp_path: Path) -> None:
    with (
        sweep.launching(tmp_path),
        pytest.raises(UserError, match="expected a sweep that no other process works at"),
        sweep.launching(tmp_path),
    ):
        pass
    with sweep.launching(tmp_path):
        pass


def test_a_launch_beside_the_trials_of_one_that_was_killed_is_refused_in_one_line(tmp_path: Path) -> None:
    for number in range(3):
        sweep.write_status(tmp_path, number, Job(directory=str(number), status="running"))
    with (
        occupied(tmp_path / "0"),
        occupied(tmp_path / "2"),
        pytest.raises(
            UserError, match=r"an earlier launch left 2 trials at work in .* \(0, 2\)\. Wait"
        ) as caught,
        sweep.launching(tmp_path),
    ):
        pass
    assert "\n" not in str(caught.value)
    assert len(list(tmp_path.glob(".jobs/*.json"))) == 3  # what is known of them is kept
    with sweep.launching(tmp_path):
        assert sweep.read_statuses(tmp_path) == []


def test_a_sweep_directory_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(UserError, match=r"hydra\.sweep\.dir: expected a directory that can be written"),
        sweep.launching(tmp_path / "file"),
    ):
        pass


def test_a_launch_knows_its_process_and_the_swept_overrides() -> None:
    launch = Launch(arguments=("-m", "data=digits", "seed=1,2"))
    assert launch.in_this_process()
    assert not Launch(process=("another machine", launch.process[1])).in_this_process()
    assert not Launch(process=(launch.process[0], launch.process[1] + 1)).in_this_process()
    assert launch.swept(["data=digits", "seed=1", "query.num=5"]) == "seed=1 query.num=5"
