"""Lines on how far the decoding of image files is, for a terminal without a progress bar."""

import time
from collections.abc import Callable

from alframe._text import duration

EVERY_SECONDS = 30.0


class ReadingLines:
    """Makes a line every half minute, from the first image on."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._begun = self._told = 0.0

    def lines(self, done: int, total: int) -> list[str]:
        """Return a line with the images done, their rate and the time left, or none if it is too soon."""
        now = self._clock()
        if done <= 1:
            self._begun = self._told = now
        if now - self._told < EVERY_SECONDS or done == total:
            return []
        self._told = now
        rate = (done - 1) / (now - self._begun)
        left = duration((total - done) / rate)
        return [f"  read {done:,} of {total:,} images, {rate:.1f} a second, {left} left"]
