"""The `alframe-report` command: tables and pictures from finished trials.

Exit codes: 0 done; 1 the report could not be written; 2 the user's mistake; 130 interrupted.
"""

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, NoReturn

from alframe.core.errors import AlframeError, UserError
from alframe.report.build import comparison_sections, report_of, trial_sections_of
from alframe.report.document import Picture, Report, Section, Table
from alframe.report.load.trials import Found, Trial, find_trials
from alframe.report.naming.names import Naming, name_trials
from alframe.report.output.json import for_a_machine
from alframe.report.output.terminal import to_text, wrapped
from alframe.report.output.write import write_json, write_report
from alframe.report.plots.trial_pictures import trial_sections
from alframe.report.stats.comparison import GroupComparison, compare_groups
from alframe.report.tables.naming_tables import trials_table

FEW_TRIALS = 4  # up to which a comparison has each of its trials behind it: six pictures a trial
_BEHIND = "trial"  # before the names of what is behind a comparison
_NOT_PRINTED = ("settings", _BEHIND)  # "trial" is the beginning of "trials" too

_DESCRIPTION = """\
Tables and pictures from the finished trials in DIR and below it; nothing is trained.

  alframe-report multirun/DIR                    a sweep: what differs names the groups
  alframe-report outputs/DIR                     one trial
  alframe-report A B --by query --against random
  alframe-report multirun/DIR --wandb            the same as a W&B run, to build a W&B report on
"""
_EPILOG = """\
Trials are paired by seed. Intervals are Student's t over the seeds, 95 %; p values are Holm's over the
groups that a column compares. Trials that are not finished or are damaged are named and left out.
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}. alframe-report --help lists what there is.")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit the process with its code."""
    try:
        _run(_parser().parse_args(arguments))
    except KeyboardInterrupt:
        _say("interrupted")
        sys.exit(130)
    except BrokenPipeError:  # as in alframe-report DIR | head; the files are written
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except AlframeError as error:
        _say(str(error))
        sys.exit(2 if isinstance(error, UserError) else 1)
    sys.exit(0)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="alframe-report",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("directories", type=Path, nargs="+", metavar="DIR")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="where it goes; report/ in DIR, of several DIRs in the current directory",
    )
    parser.add_argument(
        "--by",
        nargs="+",
        default=[],
        metavar="KEY",
        help="config groups (query) or settings (auto_label.threshold) that name the groups",
    )
    parser.add_argument(
        "--against", metavar="NAME", help="the baseline; else random or none where there is one, or the first"
    )
    parser.add_argument(
        "--family",
        choices=["matrix", "cell"],
        default="matrix",
        help="what Holm's correction takes together in the penalty matrix: all cells, or the points of one",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="all figures in a file of your choice too")
    parser.add_argument(
        "--no-pictures", action="store_true", help="tables alone; pictures take most of the time"
    )
    parser.add_argument(
        "--wandb", action="store_true", help="log the report as one W&B run beside those of the trials"
    )
    parser.add_argument(
        "--wandb-mode",
        choices=["offline", "online"],
        default="offline",
        help="offline leaves files in FOLDER/wandb and says how to sync them",
    )
    parser.add_argument("--version", action="version", version=f"alframe {metadata.version('alframe')}")
    return parser


def _run(options: argparse.Namespace) -> None:
    found = find_trials(options.directories)
    naming = name_trials(found.trials, options.by)
    comparison = compare_groups(naming.groups, options.against, options.family)
    report = _report(found, naming, comparison, pictures=_can_draw(options.no_pictures))
    figures = for_a_machine(found, naming, comparison)
    if options.json is not None:
        write_json(figures, options.json)
    one = options.directories[0] if len(options.directories) == 1 else Path()
    folder = options.out or one / "report"
    write_report(report, figures, folder)
    _print(report)
    print(f"Files in {folder}: report.html report.json tables" + (" pictures" if _drawn(report) else ""))
    if options.wandb:
        print(_logged(report, naming, one, folder, options.wandb_mode))
    sys.stdout.flush()  # here, where a reader who has left is no error


def _logged(
    report: Report, naming: Naming, directory: Path, folder: Path, mode: Literal["offline", "online"]
) -> str:
    """Log the report to W&B and return the line that says where it is or how it gets there."""
    from alframe.report.output.wandb import account_of, log_comparison  # W&B takes a second to import

    account = account_of([trial.config for each in naming.groups.values() for trial in each], directory)
    return log_comparison(
        report,
        project=account.project,
        entity=account.entity,
        group=account.group,
        mode=mode,
        directory=folder,
        trials=trials_table(naming),
        page=folder / "report.html",
    )


def _can_draw(unwanted: bool) -> bool:
    if unwanted:
        return False
    if find_spec("matplotlib") is None:
        _say("no pictures: expected matplotlib, which is not installed. Run pip install 'alframe[report]'.")
        return False
    return True


def _report(found: Found, naming: Naming, comparison: GroupComparison, pictures: bool) -> Report:
    trials = [(name, trial) for name, each in naming.groups.items() for trial in each]
    warnings = [*naming.warnings]
    if len(trials) == 1:
        trial = trials[0][1]
        sections = _of_trial(trial, pictures, warnings)
        title = f"{trial.summary.get('data', 'trial')}, seed {trial.seed}: {trial.directory.resolve().name}"
        return report_of(found, naming, warnings, sections, title)
    warnings += comparison.warnings
    sections = comparison_sections(comparison, naming, _pictures(comparison) if pictures else {})
    if len(trials) <= FEW_TRIALS:
        for k, (name, trial) in enumerate(trials, start=1):
            own = _of_trial(trial, pictures, warnings)
            sections += trial_sections_of(own, f"{name}, seed {trial.seed}", f"{_BEHIND}{k}")
    title = f"{len(trials)} trials" + (f" in {len(naming.groups)} groups" if naming.keys else "")
    return report_of(found, naming, warnings, sections, title)


def _of_trial(trial: Trial, pictures: bool, warnings: list[str]) -> list[Section]:
    try:
        return trial_sections(trial, pictures=pictures)
    except UserError as error:  # a file that only a trial's own report reads is damaged
        warnings.append(str(error))
        return []


def _pictures(comparison: GroupComparison) -> dict[str, list[Picture]]:
    from alframe.report.plots.comparison_pictures import comparison_pictures

    return comparison_pictures(comparison)


def _drawn(report: Report) -> bool:
    return any(not isinstance(part, Table) for section in report.sections for part in section.parts)


def _print(report: Report) -> None:
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # names of any script, on a terminal of any encoding
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


def _say(line: str) -> None:
    print(f"alframe-report: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
