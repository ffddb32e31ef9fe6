"""The jobs of a sweep, its search, and where a command works."""

import errno
import json
import os
import shutil
from pathlib import Path

import pytest
import yaml
from hydra.core.config_store import ConfigStore

from alframe.cli import output_directory, sweep
from alframe.cli.job import _write_failure, _write_status
from alframe.cli.optuna_search import RESULTS, best_lines, check_search, prepare_search
from alframe.cli.output_directory import RunTarget, run_target
from alframe.cli.sweep import Job, Launch
from alframe.config.command_line import check_command_line
from alframe.config.compose import composed
from alframe.core.errors import ConfigError, UserError
from alframe.core.trial_summary import TrialSummary
from alframe.trial.directory import at_work, finished_summary, occupied

EXTRAS = {
    "hydra/launcher=joblib": "joblib",
    "hydra/launcher=cores": "joblib",
    "hydra/launcher=slurm": "submitit",
    "hydra/launcher=submitit_local": "submitit",
    "+sweep=search": "optuna",
}


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


def test_a_job_whose_process_died_reads_failed_unless_its_directory_is_in_use(tmp_path: Path) -> None:
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


def test_a_status_that_cannot_be_written_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with sweep.launching(tmp_path):
        _write_status(tmp_path, 0, Job(directory="0", status="running"))
        monkeypatch.setattr(os, "fsync", full)
        _write_status(tmp_path, 0, Job(directory="0", status="failed", reason="no"))
        assert capsys.readouterr().err.startswith("0: failed, but its status could not be written: ")
        assert [(job.status, job.reason) for job in sweep.read_statuses(tmp_path)] == [
            ("failed", sweep.KILLED)
        ]


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


def test_a_launch_knows_its_own_process_and_what_was_swept() -> None:
    launch = Launch(arguments=("-m", "data=digits", "seed=1,2"))
    assert launch.in_this_process()
    assert not Launch(process=("another machine", launch.process[1])).in_this_process()
    assert not Launch(process=(launch.process[0], launch.process[1] + 1)).in_this_process()
    assert launch.swept(["data=digits", "seed=1", "query.num=5"]) == "seed=1 query.num=5"


def test_a_failure_that_cannot_be_written_stops_no_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    _write_failure(tmp_path, UserError("seed: no"))
    assert list(tmp_path.iterdir()) == []
    monkeypatch.undo()
    _write_failure(tmp_path, UserError("seed: no"))
    failure = json.loads((tmp_path / "failure.json").read_text())
    assert failure == {"status": "failed", "reason": "seed: no", "rounds": 0}


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("summary.json", "[]", "summary.json: expected an object, got []"),
        ("summary.json", '{"seed": 1, "n_sam', "summary.json: cut off or damaged"),
        ("summary.json", '{"seed": NaN}', "summary.json: expected a number as n_samples, got None"),
        ("config.yaml", "data: {", "config.yaml: cut off or damaged"),
        ("config.yaml", None, "config.yaml is missing"),
    ],
)
def test_a_damaged_trial_of_a_sweep_is_named_and_not_taken_as_finished(
    file: str, text: str | None, said: str, tmp_path: Path
) -> None:
    config = {"seed": 1, "data": {"name": "digits"}}
    assert finished_summary(tmp_path, config) is None
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    (tmp_path / "summary.json").write_text(json.dumps(summary_of()))
    assert finished_summary(tmp_path, config) == TrialSummary.from_json(summary_of())
    (tmp_path / file).unlink() if text is None else (tmp_path / file).write_text(text)
    with pytest.raises(UserError) as caught:
        finished_summary(tmp_path, config)
    assert str(caught.value).startswith(f"{tmp_path}/{said}")
    assert str(caught.value).endswith(". Move that folder away and run again.")
    assert "\n" not in str(caught.value)


