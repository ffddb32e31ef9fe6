"""Image files read in threads, in order; Pillow's decoders let other threads run."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from alframe.data.patient_pillow import patient_pillow

AHEAD = 4  # images that are read or wait, for each thread

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_threads(
    read: Callable[[Item], Result], items: Sequence[Item], n_threads: int
) -> Iterator[tuple[Item, Result]]:
    """Yield each item and its result, in order. Memory is bounded: at most 4 items a thread are read ahead.

    The threads end with the iterator, also after an error.
    """
    ahead = AHEAD * n_threads
    with patient_pillow(), ThreadPoolExecutor(n_threads, thread_name_prefix="alframe-decoder") as threads:
        try:
            waiting = deque(threads.submit(read, item) for item in items[:ahead])
            for done, item in enumerate(items):
                result = waiting.popleft().result()
                if done + ahead < len(items):
                    waiting.append(threads.submit(read, items[done + ahead]))
                yield item, result
        except BaseException:
            threads.shutdown(cancel_futures=True)
            raise
