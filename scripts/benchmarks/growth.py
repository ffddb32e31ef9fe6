"""Seconds and memory by size of pool and labelled set: tables of docs/background/results/growth.md.

    python scripts/benchmarks/growth.py [--only score fit trial] [--sizes 6000 60000 600000 6000000]
                                       [--json FILE]

Pools are synthetic: scikit-learn's digits, enlarged, shifted and with noise. They are written to --directory
(784 bytes per image), mapped from there and deleted again. Each figure is measured in a new process, so that
peaks of memory are not mixed.
"""

import argparse
import contextlib
import json
import math
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

IMAGE_BYTES = 28 * 28
PARTS = ["score", "fit", "trial"]
FIT_POOL = 120_000  # images of the pool that fits are timed on
RECIPES = {
    "published, one epoch": ["learner=published", "network=published", "learner.max_epochs=1"],
    "default, 300 steps": ["learner.max_pool_passes=null"],
}
TRIAL = ["stopping.min_rounds=1", "stopping.max_rounds=1", "remainder=leave"]


def main() -> None:
    """Measure and print the parts of --only."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--sizes", type=int, nargs="+", default=[6_000, 60_000, 600_000, 6_000_000])
    parser.add_argument("--labelled", type=int, nargs="+", default=[600, 6_000, 60_000])
    parser.add_argument("--trial", type=int, default=2_000_000, help="images of the whole trial")
    parser.add_argument("--threads", type=int, help="as in the command; default: all cores")
    parser.add_argument("--directory", type=Path, help="folder of the pools; default: a temporary one")
    parser.add_argument("--json", type=Path, help="file for the figures")
    options = parser.parse_args()
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="alframe-growth-", dir=options.directory) as folder:
        _check_disk(options, Path(folder))
        if "score" in options.only:
            figures["score"] = [
                measure("score", Path(folder), n, threads=options.threads) for n in options.sizes
            ]
            print_scoring(figures["score"])
        if "fit" in options.only:
            jobs = [(name, n) for name in RECIPES for n in options.labelled]
            figures["fit"] = [
                measure("fit", Path(folder), FIT_POOL, threads=options.threads, recipe=recipe, labelled=n)
                for recipe, n in jobs
            ]
            print_fits(figures["fit"])
        if "trial" in options.only:
            figures["trial"] = measure("trial", Path(folder), options.trial, threads=options.threads)
            print_trial(figures["trial"])
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


def measure(what: str, folder: Path, n: int, **settings: Any) -> dict[str, Any]:
    """Write a pool of n images, return the measurements of a new process on it, and delete the pool."""
    pool = folder / "pool"
    write_pool(pool, n)
    job = {"what": what, "pool": str(pool), "n": n, **settings}
    try:
        done = subprocess.run(
            [sys.executable, __file__, json.dumps(job)], check=True, stdout=subprocess.PIPE, text=True
        )
    finally:
        shutil.rmtree(pool)
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    print(json.dumps({"n": n, **settings, **figures}), file=sys.stderr, flush=True)
    return {"n": n, **settings, **figures}


def write_pool(pool: Path, n: int, chunk: int = 50_000) -> None:
    """Write n images and labels as images.npy and labels.npy, a chunk at a time."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    large = np.kron(digits.images * (192 / 16), np.ones((3, 3))).astype(np.uint8)  # 24 x 24, up to 192
    shifts = [((y, 4 - y), (x, 4 - x)) for y in range(5) for x in range(5)]
    shifted = np.stack([np.pad(large, ((0, 0), *shift)) for shift in shifts])
    pool.mkdir()
    images = np.lib.format.open_memmap(pool / "images.npy", "w+", np.uint8, (n, 28, 28))
    labels = np.empty(n, dtype=np.int64)
    generator = np.random.default_rng(0)
    for start in range(0, n, chunk):
        part = slice(start, min(n, start + chunk))
        length = part.stop - start
        digit, shift = generator.integers(len(large), size=length), generator.integers(25, size=length)
        noise = np.frombuffer(generator.bytes(length * IMAGE_BYTES), dtype=np.uint8).reshape(-1, 28, 28)
        images[part] = shifted[shift, digit] + (noise & 63)
        labels[part] = digits.target[digit]
    images.flush()
    del images
    forget(pool)
    np.save(pool / "labels.npy", labels)


