"""Ask one question in this process and print one line of JSON.

`python -m peers.question_child PEER STRATEGY FILE N` asks for N samples of the pool in a file.
`python -m peers.question_child make POOL FILE 0` writes the file.
"""

import importlib
import json
import os
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from peers.memory import peak_mb
from peers.pool import Pool

CLASSES, FEATURES, MEMBERS, LABELLED = 10, 576, 10, 1_000


def main(peer: str, strategy: str, file: str, n: str) -> None:
    """Ask and print."""
    if peer == "make":
        made(int(strategy)).save(Path(file))
        return
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    print(json.dumps(figures(peer, strategy, Path(file), int(n))), file=answer, flush=True)


def figures(peer: str, strategy: str, file: Path, n: int) -> dict[str, Any]:
    """Return seconds of the question, the peak of the process, and the samples asked."""
    question = importlib.import_module(f"peers.ask_{peer}").Question(strategy, Pool.load(file))
    before_mb = peak_mb()
    start, cpu_start = time.perf_counter(), time.process_time()
    index_Q = question.ask(n)
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    return {
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "peak_mb": peak_mb(),
        "before_mb": before_mb,
        "asked": sorted({int(index) for index in index_Q}),
    }


def made(n_pool: int, seed: int = 1) -> Pool:
    """Return a pool of overlapping clusters, twenty for each class, as `time_queries.py` makes it."""
    generator = np.random.default_rng(seed)
    n = n_pool + LABELLED
    centres = generator.standard_normal((20 * CLASSES, FEATURES), dtype=np.float32)
    cluster_N = generator.integers(len(centres), size=n)
    features_ND = generator.standard_normal((n, FEATURES), dtype=np.float32)
    features_ND += centres[cluster_N]
    np.maximum(features_ND, 0, out=features_ND)
    class_N = cluster_N % CLASSES
    weight_CD = np.stack([features_ND[class_N == c].mean(axis=0) for c in range(CLASSES)])
    weight_CD = (weight_CD - weight_CD.mean(axis=0)) / 4
    pool = features_ND[:n_pool]
    kept_KD = (generator.random((MEMBERS, FEATURES)) >= 0.25).astype(np.float32) / np.float32(0.75)
    return Pool(
        features_PD=pool,
        features_LD=features_ND[n_pool:],
        label_L=class_N[n_pool:],
        probs_PC=softmax(pool @ weight_CD.T),
        members_KPC=np.stack([softmax(pool @ (weight_CD * kept_D).T) for kept_D in kept_KD]),
        weight_CD=weight_CD,
    )


def softmax(logits_PC: Any) -> Any:
    """Return the probabilities, float32."""
    e_PC = np.exp(logits_PC - logits_PC.max(axis=1, keepdims=True))
    return e_PC / e_PC.sum(axis=1, keepdims=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
