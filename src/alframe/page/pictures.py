"""Pictures of images for the browser, by index: encoded once, kept within a bound, and drawn ahead.

A picture is drawn from the image that was asked about: one whose content has changed since then is refused.
"""

import io
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from alframe.core.errors import UserError
from alframe.data import ImageDataset
from alframe.data.identity import content_digest, picture

if TYPE_CHECKING:
    from PIL.Image import Image

Size = Literal["small", "large", "full"]
# Pixels of the longer side at most.
LONGEST: dict[Size, int] = {"small": 256, "large": 1600, "full": 20_000}
MAX_BYTES = 200 * 2**20  # of all encoded pictures that are kept
_AHEAD = 2  # threads that draw ahead
_AT_ONCE = 4  # pictures that are drawn at the same time, so that memory stays bounded
_JPEG_SIDE = 256  # pixels: pictures with a longer side are JPEG
_QUALITY = 90


class Changed(UserError):
    """The image is no longer the one that people were asked about."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """An encoded picture.

    Attributes:
        content: the bytes of the file. kind: "image/jpeg" or "image/png".
        tag: tells pictures apart. width, height: pixels.
    """

    content: bytes
    kind: str
    tag: str
    width: int
    height: int


class Pictures:
    """Draws pictures in the threads that ask for them; a picture that is being drawn is waited for."""

    def __init__(self, dataset: ImageDataset, digest_of: Callable[[int], str | None]) -> None:
        """Take the data, and what returns the digest of an image when it was asked about, None if never."""
        self._dataset, self._digest_of = dataset, digest_of
        self._lock, self._slots = threading.Lock(), threading.Semaphore(_AT_ONCE)
        self._kept: OrderedDict[tuple[int, Size], Picture] = OrderedDict()
        self._bytes = 0
        self._drawn: dict[tuple[int, Size], Future[Picture]] = {}
        self._ahead = ThreadPoolExecutor(_AHEAD, thread_name_prefix="pictures")

    def __call__(self, index: int, size: Size) -> Picture:
        """Return a picture.

        Raises:
            Changed: the image is another one than when people were asked about it.
            UnreadableImages: the file cannot be read.
        """
        future, is_mine = self._begun(index, size)
        if is_mine:
            self._draw(index, size, future)
        return future.result()

    def ahead(self, indices: Iterable[int], size: Size) -> None:
        """Draw pictures before somebody asks for them. Those still to be drawn from before are given up."""
        for index in indices:
            with self._lock:
                known = (index, size) in self._kept or (index, size) in self._drawn
            if not known:
                self._ahead.submit(self._quietly, index, size)

    def close(self) -> None:
        """Draw nothing more."""
        self._ahead.shutdown(wait=True, cancel_futures=True)

    def _begun(self, index: int, size: Size) -> tuple["Future[Picture]", bool]:
        """Return the future of a picture, and whether the caller is to draw it."""
        key = (index, size)
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None:
                self._kept.move_to_end(key)
                done: Future[Picture] = Future()
                done.set_result(kept)
                return done, False
            if key in self._drawn:
                return self._drawn[key], False
            return self._drawn.setdefault(key, Future()), True

    def _draw(self, index: int, size: Size, future: "Future[Picture]") -> None:
        try:
            with self._slots:
                drawn = self._drawing(index, size)
        except BaseException as error:
            with self._lock:
                del self._drawn[index, size]
            future.set_exception(error)
            return
        with self._lock:
            del self._drawn[index, size]
            self._keep((index, size), drawn)
        future.set_result(drawn)

    def _drawing(self, index: int, size: Size) -> Picture:
        digest, asked = content_digest(self._dataset, index), self._digest_of(index)
        if asked is not None and digest != asked:
            raise Changed(
                f"The image {index} has changed since the trial asked about it, so it is not shown. Put the "
                "old file back, or stop the command and start it again."
            )
        return encoded(picture(self._dataset, index, LONGEST[size]), LONGEST[size], f"{digest}-{size}")

    def _keep(self, key: tuple[int, Size], drawn: Picture) -> None:
        self._kept[key] = drawn
        self._bytes += len(drawn.content)
        while self._bytes > MAX_BYTES and len(self._kept) > 1:
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= len(oldest.content)

    def _quietly(self, index: int, size: Size) -> None:
        future, is_mine = self._begun(index, size)
        if is_mine:
            self._draw(index, size, future)  # an error is told to the one who asks for the picture


def encoded(image: "Image", longest: int, tag: str) -> Picture:
    """Return an image (mode L or RGB) as a file; made smaller if a side has more than `longest` pixels."""
    if max(image.size) > longest:
        image.thumbnail((longest, longest))
    content = io.BytesIO()
    if max(image.size) >= _JPEG_SIDE:
        image.save(content, "JPEG", quality=_QUALITY)
        kind = "image/jpeg"
    else:
        image.save(content, "PNG", compress_level=1)
        kind = "image/png"
    return Picture(content=content.getvalue(), kind=kind, tag=tag, width=image.width, height=image.height)
