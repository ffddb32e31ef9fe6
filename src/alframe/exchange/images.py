"""The images of a trial: copies of or links to their files, or PNG files made from arrays."""

import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal

from alframe.core.errors import UserError
from alframe.exchange.records import LabelRow, TrialLabels

How = Literal["copy", "link"]


class Images:
    """Writes the images of a trial.

    Attributes:
        how: files are copied, or linked to.
    """

    def __init__(self, labels: TrialLabels, how: How, data: Path | None) -> None:
        """Take the labels; the images of arrays are loaded when the first one is needed.

        Args:
            data: where the data are now, or None if they have not moved.
        """
        if how == "link" and not labels.has_files:
            raise UserError(
                "--links: expected images that are files, got an array. Leave it out: PNG files are written."
            )
        self.how, self._labels, self._data = how, labels, data
        self._png: Callable[[int], bytes] | None = None

    def has(self, row: LabelRow) -> bool:
        """Return True if a sample has an image that can be written."""
        return row.path is not None or not self._labels.has_files

    def file_name(self, row: LabelRow) -> str:
        """Return the file of an image, or a name for the file that is made of an array."""
        return row.path if row.path is not None else f"{row.index:06d}.png"

    def n_bytes(self, rows: Iterable[LabelRow]) -> int:
        """Return the bytes that copies of the files take; 0 for links, and for arrays, which are unknown."""
        if self.how == "link":
            return 0
        return sum(os.stat(row.path).st_size for row in rows if row.path is not None)

    def content(self, row: LabelRow) -> bytes:
        """Return the bytes of an image's file."""
        return Path(row.path).read_bytes() if row.path is not None else self._made(row.index)

    def write(self, row: LabelRow, file: Path) -> None:
        """Write an image to a new file."""
        if row.path is None:
            file.write_bytes(self._made(row.index))
        elif self.how == "link":
            file.symlink_to(row.path)
        else:
            shutil.copy2(row.path, file)

    def _made(self, index: int) -> bytes:
        if self._png is None:
            from alframe.trial.stored_images import png_of_arrays  # loads torch

            self._png = png_of_arrays(self._labels.directory, self._data)
        return self._png(index)