def summary_of() -> dict[str, object]:
    counts = dict.fromkeys(("seed", "n_samples", "hand_labels", "auto_labels", "rounds"), 1)
    figures = dict.fromkeys(("hand_share", "coverage", "seconds", "train_seconds", "score_seconds"), 0.5)
    unknown = dict.fromkeys(("mislabelled", "mislabelled_share", "auto_label_error", "test_accuracy"))
    return {**counts, **figures, **unknown}


def test_a_search_needs_a_direction_for_each_figure() -> None:
    assert check_search(None, {"params": None}) == ()
    assert check_search("mislabelled_share", {"direction": "minimize"}) == ("mislabelled_share",)
    both = ["hand_share", "mislabelled_share"]
    assert check_search(both, {"direction": ["minimize", "minimize"]}) == tuple(both)
    with pytest.raises(ConfigError, match=r"objective: expected a figure .* Write objective="):
        check_search(None, {"direction": "minimize"})
    with pytest.raises(ConfigError, match=r"got 1\. Write hydra\.sweeper\.direction=\[minimize,minimize\]"):
        check_search(both, {"direction": "minimize"})


def test_a_search_has_a_line_for_each_best_trial(tmp_path: Path) -> None:
    assert best_lines(tmp_path, ["a"]) == []
    file = tmp_path / RESULTS
    file.write_text(yaml.safe_dump({"best_params": {"query.num": 7, "x": 0.123456789}, "best_value": 0.5}))
    assert best_lines(tmp_path, ["a"]) == ["best a=0.5: query.num=7 x=0.123457"]
    solutions = [{"params": {"x": 1}, "values": [0.1, 0.4]}, {"params": {"x": 2}, "values": [0.2, 0.3]}]
    file.write_text(yaml.safe_dump({"name": "optuna", "solutions": solutions}))
    assert best_lines(tmp_path, ["a", "b"]) == [
        "best a=0.1 b=0.4: x=1",
        "best a=0.2 b=0.3: x=2",
    ]
    prepare_search(tmp_path)
    assert best_lines(tmp_path, ["a", "b"]) == []


def target_of(*arguments: str) -> RunTarget:
    line = check_command_line(list(arguments))
    assert line is not None
    return run_target(line)


def test_a_sweep_is_named_after_what_it_sweeps_over() -> None:
    first = target_of("-m", "data=digits", "seed=1,2", "query.num=5,6,7")
    assert first.n_trials == 6
    assert first == target_of("-m", "seed=1,2", "data=digits", "query.num=5,6,7")
    assert first.sweep is not None
    others = [
        target_of("-m", "data=digits", "seed=1,3", "query.num=5,6,7"),
        target_of("-m", "data=digits", "seed=1,2", "query.num=5,6,7", "learner.steps=9"),
    ]
    assert len({first.sweep, *(other.sweep for other in others)}) == 3
    assert target_of("-m", "seed=1,2", "hydra.sweep.dir=mine") == RunTarget(
        overrides=[], sweep=Path("mine").absolute(), n_trials=2
    )
    assert target_of("data=digits").sweep is None


def test_the_command_line_has_priority_over_a_sweep_file() -> None:
    typed = ["-m", "+sweep=thresholds_shares", "initial.share=0.01", "auto_label.threshold=0.7,0.8"]
    line = check_command_line([*typed, "seed=1"])
    assert line is not None
    assert (line.n_trials, line.swept) == (2, ["auto_label.threshold=0.7,0.8"])
    line = check_command_line(typed)
    assert line is not None
    assert (line.n_trials, line.swept) == (10, ["auto_label.threshold=0.7,0.8", "seed=1,2,3,4,5"])


