"""The `alframe-label` command: label a folder of images in the browser, and go on where it was left.

Exit codes: 0 finished; 1 the trial failed; 2 a mistake in the command; 130 Ctrl-C; 143 SIGTERM.
"""

import argparse
import hashlib
import re
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alframe.cli.exit_codes import exit_code
from alframe.cli.hydra_command import begin_command
from alframe.cli.interrupts import PAGE, two_step_interrupts
from alframe.cli.job import format_warning, short_summary
from alframe.config.command_line import check_command_line
from alframe.config.command_parser import CommandParser
from alframe.config.validate import PAGE_ORACLE
from alframe.core.errors import UserError
from alframe.core.file_names import KEY, shown
from alframe.core.trial_summary import TrialSummary
from alframe.trial.directory import drop_leftovers, finished_summary, reserved

if TYPE_CHECKING:  # these import torch, which --help must not load
    from alframe.cli.page_job import Site
    from alframe.page.settings import PageSettings
    from alframe.page.setup import Found, SetUp

COMMAND = "alframe-label"
_DESCRIPTION = """\
Label a folder of images in the browser. The page asks for the classes' names and for the proof that is
wanted; then the classifier learns from your answers and labels what it is sure of. Nothing leaves this
computer.

  alframe-label my_images                    the same command goes on where you left
  alframe-label my_images --out my_trial     another directory for labels and answers
"""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit the process with its code."""
    begun: list[str] = []
    try:
        # Intermixed: settings may stand before and after --out.
        options = argument_parser().parse_intermixed_args(begin_command(COMMAND, arguments))
        _run(options, begun)
    except UserError as error:  # of a trial, whose directory is set by another key
        said = UserError(
            str(error).replace(f"{KEY} (hydra.sweep.dir in a sweep)", "--out").replace(KEY, "--out")
        )
        sys.exit(exit_code(said, started=bool(begun), command=COMMAND))
    except BaseException as error:
        sys.exit(exit_code(error, started=bool(begun), command=COMMAND))
    sys.exit(0)


def argument_parser() -> CommandParser:
    """Return the parser of the command's arguments; the reference lists them."""
    parser = CommandParser(COMMAND, _DESCRIPTION)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="folder of images")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="directory of labels and answers; default: outputs/label_NAME_..., the same for the same folder",
    )
    parser.add_argument(
        "settings",
        nargs="*",
        default=[],  # or else argparse calls it required
        metavar="KEY=VALUE",
        help="settings of alframe, such as page.port=8080; they are the same each time, except page.*",
    )
    return parser


