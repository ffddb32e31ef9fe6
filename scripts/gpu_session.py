"""Run the measurements that need a GPU, in order of value, for as many minutes as there are.

    python scripts/gpu_session.py --minutes 30 --out DIR [--data DIR] [--wheels FOLDER] [--work DIR]
    python scripts/gpu_session.py --list
    python scripts/gpu_session.py --only published_8 strategies
    python scripts/gpu_session.py --smoke           every command with a tiny input on a processor

The same command continues: a slice that is done is not run again, one that was ended at its limit goes on,
and a failed one runs again only with --only. The results are in DIR: session.json, session.md (tables for the
documentation) and trials.tar.gz (finished trials: another machine with the same DIR does not run them again).
Nothing is downloaded. Exit codes: 0 all slices are done, 1 one failed, 3 some are left, 130 interrupted.
"""

import argparse
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from gpu_command import ROOT, Place, run_command
from gpu_record import TRIALS, Outcome, Record, Status, pack_trials, rounds_table, tables_in, unpack_trials
from gpu_slices import SLICES, Slice

LEAST_MINUTES = 0.75  # a slice that resumes is not started for less
REPORT_SECONDS = 60.0
_VERSIONS = "import sys, torch; print(f'Python {sys.version.split()[0]}, torch {torch.__version__}')"
REPORT = ("-m", "alframe.report.main", "--no-pictures")
TABLES = ("means.md", "differences.md")  # of alframe-report


def main(typed: Sequence[str] | None = None, slices: Sequence[Slice] = SLICES) -> int:
    """Run the command line and return the exit code."""
    options = parser().parse_args(typed)
    unknown = sorted({*options.only} - {each.name for each in slices})
    if unknown:
        parser().error(f"--only: expected names of --list, got {unknown[0]}")
    chosen = [each for each in slices if not options.only or each.name in options.only]
    if options.smoke:
        chosen = [each.tiny() for each in chosen]
    place = place_of(options)
    record = Record.read(place.out, {each.name: each.title for each in slices})
    if options.list:
        print(listing(chosen, record, place))
        return 0
    return run_session(chosen, record, place, minutes=options.minutes, again=bool(options.only))


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--minutes", type=float, default=30, help="time for the session (default 30)")
    made.add_argument("--out", type=Path, help="folder of the results (default results/gpu/DATE-HARDWARE)")
    made.add_argument("--work", type=Path, help="folder of the trials (default outputs/gpu_session)")
    made.add_argument("--data", type=Path, help="folder of the data sets (default ALFRAME_DATA_DIR)")
    made.add_argument("--wheels", type=Path, help="folder of wheels that this Python lacks")
    made.add_argument("--only", nargs="+", metavar="NAME", default=[], help="run these slices")
    made.add_argument("--list", action="store_true", help="print the slices and run nothing")
    made.add_argument(
        "--smoke", action="store_true", help="run every command with a tiny input on a processor"
    )
    return made


def place_of(options: argparse.Namespace) -> Place:
    """Return the folders and the environment of a command line; wheels are unpacked."""
    default = "outputs/gpu_smoke" if options.smoke else "outputs/gpu_session"
    work = (options.work or Path(default)).absolute()
    slug = re.sub(r"[^a-z0-9]+", "-", hardware().partition(" (")[0].lower()).strip("-")
    out = options.out or (work / "results" if options.smoke else ROOT / f"results/gpu/{date.today()}-{slug}")
    paths = [str(ROOT / "src"), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    if options.wheels is not None:
        paths.insert(1, str(unpacked(options.wheels, work / "site")))
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "ALFRAME_EMBEDDINGS_DIR": str(work / "embeddings"),
        "WANDB_MODE": "offline",
        "HF_HUB_OFFLINE": "1",
        "PYTHONUNBUFFERED": "1",
    }
    if options.data is not None:
        environment["ALFRAME_DATA_DIR"] = str(options.data.absolute())
    return Place(out=out.absolute(), work=work, environment=environment)


