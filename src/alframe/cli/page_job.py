"""A trial whose oracle is people at the labelling page: the server, the trial, and the page after its end."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from alframe.core.errors import TrialError
from alframe.core.file_names import STATE
from alframe.page.desk import POLL_SECONDS, Desk, Options
from alframe.page.oracle import ClassAdded
from alframe.page.server import PageServer
from alframe.page.service import Service
from alframe.page.settings import PageSettings
from alframe.tracking import ConsoleTracker, Outcome
from alframe.trial.run import Replacements

SummaryT = TypeVar("SummaryT")

_LAST_SECONDS = 2.0  # for open pages to read why a trial has failed


class PageConsole(ConsoleTracker):
    """The terminal, which tells the page how far the trial is."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk

    def progress(self, stage: str, done: int, total: int | None) -> None:
        """Move the bar here and there."""
        self._desk.progress(stage, done, total)
        super().progress(stage, done, total)

    def finish(self, outcome: Outcome) -> None:
        """Print the closing summary, or that the trial begins again."""
        if self._desk.begins_again:
            self.close_bar()
            print("alframe: a class was added, so that this round begins again with it", flush=True)
            return
        super().finish(outcome)


@dataclass(frozen=True, kw_only=True)
class Site:
    """The page of a trial: the server, the trial's desk, and what the page can ask for."""

    server: PageServer
    desk: Desk
    service: Service


@contextmanager
def page_site(settings: PageSettings, directory: Path) -> Iterator[Site]:
    """Take the port of a page. It is served as soon as the desk has a data set.

    Raises:
        UserError: the port is taken, or a package is missing.
    """
    with PageServer(directory, settings, _tell) as server:
        from alframe.page.routes import app  # imports bottle, which may be missing

        desk = Desk(
            Options(suggestions=settings.suggestions, both_share=settings.both_share, grid=settings.grid),
            on_data=lambda: server.start(app(service, server.guard, server.admitted)),
        )
        service = Service(
            desk,
            directory,
            server.memory.id,
            finish=server.finish_wanted.set,
            report=lambda: report_page(directory),
        )
        try:
            yield Site(server=server, desk=desk, service=service)
        finally:
            service.close()


def run_on_page(site: Site, run: Callable[..., SummaryT], stop_wanted: Callable[[], bool]) -> SummaryT:
    """Run a trial, and keep serving its page after its end until Ctrl-C or the page's button.

    Args:
        run: runs the trial with the `replacements` that it is given.
        stop_wanted: returns True once Ctrl-C was pressed.

    Raises:
        UserError, TrialError, KeyboardInterrupt: as `run_trial`.
    """
    site.desk.stop_if(stop_wanted)
    summary = _run(site.desk, run)
    site.desk.finished()
    serve_on(site.server, stop_wanted)
    return summary


def _run(desk: Desk, run: Callable[..., SummaryT]) -> SummaryT:
    """Run the trial to its end, again after each class that people add."""
    while True:
        desk.begins_again = False
        parts: dict[str, Any] = {"console": PageConsole(desk), "trackers": [desk], "offered": {"desk": desk}}
        try:
            return run(replacements=Replacements(**parts))
        except ClassAdded:
            continue
        except Exception as error:
            desk.fail(str(error))
            if desk.now.dataset is not None:
                time.sleep(_LAST_SECONDS)
            raise


def serve_on(server: PageServer, stop_wanted: Callable[[], bool]) -> None:
    """Serve until the page's button or Ctrl-C ends it."""
    print("alframe: the page stays open; its button Finish or Ctrl-C closes it", flush=True)
    while not server.finish_wanted.wait(POLL_SECONDS):
        if stop_wanted():
            return
    time.sleep(POLL_SECONDS)  # the reply to the button is on its way


def _tell(line: str) -> None:
    print(f"alframe: {line}", flush=True)


def report_page(directory: Path) -> bytes:
    """Return the report of a finished trial as a page, made in a process of its own.

    Raises:
        TrialError: it could not be made.
    """
    with tempfile.TemporaryDirectory(dir=directory / STATE) as folder:
        command = [sys.executable, "-m", "alframe.report.main", str(directory), "--out", folder]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            line = (done.stderr.strip().splitlines() or ["no reason was given"])[-1]
            raise TrialError(f"The report could not be made: {line}")
        return (Path(folder) / "report.html").read_bytes()