def directory_of(folder: Path) -> Path:
    """Return the directory for the labels of a folder: the same one each time.

    >>> directory_of(Path("/photos/My cats"))
    PosixPath('outputs/label_My-cats_e360885c')
    """
    path = folder.expanduser().absolute()
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", path.name).strip(".-") or "images"
    digest = hashlib.sha256(str(path).encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return Path("outputs") / f"label_{name}_{digest}"


def _run(options: argparse.Namespace, begun: list[str]) -> None:
    # These import torch, which --help must not load.
    from alframe.cli.page_job import page_site, run_on_page
    from alframe.page import setup
    from alframe.page.settings import page_settings
    from alframe.trial.run import run_trial

    warnings.formatwarning = format_warning
    directory = (options.out or directory_of(options.folder)).absolute()
    known = setup.load(directory)
    page = page_settings(_checked(known.settings if known else _ANY, options.settings))
    assert page is not None
    summary = None if known is None else finished_summary(directory, _config(known, options.settings))
    if known is not None and summary is not None:
        _show_again(directory, known, options, summary, page)
        return
    with (
        two_step_interrupts(PAGE) as stop_wanted,
        page_site(page, directory) as site,
        ExitStack() as until_the_end,
    ):
        found = _look(options.folder) if known is None else None
        until_the_end.enter_context(_alone(directory))
        known = setup.load(directory)  # again: another process may have set it up in the meantime
        if known is None:
            known = _ask(site, found or _look(options.folder), directory, options.settings, stop_wanted)
        config = _config(known, options.settings)
        begun.append("trial")
        run = partial(
            run_trial, config, directory, name=f"{COMMAND} {options.folder.name}", stop_wanted=stop_wanted
        )
        run_on_page(site, run, stop_wanted)


# Stand for the settings that the set-up page asks for, in order to check the others before.
_ANY = ("data=folder", "data.path=any", "data.class_names=[one,two]", "oracle=page", "tracker=none")


def _checked(settings: Sequence[str], more: Sequence[str]) -> dict[str, Any]:
    """Return the config of some overrides, all checked."""
    line = check_command_line([*settings, *more])
    if line is None or line.multirun:
        raise UserError(
            f"expected settings such as page.port=8080, got {' '.join(more)}. See {COMMAND} --help."
        )
    config = {key: value for key, value in line.config.items() if key != "experiment"}
    if config["oracle"]["_target_"] != PAGE_ORACLE:
        raise UserError(f"oracle: expected oracle=page, which is that of {COMMAND}. Leave it out.")
    return config


def _config(known: "SetUp", more: Sequence[str]) -> dict[str, Any]:
    """Return the config of the trial that was set up, without the section of the page."""
    from alframe.page.settings import without_page

    return without_page(_checked(known.settings, more))


def _show_again(
    directory: Path,
    known: "SetUp",
    options: argparse.Namespace,
    summary: TrialSummary,
    page: "PageSettings",
) -> None:
    """Serve the page of a finished trial, until Ctrl-C or its button ends it."""
    from alframe.cli.page_job import page_site, serve_on
    from alframe.page.ended_trial import read_ended

    drop_leftovers(directory)
    print(f"{shown(directory)}: finished before: {short_summary(summary)}")
    print(f"alframe-export {shown(directory)} --to imagefolder writes the labelled images.")
    print(f"To label the folder anew: {COMMAND} FOLDER --out ANOTHER", flush=True)
    try:
        ended = read_ended(directory, _config(known, options.settings), summary)
    except UserError as error:
        print(f"{COMMAND}: the page is not shown, since its images cannot be: {error}", flush=True)
        return
    with two_step_interrupts(PAGE) as stop_wanted, page_site(page, directory) as site:
        ended.show(site.desk)
        serve_on(site.server, stop_wanted)


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Keep the directory for this process: two that ask for classes would mix them up.

    Raises:
        UserError: another process keeps it, or it cannot be written.
    """
    from alframe.page.safety import Memory

    with reserved(directory) as is_mine:
        if not is_mine:
            raise UserError(
                f"{shown(directory)}: expected no other {COMMAND} at work there, but one is, at "
                f"http://127.0.0.1:{Memory.of(directory).port}/. Label on that page, or stop that one first."
            )
        yield


def _look(folder: Path) -> "Found":
    """Return what is in a folder.

    Raises:
        DataError: there are no images.
    """
    from alframe.page import setup

    print(f"{COMMAND}: looking through {folder}", flush=True)
    return setup.look(folder)


def _ask(
    site: "Site",
    found: "Found",
    directory: Path,
    more: Sequence[str],
    stop_wanted: Callable[[], bool],
) -> "SetUp":
    """Show the set-up page and return what was answered on it, which is then in the directory.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed.
    """
    from alframe.page import setup
    from alframe.page.desk import POLL_SECONDS
    from alframe.page.service import SetupForm

    answered: list[SetUp] = []
    done = threading.Event()

    def take(classes: Sequence[str], tolerance: float | None, who: str) -> None:
        settings = setup.overrides(found.folder, classes, tolerance, subfolders=found.classes)
        _checked(settings, more)
        set_up = setup.SetUp(folder=str(found.folder), who=who, settings=settings)
        setup.save(directory, set_up)
        answered.append(set_up)
        done.set()

    confidence = _checked(_ANY, more)["certificate"]["confidence"]
    site.service.ask_set_up(SetupForm(shown=found.as_json(confidence), take=take))
    site.desk.change(stage="setup")
    site.desk.attach(found.dataset)
    while not done.wait(POLL_SECONDS):
        if stop_wanted():
            raise KeyboardInterrupt
    return answered[0]


if __name__ == "__main__":
    main()
