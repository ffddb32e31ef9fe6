"""Ctrl-C in two steps: the first ends a trial after its round, the second at once."""

import functools
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

TRIAL = "the trial ends after this round"
SWEEP = "the trials end after their rounds and no other begins"


@contextmanager
def polite_interrupts(
    line: str = TRIAL, then: Callable[[], None] = lambda: None
) -> Iterator[Callable[[], bool]]:
    """Yield a function that says whether Ctrl-C has been pressed while the block runs.

    The first is taken note of, the second raises KeyboardInterrupt. Where SIGINT is ignored, as in a job in
    the background, it stays so; outside the main thread nothing is changed.

    Args:
        line: printed at the first. then: called at the first.
    """
    pressed: list[int] = []

    def take_note(number: int, frame: Any) -> None:
        if pressed:
            raise KeyboardInterrupt
        pressed.append(number)
        then()
        sys.stderr.write(f"\nalframe: {line}; Ctrl-C again ends it at once.\n")
        sys.stderr.flush()

    main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGINT)
    if not main or before is signal.SIG_IGN:
        yield lambda: False
        return
    signal.signal(signal.SIGINT, take_note)
    try:
        yield lambda: bool(pressed)
    finally:
        signal.signal(signal.SIGINT, before)


@functools.cache
def follow_the_command(every_seconds: float = 0.5) -> None:
    """Leave Ctrl-C to the command and end when the command is gone; for a process that runs jobs for it.

    Ctrl-C reaches every process of a terminal. A process whose command was killed would go on beside the next
    command; it may end at any moment, since a trial keeps its state.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(every_seconds)
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="follow the command").start()