def forget(pool: Path) -> None:
    """Drop the images from the page cache, if the system allows it, so that they are read from the disk."""
    if hasattr(os, "posix_fadvise"):
        with (pool / "images.npy").open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def work(job: dict[str, Any]) -> dict[str, Any]:
    """Return the figures of one job. This function runs in the measured process."""
    if job["what"] == "trial":
        return trial(job)
    from alframe.learner.compute.threads import keep_large_blocks, limited_threads

    config = pool_config(job, RECIPES.get(job.get("recipe", ""), ["learner.steps=100"]))
    keep_large_blocks()
    with limited_threads(config["threads"]):
        return one_round(job, config)


def one_round(job: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:
    """Return the figures of a fit and, unless the job is a fit alone, of scoring and selection."""
    from alframe.config.by_data import chosen_by_data, with_choices
    from alframe.core.ledger import LabelLedger, Source
    from alframe.core.seeds import derive_generator
    from alframe.trial.assemble import assemble, load_data
    from alframe.trial.settings import read_settings

    settings = read_settings(config)
    dataset = load_data(settings)
    n_samples, n_channels = dataset.images_N.shape[:2]
    chosen = chosen_by_data(config, n_samples=n_samples, n_channels=n_channels)
    settings = read_settings(with_choices(config, chosen))
    ledger = LabelLedger.empty(len(dataset))
    start = time.perf_counter()
    trial = assemble(settings, dataset, ledger.member_N, progress=lambda stage, done, total: None)
    components = trial.components
    figures = {"statistics_seconds": time.perf_counter() - start}
    generator = derive_generator(0, 0, "initial")
    seed_set = components.initial.select(ledger.index_unlabelled, generator)
    if "labelled" in job:
        seed_set = ledger.index_unlabelled[: job["labelled"]]
    ledger = ledger.commit(seed_set, components.oracle.label(seed_set), Source.SEED, 0)
    fit = components.learner.fit(ledger.labelled(), 1)
    if job["what"] == "fit":
        return figures | {"fit_seconds": fit.seconds, "steps": fit.steps, "peak_bytes": peak()}
    components.learner.score(ledger.index_unlabelled[:2048], components.pool_needs)  # a warm-up
    forget(Path(job["pool"]))
    start = time.perf_counter()
    scores = components.learner.score(ledger.index_unlabelled, components.pool_needs)
    score_seconds, start = time.perf_counter() - start, time.perf_counter()
    assert components.auto_label is not None
    assert components.query is not None
    accepted = components.auto_label.accept(scores, None, generator)
    rest = scores.without(accepted.index_A)
    asked = components.query.select(
        rest, ledger.labelled(), min(len(rest), max(20, job["n"] // 400)), generator
    )
    return figures | {
        "score_seconds": score_seconds,
        "select_seconds": time.perf_counter() - start,
        "accepted": len(accepted.index_A),
        "asked": len(asked),
        "peak_bytes": peak(),
    }


def trial(job: dict[str, Any]) -> dict[str, Any]:
    """Return the figures of a whole trial by the command."""
    from alframe.cli.main import main as alframe

    with tempfile.TemporaryDirectory() as folder:
        overrides = [*pool_settings(job), *TRIAL, f"hydra.run.dir={folder}/trial"]
        sys.argv[1:] = overrides
        start = time.perf_counter()
        with contextlib.redirect_stdout(sys.stderr), contextlib.suppress(SystemExit):
            alframe(overrides)
        figures = {"seconds": time.perf_counter() - start, "peak_bytes": peak()}
        summary = json.loads((Path(folder) / "trial" / "summary.json").read_text())
        figures["labels_bytes"] = (Path(folder) / "trial" / "labels.csv").stat().st_size
    keys = ("train_seconds", "score_seconds", "hand_labels", "auto_labels", "mislabelled_share", "precision")
    return figures | {key: summary[key] for key in keys}


def pool_config(job: dict[str, Any], overrides: list[str]) -> dict[str, Any]:
    """Return the resolved config of a trial on a pool."""
    from alframe.config.compose import composed

    return composed([*pool_settings(job), *overrides])


def pool_settings(job: dict[str, Any]) -> list[str]:
    """Return the overrides that take a pool from its file."""
    where = ["data=arrays", f"data.path={job['pool']}", "data.in_memory=false"]
    return [*where, "tracker=none", f"threads={job['threads'] or 'null'}"]


def peak() -> int:
    """Return the peak of resident bytes of this process, pages of mapped files included."""
    status = Path("/proc/self/status")
    if status.exists():  # ru_maxrss can be that of the parent process
        [line] = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def print_scoring(rows: list[dict[str, Any]]) -> None:
    """Print seconds and memory against the pool."""
    print("\n| images | file | statistics, s | scoring, s | selection, s | images/s | peak of memory |")
    print("|---|---|---|---|---|---|---|")
    for row in rows:
        print(
            f"| {row['n']:,} | {_megabytes(row['n'] * IMAGE_BYTES)} | {row['statistics_seconds']:.2f} "
            f"| {row['score_seconds']:.2f} | {row['select_seconds']:.3f} "
            f"| {row['n'] / row['score_seconds']:,.0f} | {_megabytes(row['peak_bytes'])} |"
        )
    print()
    _print_growth("scoring", [row["n"] for row in rows], [row["score_seconds"] for row in rows])
    _print_growth("selection", [row["n"] for row in rows], [row["select_seconds"] for row in rows])
    if len(rows) > 1:
        slope = (rows[-1]["peak_bytes"] - rows[0]["peak_bytes"]) / (rows[-1]["n"] - rows[0]["n"])
        print(f"memory: {slope:.0f} bytes per image of the pool, where the image itself has {IMAGE_BYTES}")


def print_fits(rows: list[dict[str, Any]]) -> None:
    """Print the seconds of a fit against the labelled set."""
    print("\n| recipe | labels | steps | seconds of a fit | peak of memory |")
    print("|---|---|---|---|---|")
    for row in rows:
        print(
            f"| {row['recipe']} | {row['labelled']:,} | {row['steps']:,} | {row['fit_seconds']:.2f} "
            f"| {_megabytes(row['peak_bytes'])} |"
        )
    print()
    for name in dict.fromkeys(row["recipe"] for row in rows):
        own = [row for row in rows if row["recipe"] == name]
        _print_growth(name, [row["labelled"] for row in own], [row["fit_seconds"] for row in own])


def print_trial(row: dict[str, Any]) -> None:
    """Print the whole trial."""
    print(
        f"\ntrial of {row['n']:,} images ({_megabytes(row['n'] * IMAGE_BYTES)}): {row['seconds']:.0f} s, "
        f"{row['train_seconds']:.0f} s of it training and {row['score_seconds']:.0f} s scoring; peak of "
        f"memory {_megabytes(row['peak_bytes'])}; {row['hand_labels']:,} hand labels, {row['auto_labels']:,} "
        f"auto-labels, {100 * row['mislabelled_share']:.2f} % mislabelled ({row['precision']})"
    )


def _print_growth(name: str, n: list[int], seconds: list[float]) -> None:
    if len(n) < 2:
        return
    line = statistics.linear_regression(n, seconds)
    exponent = statistics.linear_regression([math.log(x) for x in n], [math.log(s) for s in seconds]).slope
    last = math.log(seconds[-1] / seconds[-2]) / math.log(n[-1] / n[-2])
    rate = f"{1 / line.slope:,.0f} images/s" if line.slope > 0 else "no growth"
    print(
        f"{name}: {line.slope * 1e6:.3g} s per million images ({rate}) + {line.intercept:.2f} s; "
        f"seconds grow with the power {exponent:.2f}, {last:.2f} between the two largest"
    )


def _check_disk(options: argparse.Namespace, folder: Path) -> None:
    wanted = {"score": max(options.sizes), "fit": FIT_POOL, "trial": options.trial}
    needed = max(wanted[what] for what in options.only) * (IMAGE_BYTES + 8)
    free = shutil.disk_usage(folder).free
    print(f"{_megabytes(needed)} are needed in {folder.parent}, {_megabytes(free)} are free", file=sys.stderr)
    if needed > 0.95 * free:
        sys.exit("growth: not enough space. Write --directory FOLDER on a larger disk, or smaller --sizes.")


def _megabytes(n_bytes: float) -> str:
    return f"{n_bytes / 1e6:,.0f} MB"


if __name__ == "__main__":
    if len(sys.argv) == 2 and sys.argv[1].startswith("{"):
        print(json.dumps(work(json.loads(sys.argv[1]))))
    else:
        main()
