"""Which process ended first, where a launcher ends all of its processes because one was killed."""

import multiprocessing
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import wait


@contextmanager
def watched(every_seconds: float = 0.2) -> Iterator[Callable[[], list[set[int]]]]:
    """Yield a function that returns the processes of this one that ended while the block runs, in order.

    Processes that were found ended at once share a set. joblib ends the others one by one after a killed one,
    asking the system for the children of each first: 10 ms and more, in which the watch sees which was first.

    Args:
        every_seconds: how long a process may be there before it is watched.
    """
    ended: list[set[int]] = []
    over = threading.Event()

    def watch() -> None:
        while not over.is_set():
            known = set[int]().union(*ended)
            children = {
                child.sentinel: child.pid
                for child in multiprocessing.active_children()
                if child.pid is not None and child.pid not in known
            }
            found = {children[sentinel] for sentinel in wait(children, every_seconds)}  # type: ignore[index]
            if found:
                ended.append(found)

    thread = threading.Thread(target=watch, daemon=True, name="watch the launcher's processes")
    thread.start()
    try:
        yield lambda: ended
    finally:
        over.set()
        thread.join()
