"""Run the same trials in two ways over seeds and print whether the results differ by more than chance.

    python scripts/benchmarks/parity.py [--pair engines|precisions|launchers] [--seeds 21 22 ...] [--out DIR]
                                       [key=value ...]

engines      engine=reference against engine=graph; needs a CUDA device
precisions   precision=float32 against precision=bfloat16
launchers    each trial alone against hydra/launcher=packed, which trains the trials of all seeds together

Each seed is run in both ways; the interval is that of the paired difference (Student's t, 95 %). The
overrides apply to every trial, such as data.limit=6000. A trial that is already in DIR is not run again.
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from scipy.stats import t  # type: ignore[import-untyped]

PAIRS = {
    "engines": (["device=cuda", "engine=reference"], ["device=cuda", "engine=graph"]),
    "precisions": (["precision=float32"], ["precision=bfloat16"]),
    "launchers": (["hydra/launcher=basic"], ["hydra/launcher=packed"]),
}
FIGURES = {"hand_share": "hand labels", "mislabelled_share": "mislabelled", "test_accuracy": "test accuracy"}


def main() -> None:
    """Run the missing trials and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--pair", choices=PAIRS, default="engines")
    parser.add_argument("--seeds", type=int, nargs="+", default=[21, 22, 23, 24, 25])
    parser.add_argument("--out", type=Path, default=Path("outputs/parity"))
    parser.add_argument("overrides", nargs="*", metavar="key=value")
    options = parser.parse_args()
    if len(options.seeds) < 2:
        parser.error("--seeds: expected at least two, for an interval")
    one, other = (
        (sweep if options.pair == "launchers" else run_each)(
            options.out, [*options.overrides, *way], options.seeds
        )
        for way in PAIRS[options.pair]
    )
    names = [way[-1] for way in PAIRS[options.pair]]
    print(f"| | {names[0]} | {names[1]} | difference, 95 % interval | agree |\n|---|---|---|---|---|")
    for key, name in FIGURES.items():
        if one[0][key] is None:  # the data has no test set
            continue
        print(row(name, [trial[key] for trial in one], [trial[key] for trial in other]))
    seconds = [[trial["seconds"] for trial in trials] for trials in (one, other)]
    print(row("seconds", seconds[0], seconds[1], unit=1))


def run_each(out: Path, overrides: list[str], seeds: list[int]) -> list[dict[str, Any]]:
    """Return the summaries of trials that are each run by a command of their own."""
    return [run(out, overrides, seed) for seed in seeds]


def sweep(out: Path, overrides: list[str], seeds: list[int]) -> list[dict[str, Any]]:
    """Return the summaries of the trials of one sweep, which is continued if trials are missing."""
    directory = out / "_".join(overrides).replace("/", "-")
    command = [sys.executable, "-m", "alframe.cli.main", "-m", *overrides, "tracker=none"]
    command += [f"seed={','.join(map(str, seeds))}", f"hydra.sweep.dir='{directory}'"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return [json.loads((directory / str(k) / "summary.json").read_text()) for k in range(len(seeds))]


def run(out: Path, overrides: list[str], seed: int) -> dict[str, Any]:
    """Return the summary of one trial, which is run now if it is missing."""
    directory = out / "_".join([*overrides, f"seed={seed}"]).replace("/", "-")
    file = directory / "summary.json"
    if not file.exists():
        command = [sys.executable, "-m", "alframe.cli.main", *overrides, f"seed={seed}", "tracker=none"]
        subprocess.run([*command, f"hydra.run.dir='{directory}'"], check=True, stdout=subprocess.DEVNULL)
    summary: dict[str, Any] = json.loads(file.read_text())
    return summary


def row(name: str, one: list[float], other: list[float], unit: float = 100) -> str:
    """Return a table row: both means, and the interval of the paired difference."""
    low, high = interval([unit * (b - a) for a, b in zip(one, other, strict=True)])
    means = " | ".join(f"{unit * statistics.mean(each):.3f}" for each in (one, other))
    return f"| {name} | {means} | {low:+.3f} to {high:+.3f} | {'yes' if low <= 0 <= high else 'no'} |"


def interval(differences: list[float]) -> tuple[float, float]:
    """Return the 95 % interval of the mean of paired differences.

    >>> low, high = interval([1.0, 2.0, 3.0])
    >>> round(low, 3), round(high, 3)
    (-0.484, 4.484)
    """
    mean, n = statistics.mean(differences), len(differences)
    half = float(t.ppf(0.975, n - 1)) * statistics.stdev(differences) / n**0.5
    return mean - half, mean + half


if __name__ == "__main__":
    main()
