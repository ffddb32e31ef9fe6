"""Small recipes and readers that several tests share."""

import contextlib
import copy
import csv
import functools
import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import torch
import yaml

from alframe.cli.main import main
from alframe.config.compose import composed
from alframe.config.validate import conf_directory
from alframe.learner import ConsistencyRecipe

# What a trial otherwise measures when it begins: it costs time, and depends on the load of the machine.
UNMEASURED = ["precision=float32", "learner.scoring_batch_size=256"]

# A trial of a few seconds.
SHORT = [
    "data=digits",
    "data.limit=300",
    "learner.steps=15",
    "stopping.min_rounds=1",
    "stopping.max_rounds=2",
    "query.num=10",
]


@dataclass(frozen=True)
class Done:
    """The result of a command."""

    returncode: int
    stdout: str
    stderr: str


def alframe(*arguments: str, cwd: Path, **environment: str) -> Done:
    """Run the command in this process, where torch is imported already."""
    return run_command(main, *arguments, cwd=cwd, **environment)


def run_command(main: Callable[[list[str]], None], *arguments: str, cwd: Path, **environment: str) -> Done:
    """Run the function of a command in this process."""
    out, err = io.StringIO(), io.StringIO()
    argv = sys.argv.copy()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with (
            contextlib.chdir(cwd),
            mock.patch.dict(os.environ, environment),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            main(list(arguments))
    except SystemExit as end:
        return Done(int(end.code or 0), out.getvalue(), err.getvalue())
    finally:
        sys.argv[:] = argv
        for number, handler in handlers.items():
            signal.signal(number, handler)
    raise AssertionError("the command did not exit")


@contextlib.contextmanager
def interrupts_heard() -> Iterator[None]:
    """Hear SIGINT in the block, as a command in a terminal does, even where the tests run in the background.

    A shell starts a job in the background with SIGINT ignored, and so is whatever that job starts.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def process_of(command: Sequence[str | Path], **options: Any) -> Iterator["subprocess.Popen[str]"]:
    """Start a process that hears SIGINT; kill it and whatever it has started at the end of the block."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with interrupts_heard():
        process = subprocess.Popen(command, start_new_session=True, **{**pipes, **options})
    with process:
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):  # no process is left
                os.killpg(process.pid, signal.SIGKILL)


def alframe_process(*arguments: str, cwd: Path) -> "contextlib.AbstractContextManager[subprocess.Popen[str]]":
    """Start the command in a process of its own, for the length of a block."""
    command = [sys.executable, "-m", "alframe", *arguments]
    return process_of(command, cwd=cwd, env={**os.environ, "OMP_NUM_THREADS": "1"})


def press_ctrl_c(process: "subprocess.Popen[str]") -> str:
    """Send SIGINT to a command at work and return what it has said when it has taken note of it.

    A second signal before that would merge with the first.
    """
    process.send_signal(signal.SIGINT)
    said = b""
    while not said.endswith(b"Ctrl-C again ends it at once.\n"):
        assert process.stderr is not None
        more = os.read(process.stderr.fileno(), 4096)  # readline would keep what communicate is to return
        assert more, said.decode()
        said += more
    return said.decode()


def read_rows(file: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file."""
    return list(csv.DictReader(io.StringIO(file.read_text())))


def small_recipe(**changes: Any) -> ConsistencyRecipe:
    """Return the fast recipe cut down to a few small steps."""
    settings: dict[str, Any] = {
        "optimizer": partial(torch.optim.AdamW, lr=1e-2),
        "steps": 5,
        "batch_size": 8,
        "pool_batch_size": 8,
        "average_decay": 0.9,
        "confident": 0.6,
        "weight": 1.0,
        "label_smoothing": 0.0,
        "one_cycle": {"pct_start": 0.3},
        "augment": {"rotation": 5.0, "scale": 0.1, "shear": 0.1, "shift": 0.05, "elastic": 0.02, "flip": 0.0},
        "steps_growth": 0,
        "max_pool_passes": None,
        "auto_labels": "consistency",
    }
    return ConsistencyRecipe(**{**settings, **changes})


def file_settings(group: str, option: str) -> dict[str, Any]:
    """Return the settings of an option's own file, without those that it shares with others."""
    settings: dict[str, Any] = yaml.safe_load((conf_directory() / group / f"{option}.yaml").read_text())
    return settings


def config_of(*overrides: str) -> dict[str, Any]:
    """Return the resolved config of a command line as plain containers, the caller's own copy.

    Composing takes 0.15 s, so each command line is composed once for all tests of a process.
    """
    return copy.deepcopy(_composed(overrides))


@functools.cache
def _composed(overrides: tuple[str, ...]) -> dict[str, Any]:
    return composed(list(overrides))
