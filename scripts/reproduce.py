"""Re-run the trials of experiment files that fit this machine, and compare the results with the claims.

    python scripts/reproduce.py [--minutes 10 | --only NAME ... | --all] [--list] [--directory FOLDER]

A finished trial is not run again; an interrupted trial continues. Exit codes: 0 all results are as claimed,
1 a trial failed or a result is outside its claim, 2 a mistake on the command line, 130 interrupted.
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
from alframe.trial.directory import finished_summary
from claims import Header, Row, check_claims, choose_trials, claims_table, read_headers

QUIET = ("tracker=csv",)


def arguments() -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--minutes",
        type=float,
        default=10,
        help="run the trials that fit in (default 10)",
    )
    what.add_argument("--only", nargs="+", metavar="NAME", default=[], help="run these experiments")
    what.add_argument("--all", action="store_true", help="run all trials that this machine can run")
    parser.add_argument("--list", action="store_true", help="print the claims and run nothing")
    parser.add_argument("--directory", type=Path, default=Path("outputs/reproduce"), help="of the trials")
    return parser.parse_args()


def chosen(headers: list[Header], typed: argparse.Namespace) -> list[Header]:
    """Return the experiments to run."""
    if not typed.only:
        return choose_trials(
            headers, minutes=None if typed.all else typed.minutes, gpu=torch.cuda.is_available()
        )
    by_name = {header.name: header for header in headers if header.is_trial}
    unknown = [name for name in typed.only if name not in by_name]
    if unknown:
        raise UserError(f"--only: expected one of {', '.join(by_name)}, got {unknown[0]}.")
    return [by_name[name] for name in typed.only]


def run(header: Header, directory: Path) -> dict[str, Any] | None:
    """Return the summary of an experiment's trial, run if it is not finished; None if it failed."""
    overrides = [*header.command[1:], *QUIET]
    config = composed(overrides)
    if finished_summary(directory, config) is None:
        line = [*overrides, f"hydra.run.dir={directory}"]
        print(f"\n$ alframe {' '.join(line)}", flush=True)
        if _code_of(line) in (130, 143):
            raise KeyboardInterrupt
    summary = finished_summary(directory, config)
    return None if summary is None else summary.to_json()


def _code_of(line: list[str]) -> int:
    """Run a command and return its exit code. On Ctrl-C the trial itself stops after its round."""
    before = signal.signal(signal.SIGINT, lambda number, frame: None)
    try:
        return subprocess.run([sys.executable, "-m", "alframe.cli.main", *line], check=False).returncode
    finally:
        signal.signal(signal.SIGINT, before)


def listing(headers: list[Header], taken: list[Header]) -> str:
    """Return a table of the experiments, their times, and which would run here."""
    rows = [("experiment", "time", "claims", "run here")]
    for each in headers:
        here = "yes" if each in taken else "no" if each.is_trial else "no, a sweep"
        rows.append((each.name, each.time, str(len(each.claims)), here))
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    return "\n".join([*lines, "", "Results and hardware: the headers of conf/experiment/*.yaml."])


def machine(summaries: list[dict[str, Any]]) -> str:
    """Return a line about the hardware that the trials ran on."""
    devices = sorted(
        {f"{each['device']} ({each['precision']}, {each['engine']} engine)" for each in summaries}
    )
    name = torch.cuda.get_device_name() if torch.cuda.is_available() else processor()[0]
    return f"Here: {', '.join(devices)}; {name}, {n_cores()} cores, torch {torch.__version__}."


def report(results: dict[str, tuple[Header, dict[str, Any] | None]]) -> int:
    """Print claims and results; return the exit code."""
    rows: list[Row] = [row for header, summary in results.values() for row in check_claims(header, summary)]
    times = {
        name: (header.time, None if summary is None else float(summary["seconds"]))
        for name, (header, summary) in results.items()
    }
    print(f"\n{claims_table(rows, times)}\n")
    summaries = [summary for _, summary in results.values() if summary is not None]
    if summaries:
        print(machine(summaries))
    for header, _ in results.values():
        print(f"Hardware of the claims of {header.name}: {header.hardware}.")
    wrong = [row for row in rows if not row.inside]
    for row in wrong:
        what = "the trial failed" if row.claim is None else f"{row.claim.key} is outside its claim"
        print(f"reproduce: {row.name}: {what}.", file=sys.stderr)
    return 1 if wrong else 0


def main() -> int:
    """Choose and run trials, compare the results; return the exit code."""
    typed = arguments()
    results: dict[str, tuple[Header, dict[str, Any] | None]] = {}
    try:
        headers = read_headers(conf_directory() / "experiment")
        taken = chosen(headers, typed)
        if typed.list:
            print(listing(headers, taken))
            return 0
        if not taken:
            raise UserError(
                f"--minutes: expected enough time for one trial, got {typed.minutes:g}. See --list."
            )
        print(f"Re-running {', '.join(header.name for header in taken)} in {typed.directory}.", flush=True)
        for header in taken:
            results[header.name] = (header, run(header, typed.directory / header.name))
    except UserError as error:
        print(f"reproduce: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("reproduce: interrupted. Run the same command to continue.", file=sys.stderr)
        return 130
    return report(results)


if __name__ == "__main__":
    sys.exit(main())
