"""Re-run what experiment files claim, as far as this machine can, and print claim beside result.

    python scripts/reproduce.py [--minutes 10 | --only NAME ... | --all] [--list] [--directory FOLDER]

A finished trial is not run again, an interrupted one goes on. Exit codes: 0 all is as claimed, 1 a trial
failed or a figure is outside its claim, 2 a mistake in what was typed, 130 interrupted.
"""

import argparse
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

from alframe._machine import n_cores, processor
from alframe.config.compose import composed
from alframe.config.validate import conf_directory
from alframe.core.errors import UserError
from alframe.report.claims import Header, Row, as_markdown, choose, compare, read_headers
from alframe.trial.directory import finished_summary

QUIET = ("tracker=csv",)


def arguments() -> argparse.Namespace:
    """Return what was typed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--minutes", type=float, default=10, help="what fits, by the times stated (default 10)")
    what.add_argument("--only", nargs="+", metavar="NAME", default=[], help="these experiments")
    what.add_argument("--all", action="store_true", help="all trials that this machine is meant for")
    parser.add_argument("--list", action="store_true", help="say what is claimed, and run nothing")
    parser.add_argument("--directory", type=Path, default=Path("outputs/reproduce"), help="where trials land")
    return parser.parse_args()


def chosen(headers: list[Header], typed: argparse.Namespace) -> list[Header]:
    """Return the experiments to run."""
    if not typed.only:
        return choose(headers, minutes=None if typed.all else typed.minutes, gpu=torch.cuda.is_available())
    by_name = {header.name: header for header in headers if header.is_trial}
    unknown = [name for name in typed.only if name not in by_name]
    if unknown:
        raise UserError(f"--only {unknown[0]}: no such trial. There are: {', '.join(by_name)}.")
    return [by_name[name] for name in typed.only]


def run(header: Header, directory: Path) -> dict[str, Any] | None:
    """Return the summary of an experiment's trial, run where it is not finished; None where it failed."""
    overrides = [*header.command[1:], *QUIET]
    config = composed(overrides)
    if finished_summary(directory, config) is None:
        line = [*overrides, f"hydra.run.dir={directory}"]
        print(f"\n$ alframe {' '.join(line)}", flush=True)
        if _code_of(line) in (130, 143):
            raise KeyboardInterrupt
    return finished_summary(directory, config)


def _code_of(line: list[str]) -> int:
    """Run a command and return its exit code; Ctrl-C is the trial's to answer, which ends after its round."""
    before = signal.signal(signal.SIGINT, lambda number, frame: None)
    try:
        return subprocess.run([sys.executable, "-m", "alframe.cli.main", *line], check=False).returncode
    finally:
        signal.signal(signal.SIGINT, before)


def told(headers: list[Header], taken: list[Header]) -> str:
    """Return aligned columns of what is claimed and what would be run; the rest is in the files' headers."""
    rows = [("experiment", "time", "claims", "run here")]
    for each in headers:
        here = "yes" if each in taken else "no" if each.is_trial else "no, a sweep"
        rows.append((each.name, each.time, str(len(each.claims)), here))
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    return "\n".join([*lines, "", "Results and hardware: the headers of conf/experiment/*.yaml."])


def machine(summaries: list[dict[str, Any]]) -> str:
    """Return what the trials ran on."""
    devices = sorted(
        {f"{each['device']} ({each['precision']}, {each['engine']} engine)" for each in summaries}
    )
    name = torch.cuda.get_device_name() if torch.cuda.is_available() else processor()[0]
    return f"Here: {', '.join(devices)}; {name}, {n_cores()} cores, torch {torch.__version__}."


def report(results: dict[str, tuple[Header, dict[str, Any] | None]]) -> int:
    """Print claim beside result and return the exit code."""
    rows: list[Row] = [row for header, summary in results.values() for row in compare(header, summary)]
    times = {
        name: (header.time, None if summary is None else float(summary["seconds"]))
        for name, (header, summary) in results.items()
    }
    print(f"\n{as_markdown(rows, times)}\n")
    summaries = [summary for _, summary in results.values() if summary is not None]
    if summaries:
        print(machine(summaries))
    for header, _ in results.values():
        print(f"Claimed of {header.name}: {header.hardware}.")
    wrong = [row for row in rows if not row.inside]
    for row in wrong:
        what = "the trial failed" if row.claim is None else f"{row.claim.key} is outside its claim"
        print(f"reproduce: {row.name}: {what}.", file=sys.stderr)
    return 1 if wrong else 0


def main() -> int:
    """Choose, run, compare; return the exit code."""
    typed = arguments()
    results: dict[str, tuple[Header, dict[str, Any] | None]] = {}
    try:
        headers = read_headers(conf_directory() / "experiment")
        taken = chosen(headers, typed)
        if typed.list:
            print(told(headers, taken))
            return 0
        if not taken:
            raise UserError(
                f"--minutes {typed.minutes:g}: expected time for a trial. --list has their times."
            )
        print(f"Re-running {', '.join(header.name for header in taken)} in {typed.directory}.", flush=True)
        for header in taken:
            results[header.name] = (header, run(header, typed.directory / header.name))
    except UserError as error:
        print(f"reproduce: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("reproduce: interrupted; the same command goes on.", file=sys.stderr)
        return 130
    return report(results)


if __name__ == "__main__":
    sys.exit(main())
