"""Time what a sweep itself costs by its number of trials: docs/background/results/sweeps.md.

    python scripts/benchmarks/time_large_sweep.py [--sizes 100 300 1000] [--search]

The trials are fake: each writes the files of a finished trial at once. Three commands are timed for each
size, each in a process of its own: the sweep, the same sweep again (all trials are finished), and
alframe-report. Processor seconds depend less than wall seconds on other work of the machine. --search asks
Optuna for the trials instead of running a grid.
"""

import argparse
import contextlib
import io
import json
import math
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from time_report import files_of_short_trial

PHASES = ("launch", "resume", "report")


def main() -> None:
    """Time each size and print a table."""
    options = _options()
    if options.inside is not None:
        print(json.dumps(inside(options.inside, options.folder, options.sizes[0], options.search)))
        return
    rows: dict[int, dict[str, dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        pattern = Path(temporary) / "pattern"
        files_of_short_trial(pattern)
        for n in options.sizes:
            folder = Path(temporary) / str(n)
            folder.mkdir()
            rows[n] = {phase: measured(phase, folder, pattern, n, options.search) for phase in PHASES}
            print(json.dumps({"trials": n, **rows[n]}), file=sys.stderr, flush=True)
            shutil.rmtree(folder)
    print(table(rows))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 300, 1000])
    parser.add_argument("--search", action="store_true")
    parser.add_argument("--inside", choices=PHASES, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def measured(phase: str, folder: Path, pattern: Path, n: int, search: bool) -> dict[str, float]:
    """Return the seconds and the peak memory of one command, in a process of its own."""
    if not (folder / "pattern").exists():
        shutil.copytree(pattern, folder / "pattern")
    command = [sys.executable, __file__, "--inside", phase, "--folder", str(folder), "--sizes", str(n)]
    done = subprocess.run(
        [*command, *(["--search"] if search else [])], check=True, stdout=subprocess.PIPE, text=True
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def inside(phase: str, folder: Path, n: int, search: bool) -> dict[str, float]:
    """Run a command in this process and return its figures; the imports of torch are not counted."""
    import alframe.cli.job as job
    from alframe.cli.main import main as alframe
    from alframe.report.main import main as report
    from alframe.trial.run import run_trial  # noqa: F401

    job._trial = fake(folder / "pattern")
    line = ["-m", "tracker=none", "data=digits", f"hydra.sweep.dir={folder / 'sweep'}"]
    if search:
        line += ["+sweep=search", "objective=hand_share", f"hydra.sweeper.n_trials={n}"]
    else:
        line += [f"seed=range({n})"]
    wall, cpu = time.perf_counter(), time.process_time()
    with contextlib.redirect_stdout(io.StringIO()):
        code = (
            _code(report, [str(folder / "sweep"), "--no-pictures"])
            if phase == "report"
            else _code(alframe, line)
        )
    if code:
        sys.exit(f"{phase} ended with {code}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    return {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall, "peak_gb": peak}


def _code(command: Any, line: Sequence[str]) -> Any:
    try:
        command(line)
    except SystemExit as end:
        return end.code
    return 0


def fake(pattern: Path) -> Any:
    """Return a function in place of that which runs a trial: it writes the files of a finished one."""
    from alframe.cli.job import config_of
    from alframe.trial.read_finished import read_summary

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    summary = json.loads((pattern / "summary.json").read_text())

    def trial(node: Any, directory: Path, *arguments: Any, **settings: Any) -> Any:
        config = config_of(node)
        share = 0.01 + 0.0001 * (config["seed"] % 97)
        values = {"seed": config["seed"], "hand_share": share}
        (directory / "config.yaml").write_text(yaml.dump(config, Dumper=dumper, sort_keys=False))
        shutil.copy(pattern / "rounds.csv", directory)
        (directory / "summary.json").write_text(json.dumps({**summary, **values}))
        return read_summary(directory)

    return trial


def table(rows: dict[int, dict[str, dict[str, float]]]) -> str:
    """Return processor seconds by trials, and the power with which they grow."""
    lines = ["| Trials | Launch, s | Resume, s | Report, s | Peak memory, GB |", "|---|---|---|---|---|"]
    for n, row in rows.items():
        cells = [f"{row[phase]['cpu']:.1f}" for phase in PHASES]
        lines.append(f"| {n:,} | {' | '.join(cells)} | {max(each['peak_gb'] for each in row.values()):.2f} |")
    if len(rows) > 1:
        first, last = min(rows), max(rows)
        powers = [
            math.log(rows[last][phase]["cpu"] / rows[first][phase]["cpu"]) / math.log(last / first)
            for phase in PHASES
        ]
        lines.append(f"| power | {' | '.join(f'{power:.2f}' for power in powers)} | |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
