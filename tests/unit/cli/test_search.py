"""A search by fake trials: what Optuna is asked and told, and what a search that was stopped does."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

pytest.importorskip("optuna")
from hydra.core.utils import JobReturn, JobStatus
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from alframe.cli import sweep
from alframe.cli.optuna_search import RESULTS
from alframe.cli.pruning import PruningTracker
from alframe.cli.search_loop import Search
from alframe.cli.search_space import read_space
from alframe.cli.search_study import SearchStudy
from alframe.cli.sweep import Job
from alframe.config.overrides import parse
from alframe.core.errors import ConfigError, TrialError, UserError

SETTINGS = {
    "direction": "minimize",
    "n_trials": 6,
    "n_jobs": 1,
    "max_failure_rate": 1.0,
    "sampler": {"_target_": "optuna.samplers.TPESampler", "seed": 1},
    "pruner": {"_target_": None},
    "prune_by": None,
}
SPACE = {"x": FloatDistribution(-1, 1), "kind": CategoricalDistribution(["a", "b"])}
IDENTITY = {"objective": "mislabelled_share", "seed": 3, "query": {"num": 5}}
Value = float | list[float] | None


def square(values: Mapping[str, str]) -> Value:
    return float(values["x"]) ** 2


class Launcher:
    """Computes a value from the overrides of each job; None is a trial that has not finished."""

    def __init__(self, value: Callable[[Mapping[str, str]], Value] = square) -> None:
        self.value, self.jobs = value, list[tuple[int, list[str]]]()

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> list[JobReturn]:
        self.jobs += [(initial_job_idx + n, list(each)) for n, each in enumerate(job_overrides)]
        values = [self.value(dict(text.split("=") for text in each)) for each in job_overrides]
        return [JobReturn(status=JobStatus.COMPLETED, _return_value=value) for value in values]


def searched(directory: Path, launcher: Launcher, **settings: Any) -> SearchStudy:
    directory.mkdir(exist_ok=True)
    given = {**SETTINGS, **settings}
    study = SearchStudy.open(directory, given, SPACE, IDENTITY)
    search = Search(study=study, launcher=launcher, directory=directory, fixed=["seed=3"], settings=given)  # type: ignore[arg-type]
    with sweep.launching(directory):
        search.show_ended()
        search.run()
        study.write_results(directory)
    return study


def test_sweep_values_become_distributions() -> None:
    lines = [
        *("a=choice(x,y)", "b=1,2", "c=range(200,700,step=100)", "d=range(0,1,0.25)", "e=interval(0.5,0.95)"),
        *("f=int(interval(3,9))", "g=tag(log,interval(0.001,0.1))", "h=5", "c=range(9,0,-3)", "+i='a b'"),
    ]
    space, fixed = read_space(parse(line) for line in lines)
    assert space == {
        "a": CategoricalDistribution(["x", "y"]),
        "b": CategoricalDistribution(["1", "2"]),
        "c": IntDistribution(3, 9, step=3),
        "d": FloatDistribution(0, 0.75, step=0.25),
        "e": FloatDistribution(0.5, 0.95),
        "f": IntDistribution(3, 9),
        "g": FloatDistribution(0.001, 0.1, log=True),
    }
    assert fixed == ["h=5", "+i='a b'"]
    assert read_space([parse("c=range(200,700,step=100)")])[0] == {"c": IntDistribution(200, 600, step=100)}


def test_a_search_tells_the_figures_and_writes_the_best(tmp_path: Path) -> None:
    launcher = Launcher()
    searched(tmp_path, launcher)
    assert [number for number, _ in launcher.jobs] == [0, 1, 2, 3, 4, 5]
    assert all(overrides[-1] == "seed=3" for _, overrides in launcher.jobs)
    xs = [float(overrides[0].partition("=")[2]) for _, overrides in launcher.jobs]
    assert len(set(xs)) == 6
    best = yaml.safe_load((tmp_path / RESULTS).read_text())
    assert best["best_value"] == min(x**2 for x in xs)
    assert best["best_params"]["x"] in xs


def test_a_stopped_search_continues_to_the_trials_of_one_that_was_not(tmp_path: Path) -> None:
    whole, first, second = Launcher(), Launcher(), Launcher()
    searched(tmp_path / "whole", whole, n_jobs=2)

    def stopping(values: Mapping[str, str]) -> Value:
        if len(first.jobs) < 4:
            return square(values)
        sweep.request_stop(tmp_path / "parts")
        return None if len(first.jobs) == 4 and values["x"] == first.jobs[3][1][0][2:] else square(values)

    first.value = stopping
    searched(tmp_path / "parts", first, n_jobs=2)
    assert len(first.jobs) == 4
    study = searched(tmp_path / "parts", second, n_jobs=2)
    assert second.jobs == [whole.jobs[3], *whole.jobs[4:]]  # the open one, then new ones
    assert list(study.ended().values()) == ["finished"] * 6
    again = Launcher()
    searched(tmp_path / "parts", again, n_jobs=2)
    assert again.jobs == []
    statuses = sweep.read_statuses(tmp_path / "parts")
    assert [(job.directory, job.status) for job in statuses] == [(str(n), "finished") for n in range(6)]
    assert statuses[0].overrides == " ".join(whole.jobs[0][1][:-1])


def test_more_trials_continue_a_search_that_has_ended(tmp_path: Path) -> None:
    searched(tmp_path, Launcher(), n_trials=2)
    more = Launcher()
    searched(tmp_path, more, n_trials=3)
    assert [number for number, _ in more.jobs] == [2]


def test_a_search_with_other_settings_is_refused(tmp_path: Path) -> None:
    searched(tmp_path, Launcher(), n_trials=1)
    SearchStudy.open(tmp_path, {**SETTINGS, "n_trials": 9, "n_jobs": 3}, SPACE, IDENTITY)
    narrow = {**SPACE, "x": FloatDistribution(-1, 0)}
    two = {**SETTINGS, "direction": ["minimize", "maximize"]}
    others = {
        "query.num is 5 there and 6 here": (SETTINGS, SPACE, {**IDENTITY, "query": {"num": 6}}),
        "searched.x is FloatDistribution(high=1": (SETTINGS, narrow, IDENTITY),
        "direction is minimize there and ['minimize', 'maximize'] here": (two, SPACE, IDENTITY),
    }
    for reason, given in others.items():
        with pytest.raises(UserError) as caught:
            SearchStudy.open(tmp_path, *given)  # type: ignore[arg-type]
        assert str(caught.value).startswith(f"hydra.sweep.dir: expected this search, but {tmp_path} belongs")
        assert reason in str(caught.value)
    assert len(SearchStudy.open(tmp_path, SETTINGS, SPACE, IDENTITY)) == 1


def test_failed_trials_stay_open_and_too_many_end_the_search(tmp_path: Path) -> None:
    launcher = Launcher(lambda values: None if float(values["x"]) < 0 else 1.0)
    study = searched(tmp_path / "goes_on", launcher)
    assert len(launcher.jobs) == 6
    assert study.opened() == [number for number, each in launcher.jobs if each[0].startswith("x=-")]
    with pytest.raises(TrialError, match=r"max_failure_rate: 1 of 1 trial failed"):
        searched(tmp_path / "ends", Launcher(lambda values: None), max_failure_rate=0.5)


def test_a_search_for_two_figures_keeps_those_that_no_other_beats(tmp_path: Path) -> None:
    launcher = Launcher(lambda values: [float(values["x"]), -float(values["x"])])
    searched(tmp_path, launcher, direction=["minimize", "maximize"])
    [only] = yaml.safe_load((tmp_path / RESULTS).read_text())["solutions"]
    assert only["values"] == [only["params"]["x"], -only["params"]["x"]]


def test_a_wrong_sampler_is_one_line(tmp_path: Path) -> None:
    for sampler in ({"_target_": "os.system"}, {"_target_": "optuna.samplers.TPESampler", "sed": 1}):
        with pytest.raises(ConfigError, match=r"^hydra\.sweeper\.sampler") as caught:
            SearchStudy.open(tmp_path, {**SETTINGS, "sampler": sampler}, SPACE, IDENTITY)
        assert "\n" not in str(caught.value)


def report(round: int, value: float | None, kind: str = "round") -> Any:
    return SimpleNamespace(kind=kind, round=round, row=lambda: SimpleNamespace(mislabelled_share=value))


def test_a_trial_that_is_worse_than_the_others_is_pruned(tmp_path: Path) -> None:
    pruner = {"_target_": "optuna.pruners.MedianPruner", "n_startup_trials": 2}
    settings = {**SETTINGS, "pruner": pruner}
    rounds: dict[int, list[bool]] = {}

    def trial(number: int, values: Mapping[str, str]) -> Value:
        """Report three rounds, as the process of a job does."""
        tracker = PruningTracker.of(settings, "mislabelled_share", tmp_path, number)
        assert tracker is not None
        rounds[number] = []
        for round in range(1, 4):
            tracker.log(report(round, number / round))
            rounds[number].append(tracker.pruned)
            if tracker.pruned:
                sweep.write_status(tmp_path, number, Job(directory=str(number), status="pruned"))
                return None
        return float(number)

    launcher = Launcher()
    launcher.value = lambda values: trial(launcher.jobs[-1][0], values)
    study = searched(tmp_path, launcher, pruner=pruner, n_trials=4)
    assert rounds == {0: [False] * 3, 1: [False] * 3, 2: [True], 3: [True]}
    assert study.ended() == {0: "finished", 1: "finished", 2: "pruned", 3: "pruned"}
    assert study.opened() == []


def test_only_rounds_with_a_figure_are_reported(tmp_path: Path) -> None:
    study = SearchStudy.open(tmp_path, SETTINGS, SPACE, IDENTITY)
    [number] = study.ask(1)
    tracker = PruningTracker(tmp_path, number, {"_target_": "optuna.pruners.NopPruner"}, "mislabelled_share")
    for each in (report(0, 0.1, "seed"), report(1, None), report(2, 0.2), report(3, 0.1, "closing")):
        tracker.log(each)
    again = SearchStudy.open(tmp_path, SETTINGS, SPACE, IDENTITY)
    assert again._trial(number).intermediate_values == {2: 0.2}
    assert PruningTracker.of(SETTINGS, "cost", tmp_path, number) is None
