"""The `alframe-report` command: tables and pictures from finished trials.

Exit codes: 0 done; 1 the report could not be written; 2 the user's mistake; 130 interrupted.
"""

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from alframe.config.command_parser import CommandParser
from alframe.core.errors import AlframeError, ConfigError, UserError
from alframe.core.optional_package import require
from alframe.report.audits.audit_sections import audit_figures, audit_report
from alframe.report.audits.read_audits import find_audits
from alframe.report.build import comparison_sections, prefixed, report_of, waiting_report
from alframe.report.document import Picture, Report, Section, Table
from alframe.report.load.trials import FinishedTrial, Found, find_trials, has_trials
from alframe.report.naming.names import Naming, name_trials
from alframe.report.output.json import report_figures, unfinished_figures
from alframe.report.output.terminal import to_text, wrapped
from alframe.report.output.write import write_json, write_report
from alframe.report.stats.comparison import GroupComparison, compare_groups
from alframe.report.tables.check_tables import check_warnings
from alframe.report.tables.comparison_tables import penalties_table
from alframe.report.tables.naming_tables import trials_table
from alframe.report.trial_sections import trial_sections

FEW_TRIALS = 4  # a comparison of at most this many also contains the report of each trial (six pictures)
_OF_TRIAL = "trial"  # prefix of the file names of those reports
_NOT_PRINTED = ("settings", _OF_TRIAL)  # the prefix also covers the table "trials"

_DESCRIPTION = """\
Make tables and pictures from the finished trials in DIR and its folders. Nothing is trained.

  alframe-report multirun/DIR                    a sweep; groups are named by the settings that differ
  alframe-report outputs/DIR                     one trial
  alframe-report A B --by query --against random
  alframe-report multirun/DIR --wandb            also log the report as a W&B run
"""
_EPILOG = """\
Trials are paired by seed. Intervals are Student's t over the seeds, 95 %; p values have Holm's correction
over the groups of a column. Trials that are not finished or damaged are listed and left out.
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit the process with its code."""
    try:
        _run(argument_parser().parse_args(arguments))
    except KeyboardInterrupt:
        _print_error("interrupted")
        sys.exit(130)
    except BrokenPipeError:  # for example alframe-report DIR | head; the files are written
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except AlframeError as error:
        _print_error(str(error))
        sys.exit(2 if isinstance(error, UserError) else 1)
    sys.exit(0)


