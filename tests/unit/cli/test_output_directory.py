import shutil
from pathlib import Path

import pytest

from alframe.cli import output_directory
from alframe.cli.output_directory import RunTarget, run_target
from alframe.config.command_line import check_command_line
from alframe.core.errors import ConfigError, UserError


def target_of(*arguments: str) -> RunTarget:
    line = check_command_line(list(arguments))
    assert line is not None
    return run_target(line)


def test_a_sweep_is_named_after_its_overrides() -> None:
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


def test_the_new_directories_above_a_trial(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    target = target_of("data=digits", f"hydra.run.dir={tmp_path}/old/new/inner/trial")
    assert target.trial == tmp_path / "old/new/inner/trial"
    assert target.new == (tmp_path / "old/new/inner", tmp_path / "old/new")


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
    [("basic", None), ("submitit_local", 20), ("slurm", 16), ("cores", 8), ("joblib", 8), ("packed", 16)],
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
