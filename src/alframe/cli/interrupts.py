"""Ctrl-C in two steps: the first ends a trial after its round, the second ends it at once."""

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
PAGE = "the command ends now, or after this round if it computes; nothing is lost"
SWEEP = "the trials end after their rounds and no other begins"


@contextmanager
def two_step_interrupts(
    line: str = TRIAL, on_first: Callable[[], None] = lambda: None
) -> Iterator[Callable[[], bool]]:
    """Yield a function that returns True once Ctrl-C was pressed while the block runs.

    The second Ctrl-C raises KeyboardInterrupt. If SIGINT is ignored, as in a background job, it stays
    ignored. Outside the main thread nothing is changed.

    Args:
        line: printed at the first Ctrl-C. on_first: called at the first Ctrl-C.
    """
    pressed: list[int] = []

    def handle(number: int, frame: Any) -> None:
        if pressed:
            raise KeyboardInterrupt
        pressed.append(number)
        on_first()
        sys.stderr.write(f"\nalframe: {line}; Ctrl-C again ends it at once.\n")
        sys.stderr.flush()

    in_main_thread = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGINT)
    if not in_main_thread or before is signal.SIG_IGN:
        yield lambda: False
        return
    signal.signal(signal.SIGINT, handle)
    try:
        yield lambda: bool(pressed)
    finally:
        signal.signal(signal.SIGINT, before)


@functools.cache
def end_with_parent(every_seconds: float = 0.5) -> None:
    """Ignore Ctrl-C in this process, and end it when its parent has ended. For processes that run jobs.

    Ctrl-C reaches every process of a terminal, but only the command handles it. Without this function, the
    processes of a killed command would continue beside the next command. They may end at any moment, because
    a trial saves its state after each round.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(every_seconds)
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="end with parent").start()
