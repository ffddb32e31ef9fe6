"""The `alframe-export` command: labels of a trial in the formats of other programs.

Exit codes: 0 done; 1 the export could not be written; 2 a mistake in the command; 130 Ctrl-C; 143 SIGTERM.
"""

import argparse
import sys
from pathlib import Path

from alframe.cli.exit_codes import exit_code
from alframe.cli.hydra_command import begin_command
from alframe.config.command_parser import CommandParser
from alframe.exchange.export import DEFAULT, FORMATS, ExportRequest, export

COMMAND = "alframe-export"
_DESCRIPTION = """\
Write the labels of a trial in a format of other programs, each with its provenance: who or what gave it,
when, and how confident the classifier was. The trial is finished, or waits for people.

  alframe-export outputs/DIR --to imagefolder --out labelled --links
  alframe-export outputs/DIR --to label-studio
"""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit the process with its code."""
    try:
        _run(argument_parser().parse_args(begin_command(COMMAND, arguments)))
    except BaseException as error:
        sys.exit(exit_code(error, started=True, command=COMMAND))
    sys.exit(0)


def argument_parser() -> CommandParser:
    """Return the parser of the command's arguments; the reference lists them."""
    parser = CommandParser(COMMAND, _DESCRIPTION)
    parser.add_argument("directory", type=Path, metavar="DIR", help="directory of the trial")
    parser.add_argument("--to", choices=FORMATS, required=True, help="the format")
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", help=f"the new folder; default: {DEFAULT}/FORMAT in DIR"
    )
    parser.add_argument(
        "--images",
        action="store_true",
        help="write the images too: as files with csv and label-studio, as a column with parquet; the other "
        "formats always hold them",
    )
    parser.add_argument(
        "--links", action="store_true", help="link to the image files instead of copying them"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier export in FOLDER")
    parser.add_argument(
        "--data",
        type=Path,
        metavar="PATH",
        help="where the images are now, if they have moved since the trial",
    )
    return parser


def _run(options: argparse.Namespace) -> None:
    labels, folder, notes = export(ExportRequest(**vars(options)))
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # a terminal's encoding may lack letters of a name
    state = "" if labels.status == "finished" else f" (the trial is {labels.status}: labels so far)"
    print(f"{COMMAND}: {len(labels.rows):,} samples of {labels.directory}{state}: {labels.counted()}")
    for note in notes:
        print(note)
    print(f"Written to {folder}", flush=True)


if __name__ == "__main__":
    main()
