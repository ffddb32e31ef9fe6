"""Lines on how far the reading or encoding of images is, for a terminal without a progress bar."""

import time
from collections.abc import Callable

from alframe._text import duration

EVERY_SECONDS = 30.0
VERBS = {"read": "read", "encode": "encoded"}  # of the stages that have such lines


class ReadingLines:
    """Makes a line every half minute, from the first image on."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._begun = self._told = 0.0
        self._stage, self._first, self._done = "", 0, 0

    def lines(self, stage: str, done: int, total: int) -> list[str]:
        """Return a line with the images done, their rate and the time left, or none if it is too soon."""
        now = self._clock()
        if stage != self._stage or done <= self._done:
            self._begun = self._told = now
            self._stage, self._first = stage, done
        self._done = done
        if now - self._told < EVERY_SECONDS or done == total:
            return []
        self._told = now
        rate = (done - self._first) / (now - self._begun)
        left = duration((total - done) / rate)
        return [f"  {VERBS[stage]} {done:,} of {total:,} images, {rate:.1f} a second, {left} left"]
