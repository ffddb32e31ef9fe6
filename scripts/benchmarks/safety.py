"""Run the default trial on data that it was not tuned for: the table of docs/background/results/safety.md.

    python scripts/benchmarks/safety.py [--quick] [--seeds 0 1 2 3 4] [--only NAME ...] [--out DIR]
                                        [--threads N] [--cifar FILE.npz] [--table]

Each trial is a simulation, and its summary says what a check of 100 auto-labels would have said. A trial is
*covered* if its true auto-label error is within the upper bound of the check, and *warned of* if that bound
is above check.warn.
A trial that is already in DIR is not run again. --quick runs two seeds on small pools; --table runs nothing.
"""

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

from alframe.config.compose import composed
from alframe.trial.run import Replacements, run_trial

LONG_TAIL = ["data.imbalance.kind=long_tail", "data.imbalance.ratio=10"]
NOISY = ["oracle=noisy", "oracle.rate=0.2"]
# Name -> overrides of the default.
CASES: dict[str, list[str]] = {
    "digits, 300": ["data=digits", "data.limit=300"],
    "digits, 600": ["data=digits", "data.limit=600"],
    "digits, 1,000": ["data=digits", "data.limit=1000"],
    "digits, 1,200": ["data=digits", "data.limit=1200"],
    "digits, all 1,797": ["data=digits"],
    "digits, long tail": ["data=digits", *LONG_TAIL],
    "digits, 20 % noise": ["data=digits", *NOISY],
    "MNIST, 1,000": ["data=mnist", "data.limit=1000"],
    "MNIST, 6,000": ["data=mnist", "data.limit=6000"],
    "MNIST, 6,000, long tail": ["data=mnist", "data.limit=6000", *LONG_TAIL],
    "MNIST, 6,000, 20 % noise": ["data=mnist", "data.limit=6000", *NOISY],
    "CIFAR-10, 10,000": ["data=cifar10", "data.limit=10000"],
}
QUICK = ["digits, 300", "digits, 600"]
HARMFUL = 0.05  # an auto-label error of which a summary has to warn


def main() -> None:
    """Run the missing trials and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seeds", type=int, nargs="+", default=None)
    parser.add_argument("--only", nargs="+", choices=CASES, default=None)
    parser.add_argument("--out", type=Path, default=Path("outputs/safety"))
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--cifar", type=Path, default=None, help="CIFAR-10 as data=arrays reads it")
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    print("| data | trials | hand labels | auto-label error | the check says at most | covered | warned of |")
    print("|---|---|---|---|---|---|---|")
    for name in options.only or (QUICK if options.quick else list(CASES)):
        seeds = options.seeds or ([0, 1] if options.quick else [0, 1, 2, 3, 4])
        trials = [run(options, name, seed) for seed in seeds]
        found = [trial for trial in trials if trial is not None]
        if found:
            print(row(name, found), flush=True)


def run(options: argparse.Namespace, name: str, seed: int) -> dict[str, Any] | None:
    """Return the summary of one trial, which is run now if it is missing; None if nothing is to be run."""
    slug = "-".join("".join(letter if letter.isalnum() else " " for letter in name).split())
    directory: Path = options.out / f"{slug}-{seed}"
    file = directory / "summary.json"
    if not file.exists() and options.table:
        return None
    if not file.exists():
        overrides = [*CASES[name], f"seed={seed}", "tracker=none"]
        if options.threads is not None:
            overrides.append(f"threads={options.threads}")
        if options.cifar is not None and name.startswith("CIFAR"):
            overrides[0] = "data=arrays"
            overrides += [f"data.path={options.cifar}", "data.name=cifar10"]
        run_trial(composed(overrides), directory, replacements=Replacements(console=None))
    summary: dict[str, Any] = json.loads(file.read_text())
    return summary


def row(name: str, trials: list[dict[str, Any]]) -> str:
    """Return a table row: means over seeds, with ranges."""
    labelling = [trial for trial in trials if trial["auto_labels"]]
    errors = [100 * trial["auto_label_error"] for trial in labelling]
    bounds = [100 * trial["check"]["most_share"] for trial in labelling]
    covered = sum(error <= bound for error, bound in zip(errors, bounds, strict=True))
    harmful = [trial for trial in labelling if trial["auto_label_error"] > HARMFUL]
    warned = sum(trial["check"]["warn"] for trial in harmful)
    none = len(trials) - len(labelling)
    cells = [
        name,
        f"{len(trials)}" + (f", {none} without auto-labels" if none else ""),
        spread([100 * trial["hand_share"] for trial in trials], 1),
        spread(errors, 2),
        spread(bounds, 1),
        f"{covered} of {len(labelling)}",
        f"{warned} of {len(harmful)}",
    ]
    return f"| {' | '.join(cells)} |"


def spread(values: list[float], digits: int) -> str:
    """Return the mean and the range of percentages."""
    if not values:
        return "-"
    low, high = min(values), max(values)
    return f"{statistics.mean(values):.{digits}f} % ({low:.{digits}f} to {high:.{digits}f})"


if __name__ == "__main__":
    main()
