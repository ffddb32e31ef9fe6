"""Measure the time and the peak memory of alframe-report on many trials.

    python scripts/benchmarks/time_report.py [--groups 17] [--seeds 59] [--rows 20]
                                            [--keep FOLDER] [-- OPTION ...]

Runs one short trial on scikit-learn's digits and writes groups x seeds copies of its directory, with other
seeds, query strategies, thresholds and synthetic learning curves. Then runs alframe-report on them.
"""

import argparse
import csv
import json
import math
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

QUERIES = (
    *(
        "random",
        "margin",
        "entropy",
        "least_confidence",
        "bald",
        "badge",
        "coreset",
        "typiclust",
        "probcover",
    ),
    *("batchbald", "cluster_margin", "power_bald", "power_margin", "power_entropy", "vote_entropy"),
    *("variation_ratio", "power_least_confidence"),
)
N_SAMPLES = 60_000


def main() -> None:
    """Write the trials, run the report, print its time and memory."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--groups", type=int, default=17)
    parser.add_argument("--seeds", type=int, default=59)
    parser.add_argument("--rows", type=int, default=20, help="of rounds.csv")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep trials and report there")
    parser.add_argument("report", nargs="*", metavar="OPTION", help="of alframe-report, after --")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        make_trials(folder, options.groups, options.seeds, options.rows)
        seconds, peak = time_command([str(folder), *options.report])
    print(
        f"{options.groups * options.seeds} trials, {options.groups} groups x {options.seeds} seeds, "
        f"{options.rows} rows each: {seconds:.1f} s, at most {peak:.2f} GB"
    )


def time_command(arguments: list[str]) -> tuple[float, float]:
    """Return (seconds, peak GB) of an alframe-report command on one thread, with its start-up."""
    command = [sys.executable, "-m", "alframe.report.main", *arguments]
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"})
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(process.returncode)
    return seconds, usage.ru_maxrss * 1024 / 1e9


def make_trials(folder: Path, n_groups: int, n_seeds: int, n_rows: int) -> None:
    """Write the directories of groups x seeds trials, numbered like those of a sweep."""
    with tempfile.TemporaryDirectory() as temporary:
        pattern = files_of_short_trial(Path(temporary) / "trial")
    per_threshold = min(n_groups, len(QUERIES) if n_groups % len(QUERIES) == 0 else 10)
    for group in range(n_groups):
        query, step = QUERIES[group % per_threshold], group // per_threshold
        for seed in range(n_seeds):
            directory = folder / str(group * n_seeds + seed)
            write_trial(directory, pattern, query, round(0.5 + 0.01 * step, 3), seed, n_rows, group)


def files_of_short_trial(directory: Path) -> dict[str, Any]:
    """Run a short trial and return its files, from which the other trials are made."""
    settings = ["data=digits", "data.limit=200", "learner.steps=5", "stopping.max_rounds=1", "tracker=none"]
    subprocess.run(
        [
            sys.executable,
            "-m",
            "alframe.cli.main",
            *settings,
            "stopping.min_rounds=1",
            f"hydra.run.dir={directory}",
        ],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    with (directory / "rounds.csv").open(newline="") as file:
        columns = csv.DictReader(file).fieldnames
    return {
        "columns": columns,
        "config": yaml.safe_load((directory / "config.yaml").read_text()),
        "summary": json.loads((directory / "summary.json").read_text()),
        "hydra": (directory / ".hydra" / "hydra.yaml").read_text(),
    }


def write_trial(
    directory: Path,
    pattern: dict[str, Any],
    query: str,
    threshold: float,
    seed: int,
    n_rows: int,
    group: int,
) -> None:
    """Write one trial's directory; its learning curve is its group's curve with noise."""
    (directory / ".hydra").mkdir(parents=True)
    rows = curve(random.Random(f"{group} {seed}"), group, n_rows)
    with (directory / "rounds.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, pattern["columns"], restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    config = {**pattern["config"], "seed": seed}
    config["query"] = {**config["query"], "_target_": f"alframe.query.{query}"}
    config["auto_label"] = {**config["auto_label"], "threshold": threshold}
    (directory / "config.yaml").write_text(yaml.dump(config, Dumper=DUMPER, sort_keys=False))
    (directory / ".hydra" / "hydra.yaml").write_text(
        re.sub(r"^      query: .*$", f"      query: {query}", pattern["hydra"], flags=re.MULTILINE)
    )
    end = rows[-1]
    summary = {
        **pattern["summary"],
        "seed": seed,
        "n_samples": N_SAMPLES,
        "rounds": n_rows - 2,
        "hand_labels": end["hand_labels"],
        "hand_share": end["hand_labels"] / N_SAMPLES,
        "mislabelled": round(end["mislabelled_share"] * N_SAMPLES),
        "mislabelled_share": end["mislabelled_share"],
        "test_accuracy": rows[-2]["test_accuracy"],
        "seconds": 50 + 3 * (group % 17) + seed % 7,
    }
    (directory / "summary.json").write_text(json.dumps(summary, indent=2))


DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def curve(noise: random.Random, group: int, n_rows: int) -> list[dict[str, Any]]:
    """Return the rows of a rounds.csv."""
    rows: list[dict[str, Any]] = []
    hand, asked = 200, 100 + 5 * (group // 17)
    for number in range(n_rows):
        kind = "seed" if number == 0 else "closing" if number == n_rows - 1 else "round"
        wrong = 0.1 * math.exp(-number / (4 + group % 17 / 4)) + 0.001 * noise.random()
        accuracy = 1 - wrong - 0.002 * noise.random() if kind == "round" else ""
        hand += 0 if kind == "seed" else asked
        rows.append(
            {
                "round": number,
                "hand_new": hand if kind == "seed" else asked,
                "hand_labels": hand,
                "auto_new": 0,
                "auto_labels": 0 if kind == "seed" else N_SAMPLES - hand,
                "unlabelled": N_SAMPLES - hand if kind == "seed" else 0,
                "mislabelled_share": wrong,
                "test_accuracy": accuracy,
                "kind": kind,
                "seconds": 3.0,
                "coverage": 1 - hand / N_SAMPLES,
                "cost": 0.04 * hand,
            }
        )
    return rows


if __name__ == "__main__":
    main()
