"""The file of decoded images in a trial's directory, each row tied to the image file that it came from.

`NAME.json` lists the rows and names the file of their pixels. It is replaced last and as a whole, so that
rows and pixels always belong together, also after a kill.
"""

import json
import os
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, Any, Self

import numpy as np
import torch
from torch import Tensor

from alframe._files import write_whole
from alframe.core.errors import TrialError
from alframe.core.file_names import DECODED_FILES
from alframe.data.grey_range import GreyRange
from alframe.data.memory_map import MappedImages
from alframe.data.photograph import Pixels
from alframe.data.pixel_rows import Row, plain, read_list, rows_of
from alframe.data.unreadable_files import identity_of, read_unreadable, remember_unreadable


class PixelFile:
    """Rows of pixels by position, written one by one. A context: its end keeps what was written."""

    def __init__(
        self,
        folder: Path | None,
        name: str,
        shape: tuple[int, int, int, int],
        paths: Sequence[Path | None],
        *,
        mapped: bool,
        held: GreyRange | None = None,
    ) -> None:
        """Take over the rows of an earlier file whose image files have not changed.

        Args:
            folder: of the file; None uses a temporary file. name: of the file.
            shape: (N, channels, height, width). paths: the image files; None for a row of zeros.
            mapped: leave the images in the file instead of reading them into memory.
            held: a range by which the rows are scaled, instead of their own.
        """
        self._closing = ExitStack()
        if folder is None:
            folder = Path(self._closing.enter_context(tempfile.TemporaryDirectory(prefix="alframe-images-")))
        self._list, self._shape, self._mapped = folder / f"{name}.json", shape, mapped
        self._held = held or GreyRange()
        self._row_bytes = int(np.prod(shape[1:]))
        self._identities = [identity_of(path) for path in paths]
        self._rows: list[Row | None] = [None] * shape[0]
        self._unreadable = read_unreadable(folder)
        self._keys: dict[int, Any] = {}  # the key of the range by which a deep row was scaled
        self._raw: IO[bytes] | None = None
        self._file = self._take_over(read_list(self._list))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        try:
            try:
                self._keep()
            finally:
                self._closing.close()
        except (TrialError, OSError) as failed:  # closing writes too
            if error is not None:
                return
            raise failed if isinstance(failed, TrialError) else _unwritten(self._file, failed) from failed

    @property
    def grey_range(self) -> GreyRange:
        """The range by which all rows there are should be scaled."""
        seen = GreyRange()
        for row in self._rows:
            seen = seen if row is None else seen.joined(row.seen)
        return self._held.joined(seen)

    def missing(self, grey_range: GreyRange) -> list[int]:
        """Return the rows to decode, or to decode again because they were scaled by another range."""
        key = grey_range.key()
        return [
            row
            for row, identity in enumerate(self._identities)
            if identity is not None
            and identity not in self._unreadable
            and (self._rows[row] is None or self._keys.get(row, key) != key)
        ]

    def write(self, row: int, result: Pixels | str, grey_range: GreyRange) -> None:
        """Write the pixels of a row, or the reason why there are none."""
        identity = self._identities[row]
        assert identity is not None
        if isinstance(result, str):
            self._unreadable[identity] = result
            return
        try:
            if self._rows[row] is not None:  # until the list is written again, it would be wrong
                self._list.unlink(missing_ok=True)
            raw = self._open()
            raw.seek(row * self._row_bytes)
            raw.write(result.image_CHW.tobytes())
        except OSError as error:
            raise _unwritten(self._file, error) from error
        self._rows[row] = Row(identity, result.seen)
        if result.seen != GreyRange():
            self._keys[row] = grey_range.joined(result.seen).key()

    def reasons(self) -> dict[Path, str]:
        """Return the reason of each file that cannot be read."""
        return {
            Path(identity[0]): self._unreadable[identity]
            for identity in self._identities
            if identity is not None and identity in self._unreadable
        }

    def images(self) -> Tensor | MappedImages:
        """Return all rows (N, channels, height, width); lost ones are zeros."""
        try:
            raw = self._open()
            raw.truncate(self._shape[0] * self._row_bytes)
            raw.flush()
        except OSError as error:
            raise _unwritten(self._file, error) from error
        if self._mapped:
            return MappedImages(np.memmap(self._file, np.uint8, "r", 0, self._shape))
        return torch.from_numpy(np.fromfile(self._file, np.uint8).reshape(self._shape))

    def _open(self) -> IO[bytes]:
        if self._raw is None:
            self._raw = self._closing.enter_context(self._file.open("r+b"))
        return self._raw

    def _take_over(self, old: "tuple[Path, dict[str, Any]] | None") -> Path:
        """Return the file to write to, with the rows of an earlier file that are still right."""
        if old is None or old[1]["shape"] != list(self._shape[1:]):
            return self._new_file()
        content = old[1]
        there = {row.identity: n for n, row in enumerate(rows_of(content)) if row is not None}
        found = [there.get(identity) if identity else None for identity in self._identities]
        rows = list(rows_of(content))
        self._rows = [None if n is None else rows[n] for n in found]
        self._keys = {
            n: content["range"] for n, row in enumerate(self._rows) if row and row.seen != GreyRange()
        }
        if found == list(range(len(rows))):
            return old[0]
        file = self._new_file()
        with old[0].open("rb") as source, file.open("r+b") as target:
            for row, n in enumerate(found):
                if n is not None:
                    source.seek(n * self._row_bytes)
                    target.seek(row * self._row_bytes)
                    target.write(source.read(self._row_bytes))
        return file

    def _new_file(self) -> Path:
        taken = [int(each.stem.rpartition("-")[2]) for each in self._pixel_files()]
        file = self._list.with_name(f"{self._list.stem}-{max(taken, default=0) + 1}.pixels")
        try:
            file.touch()
        except OSError as error:
            raise _unwritten(file, error) from error
        return file

    def _pixel_files(self) -> list[Path]:
        return [
            each
            for each in self._list.parent.glob(f"{self._list.stem}-*.pixels")
            if each.stem.rpartition("-")[2].isdecimal()
        ]

    def _keep(self) -> None:
        """Write the list of the rows, then remove earlier files."""
        key = self.grey_range.key()
        content = {
            "file": self._file.name,
            "shape": list(self._shape[1:]),
            "range": key,
            "rows": [
                None if row is None or self._keys.get(n, key) != key else plain(row)
                for n, row in enumerate(self._rows)
            ],
        }
        try:
            raw = self._open()
            raw.flush()
            os.fsync(raw.fileno())  # after a power failure the list must not name pixels that are not there
            write_whole(self._list, json.dumps(content), to_disk=False)
            remember_unreadable(self._list.parent, self._unreadable)
        except OSError as error:
            raise _unwritten(self._list, error) from error
        for file in self._pixel_files():
            if file != self._file:
                with suppress(OSError):  # some systems keep a file that is mapped
                    file.unlink()


def drop_pixels(folder: Path) -> None:
    """Remove the files of decoded images from a folder."""
    for file in [file for pattern in DECODED_FILES for file in folder.glob(pattern)]:
        with suppress(OSError):
            file.unlink(missing_ok=True)


def _unwritten(file: Path, error: OSError) -> TrialError:
    return TrialError(
        f"{file}: the decoded images could not be written ({error.strerror or error}). Make room on the "
        "disk, then run the same command again: what is decoded is kept."
    )
