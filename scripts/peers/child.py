"""Run one job in this process and print one line of JSON: `python -m peers.child PEER '{"name": ...}'`."""

import importlib
import json
import logging
import os
import sys
import time
import warnings
from typing import Any

import numpy as np
import torch

from peers.job import Job
from peers.memory import peak_mb
from peers.mnist import mnist


def main(peer: str, job_json: str) -> None:
    """Run and print; whatever a library prints goes to the terminal's errors."""
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    print(json.dumps(figures(peer, Job(**json.loads(job_json)))), file=answer, flush=True)


def figures(peer: str, job: Job) -> dict[str, Any]:
    """Return the figures of a job: its time without imports, the peak of the whole process."""
    start = time.perf_counter()
    contestant = importlib.import_module(f"peers.with_{peer}")
    import_seconds = time.perf_counter() - start
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    data = mnist(job)
    before_mb = peak_mb()
    start, cpu_start = time.perf_counter(), time.process_time()
    labels = contestant.label(data, job)
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    assert (labels.label_N[labels.hand_N] == data.truth_N[labels.hand_N]).all()
    return {
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "import_seconds": import_seconds,
        "peak_mb": peak_mb(),
        "before_mb": before_mb,
        "n_images": job.n_processed(len(data.images_N), len(data.test_images_T)),
        "hand_share": float(labels.hand_N.mean()),
        "mislabelled_share": float(np.mean(labels.label_N != data.truth_N)),
        "test_accuracy": labels.test_accuracies[-1],
        "rounds": labels.n_rounds,
        **labels.extra,
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
