"""Time a sweep of short trials: as separate commands, one trial after the other, and several at once.

    python scripts/benchmarks/time_sweep.py [--trials 12] [--repeats 3] [--threads 1] [key=value ...]

Three ways, interleaved, each repeat in a new directory: `alframe seed=K` for each K, one after the
other (`separate`), `alframe -m seed=1,...,12` (`basic`), and the same with `hydra/launcher=cores` (`cores`).
Each is timed from the start of its first process to the end of its last. The script prints the seconds of
each repeat, their medians and ratios. With --threads it checks that the labels of all three are equal.
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from alframe._machine import n_cores, processor

# experiment=digits (1,797 images, fresh weights each round), but three rounds of 100 steps.
SHORT = [
    "experiment=digits",
    "tracker=none",
    "learner.steps=100",
    "learner.steps_growth=0",
    "stopping.max_rounds=3",
]
WAYS = ("separate", "basic", "cores")


def main() -> None:
    """Time each way `--repeats` times and print a table."""
    options = _options()
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as folder:
        _alframe(Path(folder), "seed=0", *options.overrides)  # file caches are warm for all
        for repeat in range(options.repeats):
            directories = {way: Path(folder) / f"{way}_{repeat}" for way in WAYS}
            for way in WAYS[repeat % 3 :] + WAYS[: repeat % 3]:
                seconds[way].append(_timed(RUNS[way], directories[way], options))
                print(f"repeat {repeat + 1}, {way}: {seconds[way][-1]:.1f} s", flush=True)
            _check_labels(directories, options)
    print(_table(seconds, options))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--trials", type=int, default=12)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, help="of every trial; default: the choice of alframe")
    parser.add_argument("overrides", nargs="*", default=SHORT)
    options = parser.parse_args()
    if options.threads is not None:
        options.overrides = [*options.overrides, f"threads={options.threads}"]
    return options


def _timed(
    run: Callable[[Path, argparse.Namespace], None], directory: Path, options: argparse.Namespace
) -> float:
    start = time.perf_counter()
    run(directory, options)
    return time.perf_counter() - start


def _separate(directory: Path, options: argparse.Namespace) -> None:
    for seed in range(options.trials):
        _alframe(directory, f"seed={seed + 1}", f"hydra.run.dir={directory / str(seed)}", *options.overrides)


def _basic(directory: Path, options: argparse.Namespace, *launcher: str) -> None:
    seeds = ",".join(str(seed + 1) for seed in range(options.trials))
    _alframe(directory, "-m", f"seed={seeds}", f"hydra.sweep.dir={directory}", *options.overrides, *launcher)


def _cores(directory: Path, options: argparse.Namespace) -> None:
    _basic(directory, options, "hydra/launcher=cores")


RUNS = {"separate": _separate, "basic": _basic, "cores": _cores}


def _alframe(directory: Path, *arguments: str) -> None:
    """Run the command as a user would.

    Raises:
        SystemExit: it failed.
    """
    directory.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "alframe.cli.main", *arguments]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")


def _check_labels(directories: dict[str, Path], options: argparse.Namespace) -> None:
    """Compare the labels of the three ways; if alframe chooses the threads, a last bit may differ."""
    for trial in range(options.trials):
        labels = {(directory / str(trial) / "labels.csv").read_bytes() for directory in directories.values()}
        if len(labels) > 1 and options.threads is not None:
            sys.exit(f"trial {trial}: its labels differ between {', '.join(WAYS)}")


def _table(seconds: dict[str, list[float]], options: argparse.Namespace) -> str:
    medians = {way: statistics.median(seconds[way]) for way in WAYS}
    limit = os.environ.get("OMP_NUM_THREADS")
    lines = [
        f"{options.trials} trials of `{' '.join(options.overrides)}`, {options.repeats} repeats, "
        f"{n_cores()} cores of {processor()[0]}, Python {platform.python_version()}, "
        f"OMP_NUM_THREADS {limit or 'not set'}",
        "",
        "| way | seconds (median) | range | of separate | of basic |",
        "|---|---|---|---|---|",
        *(_row(way, seconds[way], medians) for way in WAYS),
    ]
    return "\n".join(lines)


def _row(way: str, seconds: Sequence[float], medians: dict[str, float]) -> str:
    median = medians[way]
    return (
        f"| {way} | {median:.1f} | {min(seconds):.1f} to {max(seconds):.1f} | "
        f"{median / medians['separate']:.2f} | {median / medians['basic']:.2f} |"
    )


if __name__ == "__main__":
    main()
