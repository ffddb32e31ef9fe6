"""Do the same experiments with alframe and with the libraries that people use instead, and compare.

    make peers                                        all jobs and questions (hours)
    make peers ARGS='--quick --json FILE'             a part of them, under five minutes on two cores
    make peers ARGS='--parts jobs --seeds 61 62 63'   some

Every job and every question runs in a process of its own, contestant after contestant, seed after seed, so
that other work on the machine meets all of them alike. Ratios are medians over seeds of their seconds / ours.
All contestants get the same number of threads and the same settings of the memory allocator.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from peers import figures, plan, table
from peers.figures import Run
from peers.processes import Finished, measured

ROOT = Path(__file__).parents[2]
PEERS_PYTHON = ROOT / "build" / "peers" / "bin" / "python"
# The glibc settings that alframe makes for itself.
ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": str(2**30), "MALLOC_TRIM_THRESHOLD_": str(2**30)}
JOBS = ("same training, 6,000", "own training, 6,000", "published protocol, 6,000", "same training, 60,000")
QUICK_JOBS = ("same training, 2,000",)
QUICK_STRATEGIES = ("margin", "entropy", "coreset", "badge")
PACKAGES = ("torch", "pytorch-lightning", "scikit-learn", "skorch", "scikit-activeml", "modAL-python", "baal")
SLOW_SECONDS = 60.0  # a question that takes longer is asked once


def main(typed: list[str] | None = None) -> None:
    """Measure, print, and write JSON if --json is given."""
    options = _parser().parse_args(typed)
    if not PEERS_PYTHON.exists():
        sys.exit(f"peers: expected {PEERS_PYTHON.relative_to(ROOT)}, found none. Run: make peers")
    job_runs, question_runs, around = _earlier(options.earlier or [])
    default_precision = _default_precision()
    found = _found(job_runs, question_runs, around, default_precision)
    if not options.earlier:
        around = [_circumstances(options)]
        for runs, measure in ((job_runs, _job_runs), (question_runs, _question_runs)):
            for run in measure(options):
                runs.append(run)
                found = _found(job_runs, question_runs, around, default_precision)
                _save(found, options.json)  # what is measured stays if the rest is not
    print(report(found), flush=True)
    _save(found, options.json)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="peers", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a part, under five minutes on two cores")
    parser.add_argument("--json", type=Path, default=None, help="file to write the figures to")
    parser.add_argument("--parts", nargs="+", choices=["jobs", "questions"], default=["jobs", "questions"])
    parser.add_argument("--jobs", nargs="+", default=None, help=f"of {', '.join(map(repr, JOBS))}")
    parser.add_argument("--networks", nargs="+", choices=plan.NETWORKS, default=list(plan.NETWORKS))
    parser.add_argument("--precisions", nargs="+", choices=plan.PRECISIONS, default=list(plan.PRECISIONS))
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=None, help="of the jobs (61 to 65; quick: 61)"
    )
    parser.add_argument("--peers", nargs="+", default=None, help="these contestants besides alframe")
    parser.add_argument("--strategies", nargs="+", choices=plan.STRATEGIES, default=None)
    parser.add_argument("--pools", type=int, nargs="+", default=None, help="6000 60000; quick: 6000")
    parser.add_argument("--repeats", type=int, default=None, help="of a question (3; quick: 1)")
    parser.add_argument(
        "--earlier", type=Path, nargs="+", default=None, help="JSON files of earlier runs to put together"
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--max-seconds", type=float, default=None, help="processor time of a question (300; quick: 60)"
    )
    parser.add_argument("--max-gb", type=float, default=12.0, help="of memory, for every process")
    return parser


def _save(found: dict[str, Any], file: Path | None) -> None:
    if file is not None:
        file.write_text(json.dumps(found, indent=1) + "\n")


def _found(
    job_runs: Sequence[Run],
    question_runs: Sequence[Run],
    around: Sequence[dict[str, Any]],
    default_precision: str,
) -> dict[str, Any]:
    """Return the content of the JSON file: the figures, and the runs that they come from."""
    runs = {"circumstances": list(around), "runs": list(job_runs), "question_runs": list(question_runs)}
    return runs | collected(job_runs, question_runs, default_precision)


def _earlier(files: Sequence[Path]) -> tuple[list[Run], list[Run], list[dict[str, Any]]]:
    """Return the runs of the jobs, those of the questions and the circumstances in some JSON files."""
    found = [json.loads(file.read_text()) for file in files]
    jobs, questions = ([run for each in found for run in each[name]] for name in ("runs", "question_runs"))
    return jobs, questions, [around for each in found for around in each["circumstances"]]


def collected(
    job_runs: Sequence[Run], question_runs: Sequence[Run], default_precision: str
) -> dict[str, Any]:
    """Return `jobs`, `questions`, `lines` and the summary of the ratios."""
    ours = [contestants[0] for contestants in plan.CONTESTANTS.values()]
    jobs = figures.rows(job_runs, ours, default_precision)
    questions = figures.rows(question_runs, ours, default_precision)
    asked = {(run["peer"], run["job"]): run for run in question_runs if run.get("asked")}
    for row in questions:
        run, our = asked.get((row["peer"], row["job"])), asked.get((plan.OURS, row["job"]))
        row["agreement"] = figures.agreement(run["asked"], our["asked"]) if run and our else None
        row["n_pool"] = next(run["n_pool"] for run in question_runs if run["job"] == row["job"])
    pools = sorted({row["n_pool"] for row in questions})
    means = [
        figures.question_targets(questions, peer, n)
        for n in pools
        for peer in plan.ASKERS
        if peer != plan.OURS
    ]
    folder = Path(__file__).parent
    names = sorted({f"with_{name}.py" for names in plan.CONTESTANTS.values() for name in names})
    return {
        "jobs": jobs,
        "questions": questions,
        "best_peers": figures.best_peers(jobs, ours),
        "question_means": means,
        "lines": {name: table.code_lines(folder / name) for name in [*names, "networks.py"]},
    }


def report(found: dict[str, Any]) -> str:
    """Return the tables as Markdown."""
    parts = [json.dumps(around) for around in found["circumstances"]]
    if found["jobs"]:
        parts += [table.job_table(found["jobs"])]
        parts += [
            f"{row['job']}, {row['network']}, {row['precision']}: the fastest peer is {row['peer']}, "
            f"{row['ratio']:.2f} times alframe's seconds ({table.number(row['ratio_default'])} with its "
            "default precision)"
            for row in found["best_peers"]
        ]
    if found["questions"]:
        parts += [table.question_table(found["questions"])]
        parts += [
            f"{row['peer']}, {row['n_pool']:,}: geometric mean {row['geometric_mean']:.1f} over the "
            f"{row['finished']} of {row['strategies']} strategies that finished"
            for row in found["question_means"]
            if row["geometric_mean"] is not None
        ]
    return "\n\n".join([*parts, table.lines_table(found["lines"])])


def _job_runs(options: argparse.Namespace) -> Iterator[Run]:
    if "jobs" not in options.parts:
        return
    names = options.jobs or (QUICK_JOBS if options.quick else JOBS)
    seeds = options.seeds or ([61] if options.quick else [61, 62, 63, 64, 65])
    for turn, job in enumerate(plan.jobs(names, seeds, options.networks, options.precisions)):
        for peer in plan.turns(_wanted(plan.CONTESTANTS[plan.kind_of(job.name)], options.peers), turn):
            command = [_python(peer), "-m", "peers.child", peer, json.dumps(asdict(job))]
            done = _measured(command, options, max_seconds=3600)
            yield _run(peer, job.name, job.network, job.precision, job.seed, done)


def _question_runs(options: argparse.Namespace) -> Iterator[Run]:
    if "questions" not in options.parts:
        return
    pools = options.pools or ([6_000] if options.quick else [6_000, 60_000])
    names = options.strategies or (QUICK_STRATEGIES if options.quick else plan.STRATEGIES)
    repeats = options.repeats or (1 if options.quick else 3)
    limit = options.max_seconds or (60.0 if options.quick else 300.0)
    runs: list[Run] = []
    with tempfile.TemporaryDirectory() as folder:
        for n_pool in pools:
            file = Path(folder) / f"{n_pool}.npz"
            made = [str(PEERS_PYTHON), "-m", "peers.question_child", "make", str(n_pool), str(file), "0"]
            _measured(made, options, max_seconds=600, prints=False)
            for repeat in range(repeats):
                for name in names:
                    question = plan.Question(strategy=name, n_pool=n_pool)
                    for run in _asked(question, file, repeat, limit, options, list(runs)):
                        runs.append(run)
                        yield run
            file.unlink(missing_ok=True)


def _asked(
    question: plan.Question,
    file: Path,
    repeat: int,
    limit: float,
    options: argparse.Namespace,
    before: list[Run],
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
        done = _measured(command, options, max_seconds=limit)
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
    environment = {"PYTHONPATH": path, "OMP_NUM_THREADS": str(options.threads), **ALLOCATOR}
    return measured(
        command, environment, max_seconds=max_seconds, max_mb=1024 * options.max_gb, prints=prints
    )


def _default_precision() -> str:
    """Return the precision that alframe takes by itself."""
    from alframe.learner.compute.device import Compute

    return Compute.choose("cpu", "auto").precision


def _circumstances(options: argparse.Namespace) -> dict[str, Any]:
    import torch

    from speed.report import circumstances

    found = circumstances(torch.device("cpu"))
    names = f"json.dumps({{name: version(name) for name in {PACKAGES}}})"
    code = f"import json; from importlib.metadata import version; print({names})"
    versions = measured([str(PEERS_PYTHON), "-c", code], {}, max_seconds=60, max_mb=4096).figures
    return {**found, "peers": versions, "threads": options.threads}


if __name__ == "__main__":
    main()
