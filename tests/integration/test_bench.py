"""The parts of `make bench` on a few synthetic images: the figures must exist, they need not be good."""

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from alframe.config.compose import composed
from alframe.learner import PublishedCNN
from alframe.learner.compute.device import Compute

SCRIPTS = Path(__file__).parents[2] / "scripts" / "benchmarks"
RATES = ("train_images_per_s", "score_images_per_s")
SMALL = {
    "published": ["experiment=published", "learner.batch_size=8", "learner.scoring_batch_size=16"],
    "fast": ["learner.batch_size=4", "learner.pool_batch_size=12", "learner.scoring_batch_size=16"],
}
RATIOS = ("train_vs_naive", "score_vs_naive", "train_vs_floor")


CPU = Compute(device=torch.device("cpu"), precision="float32")
BF16 = Compute(device=torch.device("cpu"), precision="bfloat16")


def small_task(task: ModuleType, recipe: str) -> Any:
    """Return a recipe with few images a step, on synthetic images."""
    dataset = task.synthetic(n=400)
    source = task.ImageSource(dataset=dataset, pictures=lambda transform: task.Pictures(dataset, transform))
    config = task.fitted(composed([*SMALL[recipe], "device=cpu"]), source)
    return task.Task(name=recipe, config=config, source=source)


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Imports a module of scripts/, which is no package."""
    monkeypatch.syspath_prepend(str(SCRIPTS.parent))
    monkeypatch.syspath_prepend(str(SCRIPTS))

    def load(name: str) -> ModuleType:
        return __import__(name, fromlist=["_"])

    return load


def test_every_contestant_gets_its_figures(
    load: Callable[[str], ModuleType], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task = load("speed.task")
    source = task.synthetic(n=400)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(task, "synthetic", lambda: source)
        for recipe, overrides in SMALL.items():
            patch.setitem(task.RECIPES, recipe, overrides)
        load("bench").main(
            ["--repeats", "1", "--seconds", "0.01", "--device", "cpu", "--data-dir", str(tmp_path / "none"),
             "--workers", "0", "--json", str(tmp_path / "bench.json")]
        )  # fmt: skip
    figures = json.loads((tmp_path / "bench.json").read_text())
    assert set(figures) >= {"results", "trials", "versions", "date", "hardware"}
    engines = {(row["recipe"], row["engine"]) for row in figures["results"]}
    assert engines >= {
        (recipe, engine) for recipe in ("published", "fast") for engine in ("naive", "reference", "floor")
    }
    batches = {row["recipe"]: row["batch"] for row in figures["results"]}
    assert batches == {"published": 8, "fast": 16}
    for row in figures["results"]:
        assert row["device"] == "cpu"
        assert row["precision"] in ("float32", "bfloat16")
        assert all(row[key] > 0 and math.isfinite(row[key]) for key in (*RATES, *RATIOS))
    printed = capsys.readouterr().out
    assert "400 images of synthetic (MNIST is not in the data directory)" in printed
    assert "No trial" in printed
    assert re.search(r"\d threads? for every contestant", printed)
    assert "| train_vs_naive | reference, float32, 8 images a step | " in printed
    assert "recorded by" not in printed  # no graph engine on a CPU


@pytest.mark.long
@pytest.mark.filterwarnings("ignore:.*torch.jit.script_method.*:DeprecationWarning")
@pytest.mark.parametrize("recipe", SMALL)
def test_the_compiled_loop_trains_and_scores(
    load: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch, recipe: str
) -> None:
    """With torch's eager backend: the real one needs a C++ compiler and most of a minute on a CPU."""
    task, modes, compile_ = load("speed.task"), [], torch.compile

    def compile_eagerly(network: nn.Module, mode: str) -> nn.Module:
        modes.append(mode)
        return compile_(network, backend="eager")

    monkeypatch.setattr(torch, "compile", compile_eagerly)
    compiled = load("speed.compiled").Compiled(small_task(task, recipe), CPU)
    for _ in range(2):
        assert compiled.train(3).seconds > 0
        assert compiled.score(2).steps == 2
    networks = {"published": 2, "fast": 3}[recipe]  # trained, averaged, scoring
    assert modes == ["reduce-overhead"] * networks


@pytest.mark.long
@pytest.mark.parametrize("recipe", SMALL)
def test_the_graphed_loop_trains_and_scores(
    load: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch, recipe: str
) -> None:
    """With a stand-in that checks each batch as a graph would need it: the real one needs CUDA."""
    recorded: list[tuple[int, bool]] = []

    def record(network: nn.Module, sample: tuple[torch.Tensor]) -> nn.Module:
        assert not (torch.is_autocast_enabled("cpu") and torch.is_autocast_cache_enabled())
        shape, forward = sample[0].shape, network.forward
        recorded.append((len(sample[0]), any(each.requires_grad for each in network.parameters())))

        def checked(x: torch.Tensor) -> torch.Tensor:
            assert x.shape == shape
            found: torch.Tensor = forward(x)
            return found

        monkeypatch.setattr(network, "forward", checked)
        return network

    monkeypatch.setattr(torch.cuda, "make_graphed_callables", record)
    graphed = load("speed.graphed").Graphed(small_task(load("speed.task"), recipe), BF16)
    for _ in range(2):
        assert graphed.train(3).seconds > 0
        assert graphed.score(2).steps == 2
    teacher = [(12, False)] if recipe == "fast" else []
    assert recorded == [(8 if recipe == "published" else 16, True), *teacher, (16, False)]


