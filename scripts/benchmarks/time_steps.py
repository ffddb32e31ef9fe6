"""Time single steps: the figures of docs/background/speed.md on layout, threads and the Trainer.

    python scripts/benchmarks/time_steps.py layouts    steps and scoring by layout and precision
    python scripts/benchmarks/time_steps.py trainer    overhead of a Trainer per step, epoch and fit
    python scripts/benchmarks/time_steps.py threads    a step, alone and beside another process
    python scripts/benchmarks/time_steps.py engines    scoring by torch and by ONNX Runtime

Values are medians, measured in turns on the processor; those of `engines` are of its time, which depends
less on other work on the machine.
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from alframe._onnx import OnnxNetwork, difference
from alframe.data import ImageBank
from alframe.learner import Classifier, FastCNN, FitJob, PublishedCNN, ReferenceEngine
from alframe.learner.batches import EpochBatches
from alframe.learner.compute.device import Compute
from alframe.learner.compute.threads import keep_large_blocks
from alframe.learner.module import Normalize

CPU = torch.device("cpu")
NETWORKS: dict[str, tuple[Callable[..., nn.Module], int, int]] = {  # and images a step, and pixels a side
    "default": (partial(FastCNN, widths=[16, 32, 64], grid=3, dropout=0.0), 128, 24),
    "published": (PublishedCNN, 32, 28),
}


def main() -> None:
    """Print the chosen table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", choices=["layouts", "trainer", "threads", "engines", "one"])
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    keep_large_blocks()
    torch.set_num_threads(options.threads)
    if options.what == "layouts":
        layouts()
    elif options.what == "trainer":
        trainer()
    elif options.what == "threads":
        threads()
    elif options.what == "engines":
        engines()
    else:
        print(f"{1e3 * medians({'step': training_step('default', 'bfloat16')}, 60)['step']:.1f}")


def layouts() -> None:
    """Print milliseconds of a training step and of scoring 512 images."""
    print("| network | precision | layout | training step, ms | scoring 512, ms |\n|---|---|---|---|---|")
    runs: dict[str, Callable[[], object]] = {}
    for name in NETWORKS:
        for precision in ("float32", "bfloat16"):
            for layout in (torch.contiguous_format, torch.channels_last):
                key = f"{name} | {precision} | {str(layout).removeprefix('torch.')}"
                runs[f"{key} | train"] = training_step(name, precision, layout)
                runs[f"{key} | score"] = scoring(name, precision, layout)
    seconds = medians(runs, 25)
    for key in dict.fromkeys(run.rsplit(" | ", 1)[0] for run in runs):
        print(f"| {key} | {1e3 * seconds[key + ' | train']:.1f} | {1e3 * seconds[key + ' | score']:.1f} |")


def trainer() -> None:
    """Print the time of the reference engine beyond the steps of a tiny network."""
    image_N = torch.randint(0, 256, (3200, 1, 8, 8), dtype=torch.uint8)
    bank, label_N = ImageBank(image_N), torch.arange(3200) % 10
    engine = ReferenceEngine(Compute(device=CPU, precision="float32"))

    def module() -> Classifier:
        network = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
        return Classifier(network, Normalize(torch.zeros(1), torch.full((1,), 255.0)), torch.optim.Adadelta)

    def batches(n: int, batch_size: int = 32) -> EpochBatches:
        return EpochBatches(bank, torch.arange(n), label_N[:n], batch_size, torch.Generator())

    def fit(n: int, epochs: int, validated: bool) -> Callable[[], object]:
        def run() -> object:
            some = batches(n)
            job = FitJob(
                module=module(),
                batches=some,
                max_steps=epochs * len(some),
                validation=batches(512, 512) if validated else None,
                patience=10**6 if validated else None,
            )
            return engine.fit(job, lambda *_: None)

        return run

    def raw() -> None:
        one, some = module(), batches(3200)
        optimizer = torch.optim.Adadelta(one.network.parameters())
        for batch in some:
            loss = one.training_step(batch, 0)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    runs: dict[str, Callable[[], object]] = {
        "raw": raw,
        "fit": fit(3200, 1, False),
        "one": fit(32, 1, True),
        "epochs": fit(32, 51, True),
    }
    ms = {name: 1e3 * seconds for name, seconds in medians(runs, 7).items()}
    print(f"a fit of one step: {ms['one']:.1f} ms; an epoch of one step with validation: ", end="")
    print(f"{(ms['epochs'] - ms['one']) / 50:.2f} ms; beyond the raw loop: ", end="")
    print(f"{(ms['fit'] - ms['one'] - ms['raw']) / 100:.2f} ms a step")


