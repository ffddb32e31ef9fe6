"""Time every query strategy of conf/query on a synthetic pool and print a Markdown table.

    python scripts/benchmarks/time_queries.py    a question of 600 over a pool of 60,000, two threads
    python scripts/benchmarks/time_queries.py --threads 1 --only coreset badge
    python scripts/benchmarks/time_queries.py --embeddings FILE.npy --repeat 3

`--embeddings` takes (N, D) features of real images, repeated with noise if they are too few. Each strategy
runs `--repeat` times, each time in a new process, with the settings of its config file and only the fields
that it needs; medians are printed. Seconds are those of `candidates` and `select`. CPU seconds are the sum
over the threads, which a busy machine changes less. The peak is the resident memory of the whole process; the
next column is the memory with the scores, before the question.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from alframe.config.compose import composed
from alframe.config.validate import conf_directory
from alframe.core.log_odds import entropy, log_margin, log_odds
from alframe.core.protocols import LABELLED
from alframe.core.records import Labelled, LastLayer, PoolScores
from alframe.trial.instantiate import instantiate

AMOUNT = ("share", "num", "default_share", "default_at_least", "share_of")
NEEDED = {
    "margin": "margin_P",
    "entropy": "entropy_P",
    "log_probs": "log_probs_PC",
    "members": "members_PKC",
    "features": "features_PD",
    "last_layer": "last_layer",
}


def main() -> None:
    """Print the table."""
    options = _options()
    if options.one:
        print(json.dumps(measure(options.one, options)))
        return
    names = options.only or strategies()
    print(f"A question of {options.n} over a pool of {options.pool} ({options.labelled} labelled), ", end="")
    print(f"C={options.classes}, K={options.members}, D={options.features}, ", end="")
    print(f"{options.threads} threads.\n")
    print(
        "| query | seconds | CPU seconds | asked | peak MB | MB before |\n|---|---|---|---|---|---|",
        flush=True,
    )
    for name in names:
        command = [sys.executable, __file__, "--one", name, *sys.argv[1:]]
        environment = {**os.environ, "OMP_NUM_THREADS": str(options.threads)}
        rows = [
            json.loads(subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True).stdout)
            for _ in range(options.repeat)
        ]
        row = {key: statistics.median(each[key] for each in rows) for key in rows[0]}
        print(f"| `{name}` | {row['seconds']:.1f} | {row['cpu_seconds']:.1f} | {row['asked']:.0f} ", end="")
        print(f"| {row['peak_mb']:.0f} | {row['before_mb']:.0f} |", flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", nargs="*", help="names of files in conf/query; all of them")
    parser.add_argument("--n", type=int, default=600)
    parser.add_argument("--pool", type=int, default=60_000)
    parser.add_argument("--labelled", type=int, default=1_000)
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--members", type=int, default=10)
    parser.add_argument("--features", type=int, default=576)
    parser.add_argument("--embeddings", help="a .npy file of features, instead of synthetic ones")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    return parser.parse_args()


def strategies() -> list[str]:
    """Return the names of conf/query without `none` and without second names of a strategy."""
    files = sorted((conf_directory() / "query").glob("*.yaml"))
    return [file.stem for file in files if "_target_: alframe" in file.read_text()]


def measure(name: str, options: argparse.Namespace) -> dict[str, float]:
    """Return seconds, the number of questions, and megabytes at the peak and before."""
    torch.set_num_threads(options.threads)
    strategy = _strategy(name)
    scores, labelled = synthetic(options, strategy.needs)
    before = _peak_mb(reset=True)
    generator = torch.Generator().manual_seed(0)
    start, cpu_start = time.perf_counter(), time.process_time()
    choose = getattr(strategy, "candidates", None)
    if choose is not None:
        scores = scores.at(torch.isin(scores.index_P, choose(scores, options.n, generator)))
    index_Q = strategy.select(scores, labelled, options.n, generator)
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    assert len(index_Q.unique()) == options.n
    return {
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "asked": len(index_Q),
        "peak_mb": _peak_mb(),
        "before_mb": before,
    }


def synthetic(options: argparse.Namespace, needs: frozenset[str]) -> tuple[PoolScores, Labelled]:
    """Return a pool of overlapping clusters, twenty for each class, with the needed fields, and labels."""
    generator = torch.Generator().manual_seed(1)
    n = options.pool + options.labelled
    features_ND, class_N = (_real if options.embeddings else _made)(options, n, generator)
    weight_CD = torch.stack([features_ND[class_N == c].mean(dim=0) for c in range(options.classes)])
    weight_CD = (weight_CD - weight_CD.mean(dim=0)) / 4
    pool = slice(options.pool)
    logits_PC = features_ND[pool] @ weight_CD.T
    predicted_P, log_odds_P = log_odds(logits_PC)
    every: dict[str, Any] = {
        "margin_P": log_margin(logits_PC),
        "entropy_P": entropy(logits_PC),
        "log_probs_PC": logits_PC.log_softmax(dim=1),
        "features_PD": features_ND[pool],
        "last_layer": LastLayer(weight_CD=weight_CD, bias_C=torch.zeros(options.classes)),
    }
    if "members" in needs:
        every["members_PKC"] = _members(features_ND[pool], weight_CD, options.members, generator)
    kept: dict[str, Any] = {NEEDED[need]: every[NEEDED[need]] for need in needs - LABELLED}
    labelled_LD = features_ND[options.pool :]
    log_probs_LC = (labelled_LD @ weight_CD.T).log_softmax(dim=1)
    scores = PoolScores(index_P=torch.arange(options.pool), predicted_P=predicted_P, log_odds_P=log_odds_P)
    scores = PoolScores(**{f.name: getattr(scores, f.name) for f in fields(scores)} | kept)
    return scores, Labelled(
        index_L=torch.arange(options.pool, n),
        label_L=class_N[options.pool :],
        hand_L=torch.ones(options.labelled, dtype=torch.bool),
        pool_P=torch.arange(options.pool),
        features_LD=labelled_LD if "labelled_features" in needs else None,
        log_probs_LC=log_probs_LC if "labelled_log_probs" in needs else None,
    )


def _made(options: argparse.Namespace, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    centres = torch.randn(20 * options.classes, options.features, generator=generator)
    cluster_N = torch.randint(len(centres), (n,), generator=generator)
    features_ND = torch.randn(n, options.features, generator=generator).add_(centres[cluster_N]).relu_()
    return features_ND, cluster_N % options.classes


def _real(options: argparse.Namespace, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return features from the file, standardised, and the class of the nearest of some random samples."""
    file_FD = torch.from_numpy(np.load(options.embeddings, mmap_mode="r")[:n].astype(np.float32))
    file_FD = (file_FD - file_FD.mean(dim=0)) / file_FD.std(dim=0).clamp_min(1e-6)
    features_ND = torch.cat([file_FD] * -(-n // len(file_FD)))[:n]
    features_ND[len(file_FD) :].add_(
        torch.randn(n - len(file_FD), file_FD.shape[1], generator=generator), alpha=0.1
    )
    features_ND = features_ND[torch.randperm(n, generator=generator)]
    return features_ND, torch.cdist(features_ND, features_ND[: options.classes]).argmin(dim=1)


def _members(features_PD: Tensor, weight_CD: Tensor, n_members: int, generator: torch.Generator) -> Tensor:
    kept_KD = (torch.rand(n_members, features_PD.shape[1], generator=generator) >= 0.25).float() / 0.75
    logits = [features_PD @ (weight_CD * kept_D).T for kept_D in kept_KD]
    return torch.stack([each.log_softmax(dim=1) for each in logits], dim=1)


def _strategy(name: str) -> Any:
    query = composed([f"query={name}"])["query"]
    node = {key: value for key, value in query.items() if key not in AMOUNT}
    return instantiate("query", node, [])


def _peak_mb(*, reset: bool = False) -> float:
    """Return the peak since the last reset; where there is no Linux, the peak since the start."""
    if not sys.platform.startswith("linux"):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 2**10


if __name__ == "__main__":
    main()