def test_without_cuda_no_loop_is_recorded(load: Callable[[str], ModuleType]) -> None:
    compiled = load("speed.compiled")
    assert compiled.contestants_on_cuda([compiled.Compiled], [None], [CPU]) == ([], [])


def test_one_table_says_if_a_way_of_torch_takes_the_place_of_the_graph_engine(
    load: Callable[[str], ModuleType],
) -> None:
    clock, report = load("speed.clock"), load("speed.report")

    def record(engine: str, rate: float) -> Any:
        settings = {"recipe": "published", "engine": engine, "precision": "float32"}
        contestant = SimpleNamespace(**settings, images_per_step=1, images_per_batch=1)
        timed = clock.Timing(steps=1, seconds=1 / rate, rest_seconds=0.5)
        lengths = {"train_length": 1, "score_length": 1, "first_seconds": 2.0}
        return clock.Record(contestant=contestant, **lengths, trained=[timed], scored=[timed])

    rates = {"graph": 100.0, "compiled": 89.0, "graphed": 91.0, "floor": 20.0}
    rows = report.results([record(*each) for each in rates.items()], torch.device("cuda"))
    assert report.recordings(rows).splitlines()[2:] == [
        "| published | float32 | compiled | 0.89 | 0.89 | no |",
        "| published | float32 | graphed | 0.91 | 0.91 | yes |",
    ]
    without_graph = report.results([record("compiled", 89.0)], torch.device("cuda"))
    assert report.recordings(without_graph) == ""
    [*_, of_floor] = report.targets(rows)
    assert of_floor == "| train_vs_floor | graph, float32, 1 images a step | 5.00 | 2.5, met | 4, met |"
    printed = "\n".join([report.table(rows), "", report.recordings(rows), "", *report.targets(rows), ""])
    assert len(load("gpu_record").tables_in(printed)) == 3  # a session on a GPU keeps the tables


def test_a_busy_machine_is_reported(load: Callable[[str], ModuleType]) -> None:
    row = {"recipe": "fast", "engine": "naive", "precision": "float32"}
    steady = {"train_images_per_s": 10.0, "train_range": [5.0, 11.0]}
    quiet = {**row, **steady, "score_images_per_s": 10.0, "score_range": [9.0, 11.0]}
    assert load("speed.report").unsteady([quiet]) == []
    [warning] = load("speed.report").unsteady([{**quiet, "score_range": [4.9, 11.0]}])
    assert warning.endswith("see the ranges of fast naive float32.")


@pytest.mark.long
def test_a_trial_is_timed(load: Callable[[str], ModuleType], tmp_path: Path) -> None:
    overrides = ["data=digits", "data.limit=300", "learner.steps=3", "stopping.max_rounds=1"]
    trial = load("speed.trials").timed_trial("fast", [*overrides, "stopping.min_rounds=1"], str(tmp_path))
    assert 0 < trial["seconds"] < trial["wall_seconds"]
    assert trial["n_samples"] == 300


def test_the_line_of_a_failed_trial_has_the_reason(load: Callable[[str], ModuleType], tmp_path: Path) -> None:
    trial = load("speed.trials").timed_trial("fast", ["data=nonsense"], str(tmp_path))
    assert trial["seconds"] is None
    assert "data=nonsense: no such option" in trial["error"]


def test_the_first_written_network_is_the_published_one(load: Callable[[str], ModuleType]) -> None:
    first = load("speed.naive").first_published_network().eval()
    published = PublishedCNN(in_channels=1, image_size=(28, 28), n_classes=10).eval()
    copy_weights(published, first)
    x = torch.randn(3, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(first(x), published(x), rtol=1e-4, atol=1e-5)


def copy_weights(source: nn.Module, target: nn.Module) -> None:
    for theirs, ours in zip(source.parameters(), target.parameters(), strict=True):
        ours.data.copy_(theirs.data)


def test_the_stopwatch_times_set_up_and_steps_apart(
    load: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = load("speed.clock")
    now = 0.0
    monkeypatch.setattr(clock.time, "perf_counter", lambda: now)
    watch = clock.Stopwatch(torch.device("cpu"), steps=10, warm=2)

    def fit() -> None:
        nonlocal now
        now += 5.0  # set-up
        for done in range(1, 13):
            now += 0.5
            watch.mark(done)
        now += 2.0  # the end

    timing = watch.run(fit)
    assert (timing.steps, timing.seconds, timing.rest_seconds) == (10, 5.0, 7.0)


def test_a_fit_with_a_mark_only_at_its_end_is_timed_as_a_whole(load: Callable[[str], ModuleType]) -> None:
    watch = load("speed.clock").Stopwatch(torch.device("cpu"), steps=10, warm=2)
    timing = watch.run(lambda: watch.mark(12))
    assert timing.steps == 12
    assert timing.rest_seconds is None
