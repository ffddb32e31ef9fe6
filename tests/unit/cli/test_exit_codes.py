"""How a command ends."""

import subprocess
import sys

import pytest

ENDS_SLOWLY = """
import atexit, os, signal, sys, time
from alframe.cli.exit_codes import exit_code
from alframe.cli.hydra_command import begin_command
from alframe.core.errors import Terminated

def last():
    os.kill(os.getpid(), {second})
    time.sleep(5)

signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
begin_command("alframe", [])
atexit.register(last)
sys.exit(exit_code({first}(), started=True))
"""


@pytest.mark.parametrize(
    ("first", "second", "line", "code"),
    [
        ("KeyboardInterrupt", "signal.SIGINT", "interrupted\n", -2),
        ("KeyboardInterrupt", "signal.SIGTERM", "interrupted\n", -15),
        ("Terminated", "signal.SIGTERM", "terminated\n", -15),
    ],
)
def test_a_second_signal_while_the_process_ends_prints_no_traceback(
    first: str, second: str, line: str, code: int
) -> None:
    script = ENDS_SLOWLY.format(first=first, second=second)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.stderr, done.returncode) == (line, code)
