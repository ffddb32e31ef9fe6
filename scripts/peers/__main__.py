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
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from peers import figures, measure, plan, ready, table
from peers import options as command_line
from peers.figures import Run
from peers.processes import measured

PACKAGES = ("torch", "pytorch-lightning", "scikit-learn", "skorch", "scikit-activeml", "modAL-python", "baal")


def main(typed: list[str] | None = None) -> None:
    """Measure, print, and write JSON if --json is given."""
    options = command_line.read(typed, __doc__)
    problem = ready.missing(options)
    if problem is not None:
        print(f"peers: {problem}", file=sys.stderr)
        sys.exit(2)
    job_runs, question_runs, around = _earlier(options.earlier or [])
    default_precision = _default_precision()
    found = _found(job_runs, question_runs, around, default_precision)
    if not options.earlier:
        around = [_circumstances(options)]
        for part, runs, measured_runs in (
            ("jobs", job_runs, measure.job_runs(options)),
            ("questions", question_runs, measure.question_runs(options)),
        ):
            for run in measured_runs if part in options.parts else ():
                runs.append(run)
                found = _found(job_runs, question_runs, around, default_precision)
                _save(found, options.json)  # what is measured stays if the rest is not
    print(report(found), flush=True)
    _save(found, options.json)


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
    files = sorted({f"with_{name}.py" for names in plan.CONTESTANTS.values() for name in names})
    return {
        "jobs": jobs,
        "questions": questions,
        "best_peers": figures.best_peers(jobs, ours),
        "question_means": means,
        "lines": {name: table.code_lines(folder / name) for name in [*files, "networks.py", "centres.py"]},
    }


def report(found: dict[str, Any]) -> str:
    """Return the tables as Markdown."""
    parts = [json.dumps(around) for around in found["circumstances"]]
    if found["jobs"]:
        parts += [table.job_table(found["jobs"]), table.auto_label_table(found["jobs"])]
        parts += [table.best_peer(row) for row in found["best_peers"]]
    if found["questions"]:
        parts += [table.question_table(found["questions"])]
        parts += [
            f"{row['peer']}, {row['n_pool']:,}: geometric mean {row['geometric_mean']:.1f} over the "
            f"{row['finished']} of {row['strategies']} strategies that finished"
            for row in found["question_means"]
            if row["geometric_mean"] is not None
        ]
    return "\n\n".join(part for part in [*parts, table.lines_table(found["lines"])] if part)


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
    versions = measured([str(measure.PEERS_PYTHON), "-c", code], {}, max_seconds=60, max_mb=4096).figures
    return {**found, "peers": versions, "threads": options.threads}


if __name__ == "__main__":
    main()