def test_a_search_is_named_after_its_settings_and_continues_with_more_trials() -> None:
    first = target_of("-m", "+sweep=search", "data=digits")
    assert (first.n_trials, first.objective) == (30, ("mislabelled_share",))
    more = target_of("-m", "+sweep=search", "data=digits", "hydra.sweeper.n_trials=60")
    assert (more.n_trials, more.sweep) == (60, first.sweep)
    others = [
        target_of("-m", "+sweep=search", "data=digits", *changed)
        for changed in (
            ["objective=cost"],
            ["learner.confident=interval(0.7,0.8)"],
            ["hydra.sweeper.sampler.seed=2"],
            ["hydra.sweeper.n_jobs=2"],
        )
    ]
    assert len({first.sweep, *(other.sweep for other in others)}) == 5
    with pytest.raises(ConfigError, match="objective: expected a figure"):
        target_of("-m", "+sweep=search", "objective=null")


@pytest.mark.parametrize(
    ("typed", "processes"),
    [
        (["seed=1,2,3"], ["hydra.launcher.n_jobs=3"]),
        (["seed=range(40)"], ["hydra.launcher.n_jobs=8"]),
        (["+sweep=search"], ["hydra.launcher.n_jobs=1"]),
        (["+sweep=search", "hydra.sweeper.n_jobs=4"], ["hydra.launcher.n_jobs=4"]),
        (["seed=1,2,3", "hydra.launcher.n_jobs=2"], []),
    ],
)
def test_no_more_processes_than_cores_and_than_trials_at_a_time(
    typed: list[str], processes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output_directory, "n_cores", lambda: 8)
    found = target_of("-m", "hydra/launcher=cores", "hydra.sweep.dir=here", *typed)
    assert found.overrides == processes
    assert found.at_a_time == (int(processes[0][-1]) if processes else 2)


@pytest.mark.parametrize(
    ("launcher", "at_a_time"),
    [("basic", None), ("submitit_local", 20), ("slurm", 16), ("cores", 8), ("joblib", 8)],
)
def test_how_many_trials_a_launcher_runs_at_a_time(
    launcher: str, at_a_time: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output_directory, "n_cores", lambda: 8)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    assert target_of("-m", f"hydra/launcher={launcher}", "seed=range(20)").at_a_time == at_a_time


def test_the_number_of_trials_counts_overrides_of_a_file() -> None:
    assert target_of("-m", "+sweep=imbalance", "seed=1,2").n_trials == 5 * 2
    assert target_of("-m", "+sweep=imbalance", "seed=1").n_trials == 5


def test_slurm_composes_and_is_refused_on_a_machine_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    typed = ["-m", "hydra/launcher=slurm", "hydra.launcher.partition=gpu", "seed=1,2"]
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    assert target_of(*typed).n_trials == 2
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(UserError, match="expected a machine of a Slurm cluster, got one without srun"):
        target_of(*typed)


@pytest.mark.parametrize(("typed", "extra"), EXTRAS.items())
def test_a_missing_extra_is_answered_with_how_to_install_it(
    typed: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    composed([])  # by which Hydra's plug-ins are registered
    repo = ConfigStore.instance().repo["hydra"]
    for group, names in {"launcher": ("joblib", "submitit"), "sweeper": ("optuna",)}.items():
        kept = {file: node for file, node in repo[group].items() if not file.startswith(names)}
        assert len(kept) < len(repo[group])
        monkeypatch.setitem(repo, group, kept)
    with pytest.raises(UserError) as caught:
        check_command_line(["-m", typed, "seed=1,2"])
    assert str(caught.value).endswith(f"Write pip install 'alframe[{extra}]'.")


def test_an_unknown_option_is_found_at_any_place_of_a_sweep_and_values_are_not_composed() -> None:
    with pytest.raises(UserError, match=r"query=margn: no such option\. Did you mean margin"):
        check_command_line(["-m", "query=random,entropy,margn"])
    line = check_command_line(["-m", "seed=range(1000)", "data=digits"])
    assert line is not None
    assert (line.n_trials, line.swept) == (1000, ["seed=range(1000)"])
    assert json.dumps(line.overrides) == '["seed=0", "data=digits"]'
