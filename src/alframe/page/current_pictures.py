"""The pictures of the data that a trial has at present; a class that people add replaces the data set."""

import threading
from collections.abc import Callable

from alframe.data import ImageDataset
from alframe.page.desk import Desk
from alframe.page.errors import Conflict
from alframe.page.pictures import Pictures


class CurrentPictures:
    """Draws the pictures of the data set that is at the desk."""

    def __init__(self, desk: Desk, digest_of: Callable[[int], str | None]) -> None:
        """Take the desk, and what returns the digest of an image when it was asked about, None if never."""
        self._desk, self._digest_of = desk, digest_of
        self._lock = threading.Lock()
        self._made: tuple[ImageDataset, Pictures] | None = None

    @property
    def open(self) -> Pictures:
        """What draws the pictures of the present data.

        Raises:
            Conflict: the data are not read yet.
        """
        dataset = self._desk.now.dataset
        if dataset is None:
            raise Conflict("The images are being read.")
        with self._lock:
            before = self._made
            pictures = before[1] if before is not None and before[0] is dataset else None
            if pictures is None:
                pictures = Pictures(dataset, self._digest_of)
                self._made = (dataset, pictures)
        if before is not None and before[1] is not pictures:  # not under the lock, which drawing may need
            before[1].close()
        return pictures

    def close(self) -> None:
        """Draw nothing more."""
        if self._made is not None:
            self._made[1].close()