def argument_parser() -> CommandParser:
    """Return the parser of the command's arguments; the reference lists them."""
    parser = CommandParser("alframe-report", _DESCRIPTION, _EPILOG)
    parser.add_argument(
        "directories", type=Path, nargs="+", metavar="DIR", help="directories of trials or sweeps"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="folder of the report; default: report/ in DIR, or in the current directory for several DIRs",
    )
    parser.add_argument(
        "--by",
        nargs="+",
        default=[],
        metavar="KEY",
        help="config groups (query) or settings (auto_label.threshold) to name the groups by",
    )
    parser.add_argument(
        "--against", metavar="NAME", help="the baseline; default: the group random or none, else the first"
    )
    parser.add_argument(
        "--family",
        choices=["matrix", "cell"],
        default="matrix",
        help="tests of the penalty matrix that Holm's correction covers: all, or those of a cell",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures into this file too")
    parser.add_argument(
        "--no-pictures", action="store_true", help="only tables; pictures take most of the time"
    )
    parser.add_argument(
        "--wandb", action="store_true", help="also log the report as a W&B run, in the trials' group"
    )
    parser.add_argument(
        "--wandb-mode",
        choices=["offline", "online"],
        help="offline writes files into FOLDER/wandb and prints the sync command; default: WANDB_MODE, else "
        "offline",
    )
    return parser


def _run(options: argparse.Namespace) -> None:
    if _write_audits(options):
        return
    found = find_trials(options.directories)
    one = options.directories[0] if len(options.directories) == 1 else Path()
    if not found.trials:
        _write_waiting(found, options, one)
        return
    naming = name_trials(found.trials, options.by)
    comparison = compare_groups(naming.groups, options.against, options.family)
    report = _report(found, naming, comparison, pictures=_can_draw(options.no_pictures))
    figures = report_figures(found, naming, comparison)
    if options.json is not None:
        write_json(figures, options.json)
    folder = options.out or one / "report"
    write_report(report, figures, folder)
    _print(report)
    print(f"Files in {folder}: report.html report.json tables" + (" pictures" if _drawn(report) else ""))
    if options.wandb:
        print(_logged(report, naming, one, folder, options.wandb_mode))
    sys.stdout.flush()  # here, where a closed pipe is handled


def _write_audits(options: argparse.Namespace) -> bool:
    """Write and print the report on audits, if the first folder has one and is no folder of trials."""
    audits = find_audits([path for path in options.directories if path.is_dir()])
    if not audits or has_trials(options.directories):
        return False
    if options.wandb:
        raise UserError("--wandb: expected trials, got audits. tracker=wandb logs an audit while it runs.")
    report = audit_report(audits, pictures=_can_draw(options.no_pictures))
    figures = audit_figures(audits)
    if options.json is not None:
        write_json(figures, options.json)
    one = options.directories[0] if len(options.directories) == 1 else Path()
    folder = options.out or one / "report"
    write_report(report, figures, folder)
    _print(report)
    print(f"Files in {folder}: report.html report.json tables" + (" pictures" if _drawn(report) else ""))
    sys.stdout.flush()
    return True


def _write_waiting(found: Found, options: argparse.Namespace, one: Path) -> None:
    """Write and print the report if no trial is finished and some wait for answers."""
    if options.wandb:
        raise UserError("--wandb: expected a finished trial, got only trials that wait for answers.")
    figures, folder = unfinished_figures(found), options.out or one / "report"
    if options.json is not None:
        write_json(figures, options.json)
    report = waiting_report(found)
    write_report(report, figures, folder)
    _print(report)
    print(f"Files in {folder}: report.html report.json tables", flush=True)


def _logged(report: Report, naming: Naming, directory: Path, folder: Path, typed: str | None) -> str:
    """Log the report to W&B and return a line with its address or the sync command."""
    from alframe.report.output.wandb import account_of, log_comparison  # importing W&B takes a second
    from alframe.tracking.wandb_environment import run_mode

    mode = run_mode(typed or os.environ.get("WANDB_MODE"))
    if mode == "disabled":
        return "Not logged: W&B is disabled by WANDB_MODE or WANDB_DISABLED. Write --wandb-mode offline."
    account = account_of([trial.config for each in naming.groups.values() for trial in each], directory)
    return log_comparison(
        report,
        account=account,
        mode=mode,
        directory=folder,
        trials=trials_table(naming, raw=True),
        page=folder / "report.html",
    )


def _can_draw(unwanted: bool) -> bool:
    if unwanted:
        return False
    try:
        require("matplotlib", key="no pictures", use="pictures", install="alframe[report]")
    except ConfigError as error:
        _print_error(str(error))
        return False
    return True


def _report(found: Found, naming: Naming, comparison: GroupComparison, pictures: bool) -> Report:
    trials = [(name, trial) for name, each in naming.groups.items() for trial in each]
    warnings = [*check_warnings([trial for _, trial in trials]), *naming.warnings]
    if len(trials) == 1:
        trial = trials[0][1]
        sections = _of_trial(trial, pictures, warnings)
        title = f"{trial.summary.data or 'trial'}, seed {trial.seed}: {trial.directory.resolve().name}"
        return report_of(found, naming, warnings, sections, title)
    warnings += comparison.warnings
    sections = comparison_sections(comparison, naming, _pictures(comparison) if pictures else {})
    if len(trials) <= FEW_TRIALS:
        for k, (name, trial) in enumerate(trials, start=1):
            trial_report = _of_trial(trial, pictures, warnings)
            sections += prefixed(trial_report, f"{name}, seed {trial.seed}", f"{_OF_TRIAL}{k}")
    title = f"{len(trials)} trials" + (f" in {len(naming.groups)} groups" if naming.keys else "")
    return report_of(found, naming, warnings, sections, title)


def _of_trial(trial: FinishedTrial, pictures: bool, warnings: list[str]) -> list[Section]:
    try:
        return trial_sections(trial, pictures=pictures)
    except UserError as error:  # a damaged file that the comparison does not need
        warnings.append(str(error))
        return []


def _pictures(comparison: GroupComparison) -> dict[str, list[Picture]]:
    from alframe.report.plots.comparison_pictures import comparison_pictures

    table = penalties_table(comparison)
    return comparison_pictures(comparison, penalties_note=table.note if table else "")


def _drawn(report: Report) -> bool:
    return any(not isinstance(part, Table) for section in report.sections for part in section.parts)


def _print(report: Report) -> None:
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # a terminal's encoding may lack letters of a name
    width = shutil.get_terminal_size().columns
    print(f"{report.title}\n")
    for name, value in report.facts:
        print(f"  {name:<20}{value}")
    for warning in report.warnings:
        lines = wrapped(f"Warning: {warning}", width)
        print("", *lines, sep="\n")
    for section in report.sections:
        for part in section.parts:
            if isinstance(part, Table) and not part.name.startswith(_NOT_PRINTED):
                print(f"\n{to_text(part, width)}", end="")
    print()


def _print_error(line: str) -> None:
    print(f"alframe-report: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
