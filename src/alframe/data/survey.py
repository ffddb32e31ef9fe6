"""What the headers of a folder's images say: sizes, colour, files that are no images.

At most `MAX_HEADERS` files are opened, evenly spread, so that a start takes about a second for a folder of
any size and always opens the same files. All are opened if large images are to be left out.
"""

import statistics
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from alframe._text import counted
from alframe.core.errors import DataError
from alframe.data.damage import Unreadable
from alframe.data.path_text import shown_path, spread
from alframe.data.patient_pillow import patient_pillow
from alframe.data.photograph import Header, read_header

MAX_HEADERS = 5000
PROBED = 16  # files with more than 8 bits a pixel that are read for a first guess of their range
THREADS = 8  # most of the time is spent waiting for the disk
SMALL = 128  # pixels a side: images of one size up to this one are taken as they are
LONGER_SIDE = 96  # pixels, to which other images are scaled
ALIKE = 0.1  # two shapes are alike if height / width differs by less than this share
COMMON = 0.9  # share of images of one shape for which their shape is kept


@dataclass(frozen=True, kw_only=True)
class Survey:
    """The headers that could be read and the reasons of the other files, by file; the number of all files."""

    headers: dict[Path, Header]
    reasons: dict[Path, str]
    n_files: int

    def deep(self, files: Sequence[Path]) -> list[Path]:
        """Return some of these files with more than 8 bits a pixel, evenly spread."""
        headers = ((file, self.headers.get(file)) for file in files)
        return spread([file for file, header in headers if header is not None and header.is_deep], PROBED)

    def levels_wanted(self) -> int:
        """Return the number of grey levels below which images have lost some."""
        return 2 if any(header.is_bilevel for header in self.headers.values()) else 3

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
            f"data.size: the images {there} (height x width) are scaled to {_by(size)}, unless an encoder "
            f"reads the files. Write data.size=[{size[0]},{size[1]}], or another size, to choose it."
        )

    def notes(self) -> list[str]:
        """Return a line for each kind of image of which only a part is read."""
        more = [file for file, header in self.headers.items() if header.has_more]
        bits = [file for file, header in self.headers.items() if header.loses_bits]
        looked = len(self.headers) + len(self.reasons)
        part = f"the headers of {looked:,} of {self.n_files:,} images were read, to choose size and colour."
        return [
            *([part] if looked < self.n_files else []),
            *([f"{_some(more)} with several frames or pages: only the first is read."] if more else []),
            *([f"{_some(bits)} with 16 bits a colour: only the upper 8 are read."] if bits else []),
        ]


def survey(files: Sequence[Path], key: str = "data.path", max_pixels: int | None = None) -> Survey:
    """Return what the headers of at most `MAX_HEADERS` files say, or those of all files with `max_pixels`.

    Args:
        files: image files. key: the setting that names them, for messages.
        max_pixels: files with more pixels are among the unreadable ones; None takes a bound of memory.

    Raises:
        DataError: none of them is an image.
    """

    def look(file: Path) -> Header | str:
        try:
            return read_header(file, max_pixels)
        except Unreadable as error:
            return str(error)

    chosen = spread(list(dict.fromkeys(files)), MAX_HEADERS if max_pixels is None else len(files))
    with patient_pillow(), ThreadPoolExecutor(THREADS, thread_name_prefix="alframe-header") as threads:
        found = dict(zip(chosen, threads.map(look, chosen, chunksize=1), strict=True))
    headers = {file: header for file, header in found.items() if isinstance(header, Header)}
    reasons = {file: reason for file, reason in found.items() if isinstance(reason, str)}
    if not headers:
        first = chosen[0]
        raise DataError(
            f"{key}: expected images that can be read, but none of {counted(len(files), 'file')} can, "
            f"such as {shown_path(first)} ({reasons[first]}). Repair them, or give another {key}."
        )
    return Survey(headers=headers, reasons=reasons, n_files=len(set(files)))


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


def _area(size: tuple[int, int]) -> int:
    return size[0] * size[1]


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]:,} x {size[1]:,}"


def _some(files: Sequence[Path]) -> str:
    such = "" if len(files) == 1 else ", such as"
    return f"{counted(len(files), 'image')}{such} {shown_path(files[0].name)}"
