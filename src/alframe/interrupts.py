"""Ctrl-C in two steps: the first ends a trial after its round, the second at once."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

TRIAL = "the trial ends after this round"
SWEEP = "the trials end after their rounds and no other begins"


@contextmanager
def polite_interrupts(
    line: str | None = TRIAL, then: Callable[[], None] = lambda: None
) -> Iterator[Callable[[], bool]]:
    """Yield a function that says whether Ctrl-C has been pressed while the block runs.

    The first is taken note of, the second raises KeyboardInterrupt. Where SIGINT is ignored, as in a job in
    the background, it stays so; outside the main thread nothing is changed.

    Args:
        line: printed at the first; None prints nothing. then: called at the first.
    """
    pressed: list[int] = []

    def take_note(number: int, frame: Any) -> None:
        if pressed:
            raise KeyboardInterrupt
        pressed.append(number)
        then()
        if line is not None:
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
