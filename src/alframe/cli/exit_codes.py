"""How a command ends: its exit code; one line for a mistake of the user, a traceback for one of ours."""

import os
import signal
import sys
import threading
import traceback

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from alframe._text import one_line
from alframe.core.errors import AnswersNeeded, Terminated, TrialError, UserError


def exit_code(error: BaseException, started: bool, command: str = "alframe") -> int:
    """Print why a command ended and return its exit code; `started` is True once a trial has begun."""
    if isinstance(error, (KeyboardInterrupt, Terminated)):
        _end_at_next_signal()
    match error:
        case KeyboardInterrupt():
            print_error("interrupted")
            return 130
        case Terminated():
            print_error("terminated")
            return 143
        case SystemExit():
            return error.code if isinstance(error.code, int) else 0 if error.code is None else 2
        case AnswersNeeded():
            print(f"{command}: {error}", flush=True)
            return 0
        case BrokenPipeError():  # as in alframe | head
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1 if started else 0
        case UserError():
            print_error(f"{command}: {error}")
            return 2
        case TrialError():
            print_error(f"{command}: {error}")
            return 1
        case HydraException() | OmegaConfBaseException():
            print_error(f"{command}: {one_line(error)}")
            return 1 if started else 2
        case OSError() if not started:  # Hydra makes the output directory before the trial begins
            key = "hydra.run.dir (hydra.sweep.dir in a sweep)"
            got = f"{error.filename} ({error.strerror})" if error.filename else str(error)
            print_error(f"{command}: {key}: expected a directory that can be written, got {got}.")
            return 2
    traceback.print_exception(error)
    return 1


def _end_at_next_signal() -> None:
    """From now on a signal ends the process at once: a second Ctrl-C would print a traceback of the exit."""
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, signal.SIG_DFL)


def print_error(line: str) -> None:
    """Print a line to stderr."""
    print(line, file=sys.stderr, flush=True)
