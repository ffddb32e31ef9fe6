"""Run one job in this process and print one line of JSON.

`python -m peers.child PEER '{"name": ...}' FOLDER`, with a folder of vectors that `vectors.py` has written.
"""

import importlib
import json
import logging
import os
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import torch

from peers.data import data_of
from peers.job import Data, Job, Labels
from peers.memory import peak_mb


def main(peer: str, job_json: str, folder: str) -> None:
    """Run and print; whatever a library prints goes to the terminal's errors."""
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    print(json.dumps(figures(peer, Job(**json.loads(job_json)), Path(folder))), file=answer, flush=True)


def figures(peer: str, job: Job, folder: Path) -> dict[str, Any]:
    """Return the figures of a job: its time without imports, the peak of the whole process."""
    start = time.perf_counter()
    contestant = importlib.import_module(f"peers.with_{peer}")
    import_seconds = time.perf_counter() - start
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    data = data_of(job, folder)
    before_mb = peak_mb()
    start, cpu_start = time.perf_counter(), time.process_time()
    labels = contestant.label(data, job)
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    return {
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "import_seconds": import_seconds,
        "peak_mb": peak_mb(),
        "before_mb": before_mb,
        "n_images": job.n_processed(len(data.images_N), len(data.test_images_T)),
        "test_accuracy": labels.test_accuracies[-1],
        "rounds": labels.n_rounds,
        **shares(labels, data),
        **labels.extra,
    }


def shares(labels: Labels, data: Data) -> dict[str, float | None]:
    """Return the shares of hand labels, wrong labels and auto-labels, and the error of the auto-labels."""
    wrong_N = (labels.label_N >= 0) & (labels.label_N != data.truth_N)
    assert not wrong_N[labels.hand_N].any()
    auto_N = (labels.label_N >= 0) & ~labels.hand_N
    return {
        "hand_share": float(labels.hand_N.mean()),
        "mislabelled_share": float(wrong_N.mean()),
        "coverage": float(auto_N.mean()),
        "auto_label_error": float(wrong_N[auto_N].mean()) if auto_N.any() else None,
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
