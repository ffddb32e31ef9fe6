"""One image file: its header, and its pixels as people see them.

An image is turned by its EXIF tag, transparent parts are white, colour profiles are ignored, and of several
frames or pages the first one is taken.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from alframe.data.damage import DAMAGE, failure
from alframe.data.grey_range import GreyRange
from alframe.data.image_modes import DEEP, has_no_colour, on_white, orientation, turned_upright
from alframe.data.patient_pillow import patient_pillow

MAX_BYTES = 2**30  # of one decoded image; larger ones are named among the unreadable
LARGE_PIXELS = 2**25  # larger images are decoded one at a time
Box = tuple[float, float, float, float]
_WITH_FRAMES = ("GIF", "TIFF", "WEBP", "PNG", "AVIF")  # an MPO's other frames are the camera's previews


@dataclass(frozen=True, kw_only=True)
class Header:
    """What an image file says of itself.

    Attributes:
        size: (height, width) after the turn by the EXIF tag.
        is_grey: the file has no colour. is_deep: it has more than 8 bits a pixel, which are read.
        is_bilevel: it has one bit a pixel.
        has_more: it has several frames or pages. loses_bits: it has 16 bits a colour, of which 8 are read.
    """

    size: tuple[int, int]
    is_grey: bool
    is_deep: bool
    is_bilevel: bool
    has_more: bool
    loses_bits: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class Pixels:
    """An image that was read.

    Attributes:
        image_CHW: (channels, height, width) uint8.
        seen: the range of its values, if they have more than 8 bits.
        is_grey: the file has no colour.
    """

    image_CHW: np.ndarray[Any, Any]
    seen: GreyRange
    is_grey: bool


def read_header(file: Path, max_pixels: int | None = None) -> Header:
    """Return the header of an image file; the pixels are not decoded.

    Raises:
        Unreadable: the file is no image or is too large, or has more than `max_pixels`.
        TrialError: the disk or the memory has failed.
    """
    with _opened(file, decoded=False) as image:
        n_pixels = image.width * image.height
        if max_pixels is not None and n_pixels > max_pixels:
            raise ValueError(f"{n_pixels / 1e6:.3g} million pixels, more than data.max_megapixels")
        _check_bytes(_n_bytes(image) // (64 if image.format == "JPEG" else 1), image)
        height, width = image.height, image.width
        # Pillow turns the size of a TIFF itself, and decodes a PNG to look for a tag behind its pixels.
        known = image.format != "TIFF" and (image.format != "PNG" or "exif" in image.info)
        if known and orientation(image) >= 5:
            height, width = width, height
        return Header(
            size=(height, width),
            is_grey=has_no_colour(image),
            is_deep=image.mode in DEEP,
            is_bilevel=image.mode == "1",
            has_more=image.format in _WITH_FRAMES and bool(getattr(image, "is_animated", False)),
            loses_bits=image.mode not in DEEP and any(";16" in str(part) for part in _raw_modes(image)),
        )


def read_pixels(file: Path, size: tuple[int, int], channels: int, grey_range: GreyRange) -> Pixels:
    """Return an image scaled to `size`, (height, width), with 1 or 3 channels.

    Raises:
        Unreadable: the file cannot be read as a whole.
        TrialError: the disk or the memory has failed.
    """
    return read_part(file, size, channels, grey_range, _whole, Image.Resampling.BILINEAR)


def _whole(height: int, width: int) -> Box:
    return 0.0, 0.0, width, height


def read_part(
    file: Path,
    size: tuple[int, int],
    channels: int,
    grey_range: GreyRange,
    box_of: Callable[[int, int], Box],
    resampling: Image.Resampling,
) -> Pixels:
    """Return a part of an image scaled to `size`, (height, width), with 1 or 3 channels.

    Args:
        box_of: returns the part of an image of a height and a width: its left, upper, right and lower end.
        resampling: of the scaling.

    Raises:
        Unreadable: the file cannot be read as a whole.
        TrialError: the disk or the memory has failed.
    """
    height, width = size
    with _opened(file) as image:
        is_grey = has_no_colour(image)
        _draft(image, size, box_of)
        with _loaded(image):
            upright, seen = turned_upright(image, grey_range)
            box = box_of(upright.height, upright.width)
            small = upright.resize((width, height), resampling, box, reducing_gap=3.0)
            scaled = on_white(small).convert("L" if channels == 1 else "RGB")
    image_HWC = np.asarray(scaled).reshape(height, width, channels)
    image_CHW = np.array(image_HWC.transpose(2, 0, 1), order="C")
    return Pixels(image_CHW=image_CHW, seen=seen, is_grey=is_grey)


def _draft(image: Image.Image, size: tuple[int, int], box_of: Callable[[int, int], Box]) -> None:
    """Let a JPEG be decoded at half, a quarter or an eighth, but at twice the wanted size at least."""
    if image.format not in ("JPEG", "MPO"):
        return
    high, wide = image.size if orientation(image) >= 5 else image.size[::-1]
    left, top, right, bottom = box_of(high, wide)
    shorter = ceil(2 * max(size) * min(high / (bottom - top), wide / (right - left)))
    image.draft(None, (shorter, shorter))


def read_whole(file: Path, longest: int, grey_range: GreyRange) -> Image.Image:
    """Return an image, mode L or RGB, for people; made smaller if a side has more than `longest` pixels.

    A large JPEG is decoded at a half, a quarter or an eighth, with at least five eighths of `longest`.

    Raises:
        Unreadable: the file cannot be read as a whole.
        TrialError: the disk or the memory has failed.
    """
    with _opened(file) as image:
        image.draft(None, (longest * 5 // 8, longest * 5 // 8))
        with _loaded(image):
            is_grey = has_no_colour(image)
            upright, _ = turned_upright(image, grey_range)
            upright.thumbnail((longest, longest), Image.Resampling.BILINEAR)
            return on_white(upright).convert("L" if is_grey else "RGB")


_large_in_turn = threading.Lock()


@contextmanager
def _opened(file: Path, *, decoded: bool = True) -> Iterator[Image.Image]:
    try:
        # Of a path, Pillow maps some TIFF files and then forgets to turn them.
        with patient_pillow(), file.open("rb") as raw, Image.open(raw) as image:
            yield image
    except DAMAGE as error:
        raise failure(file, error, decoded=decoded) from error


def _n_bytes(image: Image.Image) -> int:
    each = 12 if image.mode in DEEP else 1 if image.mode in ("1", "L", "P") else 4
    return image.width * image.height * each


def _check_bytes(n_bytes: int, image: Image.Image) -> None:
    if n_bytes > MAX_BYTES:
        raise ValueError(f"too large: {image.height:,} x {image.width:,} pixels (height x width)")


@contextmanager
def _loaded(image: Image.Image) -> Iterator[None]:
    """Decode an image; large ones wait for each other, so that memory stays bounded."""
    _check_bytes(_n_bytes(image), image)
    with _large_in_turn if image.width * image.height > LARGE_PIXELS else nullcontext():
        image.load()
        yield


def _raw_modes(image: Image.Image) -> list[Any]:
    return [tile[3] for tile in getattr(image, "tile", [])]
