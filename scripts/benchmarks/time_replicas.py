"""Time fits that are trained together against the same fits one after the other.

    python scripts/benchmarks/time_replicas.py [--device cpu] [--threads 2] [--replicas 2 4 8] [--steps 60]
                                               [--repeats 3] [--recipes published fast] [--data-dir DIR]

For the published and the fast recipe, in one process and in turns: fits of `steps` steps by the engine that a
trial alone takes, and the same fits by the packed engine. Shown are milliseconds per step and fit, the ratio
of the seconds, that of the processor seconds of all threads (which say more on a busy machine), and the
seconds of the first run together, in which steps are recorded.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import torch

from alframe._machine import processor
from alframe.config.compose import composed
from alframe.data import ImageBank
from alframe.learner.compute.device import Compute
from alframe.learner.compute.threads import keep_large_blocks, limited_threads
from alframe.learner.engines.capture import as_it_is, cuda_graph
from alframe.learner.engines.choose import choose_engine
from alframe.learner.engines.packed import PackedEngine
from alframe.learner.engines.turns import Turns
from alframe.learner.interfaces import Engine, FitInputs
from speed.task import RECIPES, Task, fitted, open_source


@dataclass(frozen=True, kw_only=True, eq=False)
class Fits:
    """Fits of one recipe that differ in their random numbers."""

    task: Task
    bank: ImageBank
    compute: Compute
    steps: int

    def fit(self, engine: Engine, seed: int) -> None:
        """Train new weights."""
        normalize = self.task.recipe.normalize(self.bank, torch.arange(len(self.bank)))
        with self.compute.seeded(seed):
            network = self.task.network().to(self.compute.device)
            job = self.task.recipe.job(
                network.to(memory_format=torch.channels_last),  # type: ignore[call-overload]
                FitInputs(
                    bank=self.bank,
                    normalize=normalize.to(self.compute.device),
                    labelled=self.task.labelled,
                    round=1,
                    batches_seed=seed,
                    augment_seed=seed,
                ),
            )
            job = replace(job, max_steps=self.steps, validation=None, patience=None)
            engine.fit(job, lambda stage, done, total: None)


def main() -> None:
    """Measure and print a table."""
    options = _options()
    compute = Compute.choose(options.device, options.precision)
    source = open_source(options.data_dir)
    keep_large_blocks()
    with limited_threads(options.threads) as threads:
        name = processor()[0] if compute.device.type == "cpu" else torch.cuda.get_device_name()
        print(f"{name}, {threads} threads, {compute.precision}, torch {torch.__version__}")
        print("| recipe | fits | alone, ms | together, ms | ratio | of the processor | first together, s |")
        print("|---|---|---|---|---|---|---|")
        for recipe in options.recipes:
            device = f"device={options.device}"
            task = Task(
                name=recipe, config=fitted(composed([*RECIPES[recipe], device]), source), source=source
            )
            bank = ImageBank(task.images.to(compute.device)).cropped(task.crop)
            fits = Fits(task=task, bank=bank, compute=compute, steps=options.steps)
            for n in options.replicas:
                print(_row(recipe, fits, n, options.repeats), flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--replicas", type=int, nargs="+", default=[2, 4, 8, 16])
    parser.add_argument("--steps", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--recipes", nargs="+", choices=RECIPES, default=list(RECIPES))
    parser.add_argument("--data-dir", default=None, help="folder with MNIST/raw (ALFRAME_DATA_DIR)")
    return parser.parse_args()


def _row(recipe: str, fits: Fits, n: int, repeats: int) -> str:
    alone, turns = choose_engine("auto", fits.compute).engine, Turns(n)
    capture = cuda_graph if fits.compute.device.type == "cuda" else as_it_is
    packed = PackedEngine(fits.compute, turns, alone, capture)

    def one_by_one() -> None:
        for seed in range(n):
            fits.fit(alone, seed)

    def together() -> None:
        turns.run([partial(fits.fit, packed, seed) for seed in range(n)])

    timed(one_by_one)
    first, _ = timed(together)
    assert packed.name == "packed"
    pairs = [(timed(one_by_one), timed(together)) for _ in range(repeats)]
    (wall, cpu), (wall_together, cpu_together) = (
        [statistics.median(values) for values in zip(*column, strict=True)]
        for column in zip(*pairs, strict=True)
    )
    ms = 1000 / (n * fits.steps)
    return (
        f"| {recipe} | {n} | {ms * wall:.2f} | {ms * wall_together:.2f} | {wall / wall_together:.2f} | "
        f"{cpu / cpu_together:.2f} | {first:.1f} |"
    )


def timed(work: Callable[[], None]) -> tuple[float, float]:
    """Return the seconds of some work, and its seconds of the processor in all threads."""
    start, start_cpu = time.perf_counter(), time.process_time()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start, time.process_time() - start_cpu


if __name__ == "__main__":
    main()
