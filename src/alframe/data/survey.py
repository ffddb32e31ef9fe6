"""What the headers of a folder's images say: sizes, colour, files that are no images.

At most `MAX_HEADERS` files are opened, evenly spread, so that a start takes about a second for a folder of
any size and always opens the same files.
"""

import statistics
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alframe._text import counted
from alframe.core.errors import DataError
from alframe.data.path_text import shown_path
from alframe.data.photograph import Header, Unreadable, patient_pillow, read_header

MAX_HEADERS = 5000
THREADS = 8  # most of the time is spent waiting for the disk
SMALL = 128  # pixels a side: images of one size up to this one are taken as they are
LONGER_SIDE = 96  # pixels, to which other images are scaled
ALIKE = 0.1  # two shapes are alike if height / width differs by less than this share
COMMON = 0.9  # share of images of one shape for which their shape is kept


@dataclass(frozen=True, kw_only=True)
class Survey:
    """The headers that could be read, by file, and the reasons of the other files."""

    headers: dict[Path, Header]
    reasons: dict[Path, str]

    def deep(self) -> list[Path]:
        """Return files with more than 8 bits a pixel, evenly spread."""
        return spread([file for file, header in self.headers.items() if header.is_deep], 16)

    def channels(self) -> int:
        """Return 1 if all images are grey, else 3."""
        return 1 if all(header.is_grey for header in self.headers.values()) else 3

    def size(self) -> tuple[tuple[int, int], str]:
        """Return a (height, width) that works, and a line that says so if images are scaled."""
        sizes = [header.size for header in self.headers.values()]
        if len(set(sizes)) == 1 and max(sizes[0]) <= SMALL:
            return sizes[0], ""
        low, high = min(sizes, key=_area), max(sizes, key=_area)
        size = fitting_size(sizes)
        there = f"of {_by(low)} pixels" if low == high else f"of {_by(low)} to {_by(high)} pixels"
        return size, (
            f"data.size: the images {there} (height x width) are scaled to {_by(size)}. "
            f"Write data.size=[{size[0]},{size[1]}], or another size, to choose it."
        )

    def notes(self) -> list[str]:
        """Return a line for each kind of image of which only a part is read."""
        more = [file for file, header in self.headers.items() if header.has_more]
        bits = [file for file, header in self.headers.items() if header.loses_bits]
        return [
            *([f"{_some(more)} with several frames or pages: only the first is read."] if more else []),
            *([f"{_some(bits)} with 16 bits a colour: only the upper 8 are read."] if bits else []),
        ]


def survey(files: Sequence[Path]) -> Survey:
    """Return what the headers of at most `MAX_HEADERS` files say.

    Raises:
        DataError: none of them is an image.
    """

    def look(file: Path) -> Header | str:
        try:
            return read_header(file)
        except Unreadable as error:
            return str(error)

    chosen = spread(files, MAX_HEADERS)
    with patient_pillow(), ThreadPoolExecutor(THREADS, thread_name_prefix="alframe-header") as threads:
        found = dict(zip(chosen, threads.map(look, chosen, chunksize=1), strict=True))
    headers = {file: header for file, header in found.items() if isinstance(header, Header)}
    reasons = {file: reason for file, reason in found.items() if isinstance(reason, str)}
    if not headers:
        first = chosen[0]
        raise DataError(
            f"data.path: expected images that can be read, but none of {counted(len(files), 'file')} can, "
            f"such as {shown_path(first)} ({reasons[first]}). Repair them, or give another data.path."
        )
    return Survey(headers=headers, reasons=reasons)


def fitting_size(sizes: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Return a (height, width) of at most 96 pixels; square unless nearly all images have one shape.

    >>> fitting_size([(3000, 4000)]), fitting_size([(3000, 4000), (4000, 3000)])
    ((72, 96), (96, 96))
    """
    longer = max(4, min(LONGER_SIDE, round(statistics.median(max(size) for size in sizes))))
    ratio = statistics.median(height / width for height, width in sizes)
    alike = sum(abs(height / width / ratio - 1) < ALIKE for height, width in sizes)
    if alike < COMMON * len(sizes):
        return longer, longer
    height, width = (longer, longer / ratio) if ratio > 1 else (longer * ratio, longer)
    return max(4, round(height)), max(4, round(width))


def spread(files: Sequence[Any], most: int) -> list[Any]:
    """Return at most `most` files, evenly spread, or all.

    >>> spread([1, 2, 3, 4, 5], 2)
    [1, 3]
    """
    if len(files) <= most:
        return list(files)
    return [files[k * len(files) // most] for k in range(most)]


def _area(size: tuple[int, int]) -> int:
    return size[0] * size[1]


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]:,} x {size[1]:,}"


def _some(files: Sequence[Path]) -> str:
    such = "" if len(files) == 1 else ", such as"
    return f"{counted(len(files), 'image')}{such} {shown_path(files[0].name)}"
