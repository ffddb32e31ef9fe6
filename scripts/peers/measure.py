"""Measure jobs and questions, each in a process of its own."""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from peers import plan
from peers.data import vector_folder
from peers.figures import Run
from peers.job import Job
from peers.processes import Finished, measured

ROOT = Path(__file__).parents[2]
PEERS_PYTHON = ROOT / "build" / "peers" / "bin" / "python"
# The glibc settings that alframe makes for itself.
ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": str(2**30), "MALLOC_TRIM_THRESHOLD_": str(2**30)}
SLOW_SECONDS = 60.0  # a question that takes longer is asked once
MOST_SECONDS = 3600.0  # of processor time, for a job and for making vectors


def job_runs(options: argparse.Namespace) -> Iterator[Run]:
    """Yield the runs of the jobs; the vectors that they need are made first."""
    jobs = plan.jobs(options.jobs, options.seeds, options.networks, options.precisions)
    with tempfile.TemporaryDirectory(prefix="alframe-peers-") as folder:
        _make_vectors(jobs, Path(folder), options)
        for turn, job in enumerate(jobs):
            for peer in plan.turns(_wanted(plan.CONTESTANTS[plan.kind_of(job.name)], options.peers), turn):
                command = [_python(peer), "-m", "peers.child", peer, json.dumps(asdict(job)), folder]
                done = _measured(command, options, max_seconds=MOST_SECONDS)
                yield _run(peer, job.name, job.network, job.precision, job.seed, done)


def _make_vectors(jobs: Sequence[Job], folder: Path, options: argparse.Namespace) -> None:
    """Make the files of all vectors; without them there is nothing to measure."""
    overrides = [f"data_dir={options.data_dir}", "data=cifar10"]
    if options.cifar is not None:
        overrides = ["data=arrays", f"data.path={options.cifar}", "data.name=cifar10"]
    if options.embeddings_dir is not None:
        overrides += [f"embeddings_dir={options.embeddings_dir}"]
    wanted = {vector_folder(job, folder): job for job in jobs if job.data != "mnist"}
    for files, job in wanted.items():
        print(f"vectors of {job.data}, which are made if they are missing", file=sys.stderr, flush=True)
        command = [sys.executable, "-m", "peers.vectors", job.data, str(job.n_images), str(files)]
        done = _measured([*command, *overrides], options, max_seconds=MOST_SECONDS, prints=False)
        if done.note:
            sys.exit(f"peers: the vectors of {job.data} were not made: {done.note}")


def question_runs(options: argparse.Namespace) -> Iterator[Run]:
    """Yield the runs of the questions."""
    runs: list[Run] = []
    with tempfile.TemporaryDirectory() as folder:
        for n_pool in options.pools:
            file = Path(folder) / f"{n_pool}.npz"
            made = [str(PEERS_PYTHON), "-m", "peers.question_child", "make", str(n_pool), str(file), "0"]
            _measured(made, options, max_seconds=600, prints=False)
            for repeat in range(options.repeats):
                for name in options.strategies:
                    question = plan.Question(strategy=name, n_pool=n_pool)
                    for run in _asked(question, file, repeat, options, list(runs)):
                        runs.append(run)
                        yield run
            file.unlink(missing_ok=True)


def _asked(
    question: plan.Question, file: Path, repeat: int, options: argparse.Namespace, before: list[Run]
) -> Iterator[Run]:
    """Yield a run of each contestant that has the strategy; a slow or failed one runs only once."""
    having = [peer for peer, names in plan.ASKERS.items() if question.strategy in names]
    for peer in plan.turns(_wanted(having, options.peers), repeat):
        known = [run for run in before if (run["peer"], run["job"]) == (peer, question.name)]
        if any(run.get("seconds") is None or run["seconds"] > SLOW_SECONDS for run in known):
            continue
        command = [
            _python(peer),
            "-m",
            "peers.question_child",
            peer,
            question.strategy,
            str(file),
            str(question.n),
        ]
        done = _measured(command, options, max_seconds=options.max_seconds)
        run = _run(peer, question.name, "fast", "float32", repeat, done)
        yield run | {"n_pool": question.n_pool, "strategy": question.strategy}


def _wanted(contestants: Sequence[str], peers: Sequence[str] | None) -> list[str]:
    """Return alframe's contestant, which comes first, and the peers that are wanted."""
    return [name for name in contestants if peers is None or name == contestants[0] or name in peers]


def _run(peer: str, job: str, network: str, precision: str, seed: int, done: Finished) -> Run:
    run = {
        "peer": peer,
        "job": job,
        "network": network,
        "precision": precision,
        "seed": seed,
        "note": done.note,
    }
    print(f"{job}, {network}, {precision}, {seed}: {peer} {_shown(done)}", file=sys.stderr, flush=True)
    return run | (done.figures or {"seconds": None})


def _shown(done: Finished) -> str:
    if done.figures is None:
        return done.note
    return f"{done.figures['seconds']:.2f} s, {done.figures['cpu_seconds']:.2f} s of processor time"


def _python(peer: str) -> str:
    return sys.executable if peer.startswith(plan.OURS) else str(PEERS_PYTHON)


def _measured(
    command: Sequence[str], options: argparse.Namespace, max_seconds: float, prints: bool = True
) -> Finished:
    path = os.pathsep.join([str(ROOT / "scripts"), str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    environment = {
        "PYTHONPATH": path,
        "OMP_NUM_THREADS": str(options.threads),
        "ALFRAME_DATA_DIR": str(options.data_dir),
        **ALLOCATOR,
    }
    return measured(
        command, environment, max_seconds=max_seconds, max_mb=1024 * options.max_gb, prints=prints
    )