def threads() -> None:
    """Print milliseconds of a step in one process and in two side by side."""
    for n_processes, n_threads in ((1, 2), (2, 2), (2, 1)):
        command = [sys.executable, __file__, "one", "--threads", str(n_threads)]
        running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(n_processes)]
        milliseconds = [process.communicate()[0].strip() for process in running]
        print(
            f"{n_processes} processes, {n_threads} threads each: {' and '.join(milliseconds)} ms a step",
            flush=True,
        )


def engines() -> None:
    """Print images per second of processor time in scoring 512 images, and the difference from torch."""
    print("| network | torch, float32 | ONNX Runtime | times torch | difference | torch, bfloat16 |")
    print("|---|---|---|---|---|---|")
    for name in NETWORKS:
        network, x_B, _ = made(name, "float32", torch.channels_last, 512)
        converted = OnnxNetwork(network.eval(), x_B[:1])
        with torch.inference_mode():
            apart = difference(converted(x_B), network(x_B))
        runs: dict[str, Callable[[], object]] = {
            "torch": scoring(name, "float32", torch.channels_last),
            "onnx": partial(converted, x_B),
            "bfloat16": scoring(name, "bfloat16", torch.channels_last),
        }
        rates = {run: 512 / each for run, each in medians(runs, 25, time.process_time).items()}
        cells = [f"{rates['torch']:,.0f}", f"{rates['onnx']:,.0f}", f"{rates['onnx'] / rates['torch']:.2f}"]
        print(f"| {' | '.join([name, *cells, f'{apart:.1e}'])} | {rates['bfloat16']:,.0f} |")


def training_step(
    name: str, precision: str, layout: torch.memory_format = torch.channels_last
) -> Callable[[], object]:
    """Return a step of a network on random images."""
    network, x_B, compute = made(name, precision, layout, None)
    optimizer = torch.optim.AdamW(network.parameters(), fused=True)
    label_B = torch.arange(len(x_B)) % 10

    def step() -> None:
        with compute.autocast():
            loss = F.cross_entropy(network(x_B), label_B)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def scoring(name: str, precision: str, layout: torch.memory_format) -> Callable[[], object]:
    """Return a pass over 512 random images."""
    network, x_B, compute = made(name, precision, layout, 512)
    network.eval()

    def score() -> None:
        with torch.inference_mode(), compute.autocast():
            network(x_B)

    return score


def made(
    name: str, precision: str, layout: torch.memory_format, n: int | None
) -> tuple[nn.Module, Tensor, Compute]:
    """Return a network, n images (None: those of a step), and their device and precision."""
    make, batch_size, side = NETWORKS[name]
    network = make(in_channels=1, image_size=(side, side), n_classes=10)
    network = network.to(memory_format=layout)  # type: ignore[call-overload]
    x_B = torch.rand(n or batch_size, 1, side, side).to(memory_format=layout)
    return network, x_B, Compute(device=CPU, precision=precision)


def medians(
    runs: dict[str, Callable[[], object]], repeats: int, clock: Callable[[], float] = time.perf_counter
) -> dict[str, float]:
    """Return the median seconds of each run, measured in turns after three runs to warm up."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for repeat in range(3 + repeats):
        for name, run in runs.items():
            start = clock()
            run()
            if repeat >= 3:
                seconds[name].append(clock() - start)
    return {name: statistics.median(taken) for name, taken in seconds.items()}


if __name__ == "__main__":
    main()