def unpacked(wheels: Path, folder: Path) -> Path:
    """Unpack the wheels of a folder into another one, and return that folder."""
    for wheel in sorted(wheels.glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            for member in archive.infolist():
                path = Path(archive.extract(member, folder))
                if member.external_attr >> 16 & 0o111 and path.is_file():
                    path.chmod(0o755)  # programs inside packages
    return folder


def run_session(
    slices: Sequence[Slice], record: Record, place: Place, *, minutes: float, again: bool = False
) -> int:
    """Run slices in order until all are done or the time is up, and return the exit code.

    Slices that reach their limit get another turn after the others. `again` also runs failed slices.
    """
    deadline = time.monotonic() + 60 * minutes
    place.work.mkdir(parents=True, exist_ok=True)
    unpack_trials(place.out / TRIALS, place.work)
    machine = f"{hardware()}, {versions(place)}"
    left = [each for each in slices if wanted(record.of(each.name, command_of(each)), again)]
    while left:
        one = next((each for each in left if fits(each, deadline)), None)
        if one is None:
            break
        left.remove(one)
        if run_slice(one, record, place, deadline, machine) == "unfinished":
            left.append(one)
    return summary(slices, record, place)


def wanted(known: Outcome, again: bool) -> bool:
    """Return True if a slice is to be run."""
    return known.status in ("not begun", "unfinished") or (again and known.status == "failed")


def fits(one: Slice, deadline: float) -> bool:
    """Return True if there is time for a slice: for a part of it if it resumes, else for all of it."""
    left = (deadline - time.monotonic()) / 60
    return left >= (min(LEAST_MINUTES, one.limit) if one.resumes else min(one.minutes, one.limit))


def run_slice(one: Slice, record: Record, place: Place, deadline: float, machine: str) -> Status:
    """Run a slice once, put its outcome into the record, and return its status."""
    known = record.of(one.name, command_of(one))
    folder = place.work / (one.folder or one.name)
    folder.mkdir(parents=True, exist_ok=True)
    seconds = min(60 * one.limit, deadline - time.monotonic() - place.grace)
    print(f"{one.name}: {command_of(one)} (at most {seconds:.0f} s)", flush=True)
    arguments = [text.replace("{folder}", str(folder)) for text in one.arguments]
    ended = run_command(arguments, seconds, place)
    status: Status = "done" if ended.code == 0 else "failed"
    if ended.code is None and one.resumes:
        status = "unfinished"
    tables = report_tables(one, place) if one.folder else tables_in(ended.output)
    last = (
        ended.output if ended.code is not None else f"{ended.output}\nended at its limit of {seconds:.0f} s"
    )
    outcome = replace(known, date=str(date.today()), machine=machine)
    record.outcomes[one.name] = outcome.after(status, ended.seconds, last, tables)
    (folder / "log.txt").write_text(ended.output)
    record.write()
    pack_trials(place.work, place.out / TRIALS)
    print(f"{one.name}: {status} after {ended.seconds:.0f} s", flush=True)
    return status


def report_tables(one: Slice, place: Place) -> list[str]:
    """Return the tables of alframe-report on the trials of a slice, and of others of the same folder."""
    folder = place.work / Path(one.folder).parts[0]
    report = place.work / "reports" / one.name
    done = run_command([*REPORT, str(folder), "--out", str(report)], REPORT_SECONDS, place)
    if done.code != 0:
        return rounds_table(folder)
    files = (report / "tables" / name for name in TABLES)
    return [*(file.read_text().strip() for file in files if file.exists()), *rounds_table(folder)]


def command_of(one: Slice) -> str:
    """Return the command of a slice as one types it."""
    return shlex.join(["python", *one.arguments])


def hardware() -> str:
    """Return the name of the GPU, or of the machine if there is none."""
    if shutil.which("nvidia-smi") is None:
        return "no GPU"
    query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    done = subprocess.run(query, capture_output=True, text=True, check=False)
    name, _, driver = (done.stdout.splitlines() or [""])[0].partition(", ")
    return f"{name} (driver {driver})" if name else "no GPU"


def versions(place: Place) -> str:
    """Return the versions of Python and torch, and the commit."""
    found = run_command(["-c", _VERSIONS], REPORT_SECONDS, place)
    git = ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip()
    text = found.output.strip().splitlines()[-1] if found.code == 0 else f"Python {sys.version.split()[0]}"
    return f"{text}, commit {commit}" if commit else text


def listing(slices: Sequence[Slice], record: Record, place: Place) -> str:
    """Return a table of the slices."""
    width = max(len(each.name) for each in slices)
    lines = [
        f"{each.name:{width}}  {each.minutes:4.1f} min  {record.of(each.name, command_of(each)).status:10}  "
        f"{command_of(each)}"
        for each in slices
    ]
    total = sum(each.minutes for each in slices)
    return "\n".join([*lines, f"{total:.0f} min in all by estimate; results in {place.out}"])


def summary(slices: Sequence[Slice], record: Record, place: Place) -> int:
    """Print how the slices stand and return the exit code."""
    by_status: dict[str, list[str]] = {}
    for each in slices:
        by_status.setdefault(record.of(each.name, command_of(each)).status, []).append(each.name)
    for status, names in by_status.items():
        print(f"{status}: {', '.join(names)}")
    for name in by_status.get("failed", []):
        print(f"  {name}: {(record.outcomes[name].last_lines or ('no output',))[-1]}")
    print(f"Results: {place.out}. The same command continues.", flush=True)
    if "failed" in by_status:
        return 1
    return 0 if set(by_status) <= {"done"} else 3


def stop(number: int, frame: Any) -> None:
    """Raise KeyboardInterrupt: the handler of SIGTERM."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, stop)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("gpu_session: interrupted. The same command continues.", file=sys.stderr)
        sys.exit(130)
