"""Measure training and scoring rates against a user's first script and against the raw loop.

    python scripts/benchmarks/bench.py [--quick] [--repeats N] [--device cpu] [--data-dir DIR] [--json FILE]
                                      [--full]

For the seed classifier (the published recipe) and the fast recipe, in one process and in turns:

naive      torchvision data set, DataLoader, a Trainer with its defaults, float32
reference  alframe with its reference engine; also each faster engine that runs here, under its own name
           and, if it is installed, with scoring through ONNX Runtime in float32
floor      the raw loop in plain torch on tensors that are on the device
compiled   on CUDA: the raw loop with its networks under torch.compile(mode="reduce-overhead")
graphed    on CUDA: the raw loop with its networks in graphs by torch.cuda.make_graphed_callables

Rates are medians of images per second, with the range; the images of a training step count, from the labelled
set and from the pool. A slow machine causes no failure.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import torch

from alframe._onnx import installed
from alframe.config.compose import composed
from alframe.core.errors import AlframeError
from alframe.learner.compute.device import Compute
from alframe.learner.compute.threads import keep_large_blocks, limited_threads
from alframe.learner.engines.choose import choose_engine
from speed import report
from speed.clock import Contestant, Record, take_turns, warm_up
from speed.compiled import Compiled, contestants_on_cuda
from speed.floor import Floor
from speed.graphed import Graphed
from speed.naive import EARLY, WORKERS, Naive
from speed.product import ONNX, Product, engines_that_apply
from speed.task import RECIPES, ImageSource, Task, fitted, open_source
from speed.trials import timed_trial

QUICK_TRIAL = ["data.limit=2000", "stopping.min_rounds=1", "stopping.max_rounds=1"]


def main(typed: list[str] | None = None) -> None:
    """Measure, print, and write JSON if --json is given."""
    options = _parser().parse_args(typed)
    try:
        _bench(options)
    except AlframeError as error:
        print(f"bench: {error}", file=sys.stderr)
        sys.exit(2)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bench", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--quick", action="store_true", help="shorter measurements: under 3 minutes on two cores"
    )
    parser.add_argument("--full", action="store_true", help="time the published trial on a CPU too (hours)")
    parser.add_argument(
        "--repeats", type=_at_least_one, default=None, help="measurements of each (7; quick: 5)"
    )
    parser.add_argument("--seconds", type=float, default=None, help="length of a measurement (2; quick: 0.4)")
    parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:N, mps or auto")
    parser.add_argument("--data-dir", default=None, help="folder with MNIST/raw (ALFRAME_DATA_DIR)")
    parser.add_argument("--workers", type=int, nargs="+", default=WORKERS, help="DataLoader workers to try")
    parser.add_argument("--recipes", nargs="+", choices=RECIPES, default=list(RECIPES))
    parser.add_argument("--no-trials", action="store_true", help="rates alone")
    parser.add_argument("--json", type=Path, default=None, help="file to write the figures to")
    return parser


def _at_least_one(text: str) -> int:
    if int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected at least 1, got {text}")
    return int(text)


def _bench(options: argparse.Namespace) -> None:
    seconds = options.seconds or (0.4 if options.quick else 2.0)
    repeats = options.repeats or (5 if options.quick else 7)
    best = Compute.choose(options.device, "auto")
    source = open_source(options.data_dir)
    with limited_threads(None):
        around = report.circumstances(best.device)
        _print_progress(f"{around['hardware']}\n{around['versions']}")
        records, notes = _rates(options, source, best, seconds, repeats)
    rows = report.results(records, best.device)
    met, notes = report.targets(rows), [*notes, *report.unsteady(rows)]
    tables = [report.table(rows), "", report.recordings(rows), "", *met]
    print("\n".join(["", *notes, "", *tables, ""]), flush=True)
    trials = [] if options.no_trials else _trials(options, source, best)
    if options.json is not None:
        figures = {"results": rows, "trials": trials, **around, "notes": notes, "targets": met}
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


def _rates(
    options: argparse.Namespace, source: ImageSource, best: Compute, seconds: float, repeats: int
) -> tuple[list[Record], list[str]]:
    device = f"device={options.device}"
    tasks = [
        Task(name=name, config=fitted(composed([*RECIPES[name], device]), source), source=source)
        for name in options.recipes
    ]
    naives = [Naive(task, best) for task in tasks]
    for naive in naives:
        _print_progress(f"{naive.recipe}, naive: choosing the number of workers")
        naive.choose_workers(seconds, tuple(options.workers))
    early = _measured([naive.called(EARLY) for naive in naives], seconds, repeats)
    # glibc cannot undo this setting, so every later measurement has it, that of the naive loop too.
    kept = keep_large_blocks()
    precisions = dict.fromkeys(["float32", best.precision])
    computes = [Compute.choose(options.device, precision) for precision in precisions]
    contestants: list[Contestant] = [*naives]
    for task, compute in product(tasks, computes):
        contestants += [Product(task, engine, compute) for engine in engines_that_apply(compute)]
        if compute.device.type == "cpu" and compute.precision == "float32" and installed():
            contestants.append(Product(task, choose_engine("reference", compute).engine, compute, ONNX))
        contestants.append(Floor(task, compute))
    recorded, refused = contestants_on_cuda((Compiled, Graphed), tasks, computes)
    records = [*early, *_measured([*contestants, *recorded], seconds, repeats)]
    records.sort(key=lambda record: options.recipes.index(record.contestant.recipe))
    return records, [*_notes(source, repeats, seconds, kept, naives), *refused]


def _measured(contestants: Sequence[Contestant], seconds: float, repeats: int) -> list[Record]:
    records = []
    for contestant in contestants:
        _print_progress(f"{contestant.recipe}, {contestant.engine}, {contestant.precision}: warming up")
        records.append(warm_up(contestant, seconds))
    take_turns(records, repeats, _print_progress)
    return records


def _notes(source: ImageSource, repeats: int, seconds: float, kept: bool, naives: list[Naive]) -> list[str]:
    images = f"{len(source.dataset):,} images of {source.dataset.name}"
    missing = " (MNIST is not in the data directory)" if source.dataset.name == "synthetic" else ""
    threads = f"{torch.get_num_threads()} thread{'s' * (torch.get_num_threads() != 1)} for every contestant"
    allocator = (
        f"The allocator keeps large blocks for every contestant except {EARLY}: the setting applies to the "
        "whole process and helps the naive loop too. The naive loop with the default setting was measured "
        "before, not in turns with the others."
    )
    workers = ", ".join(f"{naive.recipe} {naive.workers} and {naive.score_workers}" for naive in naives)
    return [
        f"Data: {images}{missing}. Medians of {repeats} measurements of about {seconds:g} s each, in turns, "
        f"with the range in brackets; {threads}. Scoring is with one network.",
        allocator if kept else "The allocator does not keep large blocks: this system has no such setting.",
        f"Workers of the naive loop in training and in scoring, the fastest tried: {workers}.",
    ]


def _trials(options: argparse.Namespace, source: ImageSource, best: Compute) -> list[dict[str, Any]]:
    if source.dataset.name == "synthetic":
        print("No trial: MNIST is not in the data directory.")
        return []
    wanted = [
        name for name in options.recipes if name == "fast" or best.device.type == "cuda" or options.full
    ]
    short = QUICK_TRIAL if options.quick else []
    if short:
        wanted = ["fast"]
        print("A short trial, for --quick:")
    trials = []
    for name in wanted:
        _print_progress(f"trial: {name}")
        device = [] if options.device == "auto" else [f"device={options.device}"]
        trials.append(timed_trial(name, [*device, *short], options.data_dir))
        print(report.trial_line(trials[-1]), flush=True)
    return trials


def _print_progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
