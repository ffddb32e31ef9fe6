"""The images of a folder: decoded one by one for people, and all at once for a learner.

All of them are decoded when a learner needs the first one. The pixels are kept in a file of the trial's
directory, so that a trial that waits for answers does not decode them at each start.
"""

import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from alframe._text import counted
from alframe.core.errors import DataError, DataWarning
from alframe.data.damage import Unreadable
from alframe.data.grey_range import GreyRange
from alframe.data.memory_map import MappedImages
from alframe.data.path_text import shown_path, spread
from alframe.data.photograph import Pixels, read_pixels
from alframe.data.pixel_file import PixelFile
from alframe.data.reading_threads import in_threads
from alframe.data.shared_range import SharedRange

IN_MEMORY_BYTES = 2**30  # images of together more bytes stay in their file
LOOKED_AT, LOOKED_AT_SIDE = 256, 128  # images whose grey levels are counted, and pixels a side of each
Progress = Callable[[str, int, int | None], None]
"""Called with (stage, done, total); total is None if it is not known."""


class UnreadableImages(DataError):
    """Some files turned out to be unreadable when they were decoded.

    Attributes:
        reasons: by file.
    """

    def __init__(self, reasons: dict[Path, str], n: int) -> None:
        """Take the reason for each file, and the number of all files."""
        super().__init__(unreadable_line(reasons, n))
        self.reasons = reasons


def unreadable_line(reasons: dict[Path, str], n: int, named: int = 3) -> str:
    """Return a line that counts and names files that cannot be read or are too large."""
    some = "; ".join(f"{shown_path(file)} ({reason})" for file, reason in list(reasons.items())[:named])
    more = f"; and {len(reasons) - named:,} more" if len(reasons) > named else ""
    large = sum("data.max_megapixels" in reason for reason in reasons.values())
    what = "cannot be read" if large == 0 else "are too large" + " or cannot be read" * (large < len(reasons))
    left_out = " and are left out" if len(reasons) < n else ""
    return f"{len(reasons):,} of {n:,} image files {what}{left_out}: {some}{more}."


@dataclass(eq=False)
class DecodedImages:
    """Images in files of their own; they replace the tensor of an `ImageDataset`.

    Attributes:
        paths: the file of each image, None for an image that is no longer there and is read as zeros.
        size: (height, width) to which each image is scaled. channels: 1 or 3.
        shared: the range of files with more than 8 bits a pixel. is_test: the range is that of other images.
        levels_wanted: if all images together have fewer levels of brightness, a warning says so.
        folder: where the pixels are kept; None keeps them in memory, or in a temporary file.
    """

    paths: Sequence[Path | None]
    size: tuple[int, int]
    channels: int
    shared: SharedRange = field(default_factory=SharedRange)
    is_test: bool = False
    levels_wanted: int = 1
    folder: Path | None = None
    name: str = "images"
    _pixels: "Tensor | MappedImages | None" = field(default=None, repr=False)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, channels, height, width)."""
        return len(self.paths), self.channels, *self.size

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def in_memory(self) -> bool:
        """True if all pixels will be in memory once they are decoded."""
        return int(np.prod(self.shape)) <= IN_MEMORY_BYTES

    @property
    def grey_range(self) -> GreyRange:
        """The range of the files with more than 8 bits: of all if they are decoded, else of some."""
        return self.shared.value.held() if self.is_test else self.shared.value

    def __getitem__(self, index: int) -> Tensor:
        """Return the (channels, height, width) uint8 image of an index.

        Raises:
            UnreadableImages: its file cannot be read.
        """
        if self._pixels is not None:
            return self._pixels[index]
        path = self.paths[index]
        if path is None:
            return torch.zeros(self.shape[1:], dtype=torch.uint8)
        try:
            return torch.tensor(read_pixels(path, self.size, self.channels, self.grey_range).image_CHW)
        except Unreadable as error:
            raise UnreadableImages({path: str(error)}, len(self)) from error

    def keep_in(self, folder: Path) -> None:
        """Keep the pixels in a file of this folder."""
        self.folder = folder

    def arranged(self, position_N: Sequence[int]) -> "DecodedImages":
        """Return the images in another order; -1 stands for an image that is no longer there."""
        paths = [self.paths[position] if position >= 0 else None for position in position_N]
        return replace(self, paths=paths, _pixels=None)

    def pixels(self, progress: Progress = lambda stage, done, total: None) -> "Tensor | MappedImages":
        """Return all images, decoded once: a tensor (N, channels, height, width), or images in a file.

        Raises:
            UnreadableImages: some files cannot be read. All others are decoded and kept.
        """
        if self._pixels is None:
            self._pixels = self._decoded(progress)
        return self._pixels

    def _decoded(self, progress: Progress) -> "Tensor | MappedImages":
        held, mapped = self.grey_range if self.is_test else None, not self.in_memory
        with PixelFile(self.folder, self.name, self.shape, self.paths, mapped=mapped, held=held) as store:
            grey_range = store.grey_range
            if store.missing(grey_range):
                grey_range = self.grey_range.joined(grey_range)
            while wanted := store.missing(grey_range):  # again if the range is another one than thought
                _decode(wanted, self, store, grey_range, progress)
                grey_range = store.grey_range
            if not self.is_test:
                self.shared.settle(grey_range)
            reasons = store.reasons()
            if reasons:
                raise UnreadableImages(reasons, len(self))
            images_N = store.images()
        self._look_at(images_N)
        return images_N

    def _look_at(self, images_N: "Tensor | MappedImages") -> None:
        """Warn if the images are all the same, or have fewer grey levels than wanted."""
        there = spread([n for n, path in enumerate(self.paths) if path is not None], LOOKED_AT)
        step = -(-max(self.size) // LOOKED_AT_SIDE)
        some = torch.stack([images_N[n][:, ::step, ::step] for n in there]) if there else torch.zeros(0)
        n_levels = len(some.unique())
        if len(some) > 1 and (some == some[0]).all():
            found = "are all the same"
        elif 0 < n_levels < self.levels_wanted:
            found = f"have {counted(n_levels, 'level')} of brightness only"
        else:
            return
        warnings.warn(
            f"data.path: the {self.name.replace('_', ' ')} {found} after they were read. Look at the files "
            "and at data.size.",
            DataWarning,
            stacklevel=2,
        )


def _decode(
    wanted: Sequence[int],
    images: DecodedImages,
    store: PixelFile,
    grey_range: GreyRange,
    progress: Progress,
) -> None:
    """Decode the images of some rows in threads."""

    def read(row: int) -> Pixels | str:
        path = images.paths[row]
        assert path is not None
        try:
            return read_pixels(path, images.size, images.channels, grey_range)
        except Unreadable as error:
            return str(error)

    for done, (row, result) in enumerate(in_threads(read, wanted, os.cpu_count() or 1), start=1):
        store.write(row, result, grey_range)
        progress("read", done, len(wanted))
