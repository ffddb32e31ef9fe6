"""Run the default recipe and its alternatives on MNIST: the table of docs/background/results/default.md.

    python scripts/benchmarks/compare_recipes.py [--seeds 11 12 13] [--only NAME ...] [--out DIR]

Trials run one after another, each with the whole machine. A trial that is already in DIR is not run again.
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

# Name -> overrides of the default.
RECIPES: dict[str, list[str]] = {
    "default": [],
    "fresh weights each round": ["learner.warm_start=false"],
    "last network alone": ["learner.ensemble=1"],
    "auto-labels trained on as truth": ["learner.auto_labels=train"],
    "... and permanent, above 0.999": [
        "learner.auto_labels=train",
        "auto_label.keep=permanent",
        "auto_label.threshold=0.999",
    ],
    "no consistency on the pool": ["learner.pool_batch_size=0"],
    "questions at random": ["query=random"],
    "questions of least confidence": ["query=least_confidence", "query.spread=3"],
    "the very smallest margins": ["query.spread=1"],
}


def main() -> None:
    """Run the missing trials and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[11, 12, 13])
    parser.add_argument("--only", nargs="+", choices=RECIPES, default=list(RECIPES))
    parser.add_argument("--out", type=Path, default=Path("outputs/compare_recipes"))
    options = parser.parse_args()
    print("| recipe | hand labels | mislabelled | auto-label error | test accuracy | seconds | seeds |")
    print("|---|---|---|---|---|---|---|")
    for name in options.only:
        trials = [run(options.out, name, seed) for seed in options.seeds]
        print(row(name, trials), flush=True)


def run(out: Path, name: str, seed: int) -> dict[str, Any]:
    """Return the summary of one trial, which is run now if it is missing."""
    slug = "".join(letter if letter.isalnum() else "-" for letter in name).strip("-")
    directory = out / f"{slug}-{seed}"
    file = directory / "summary.json"
    if not file.exists():
        command = [sys.executable, "-m", "alframe.cli.main", *RECIPES[name], f"seed={seed}", "tracker=none"]
        subprocess.run([*command, f"hydra.run.dir={directory}"], check=True, stdout=subprocess.DEVNULL)
    summary: dict[str, Any] = json.loads(file.read_text())
    return summary


def row(name: str, trials: list[dict[str, Any]]) -> str:
    """Return a table row: means over seeds, and the range of the mislabelled share, which varies most."""

    def mean(key: str) -> float:
        return statistics.mean(trial[key] for trial in trials)

    wrong = [100 * trial["mislabelled_share"] for trial in trials]
    return (
        f"| {name} | {100 * mean('hand_share'):.2f} % "
        f"| {statistics.mean(wrong):.3f} % ({min(wrong):.3f} to {max(wrong):.3f}) "
        f"| {100 * mean('auto_label_error'):.2f} % | {100 * mean('test_accuracy'):.2f} % "
        f"| {mean('seconds'):.0f} | {', '.join(str(trial['seed']) for trial in trials)} |"
    )


if __name__ == "__main__":
    main()
