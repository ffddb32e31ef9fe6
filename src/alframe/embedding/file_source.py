"""Image files as input of an encoder: each is read once, scaled at once, and never held at full size.

Axes: Q the wanted samples, B a batch.
"""

import threading
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from alframe.data.damage import CHANGES, Unreadable, failure
from alframe.data.decoded import DecodedImages
from alframe.data.grey_range import GreyRange
from alframe.data.identity import file_digest
from alframe.data.path_text import shown_path
from alframe.data.photograph import Box, Pixels, read_part
from alframe.data.reading_threads import in_threads
from alframe.data.unreadable_files import Identity, identity_of
from alframe.embedding.encoder import Preprocessing
from alframe.embedding.file_notes import Note, vector_digest
from alframe.embedding.prepare import normalise, scaled_size
from alframe.embedding.segment import DIGEST, Array
from alframe.embedding.source import Batch
from alframe.embedding.store import Store
from alframe.embedding.store_writer import StoreWriter

MOST_THREADS = 16  # each may hold one image of 33 megapixels that is no JPEG
MOST_READS = 3  # of a file that changes while it is read


@dataclass(frozen=True, kw_only=True, eq=False)
class FileRead:
    """What was found out of an image file.

    Attributes:
        identity: the state of the file. digest: of its bytes.
        note: None for a copy of a file that another thread is still reading.
        image_CHW: (1 or 3, height, width) uint8 of the encoder's size; None if it need not be encoded.
    """

    identity: Identity
    digest: bytes
    note: Note | None = None
    image_CHW: Array | None = None


class FileSource:
    """The image files of a data set."""

    def __init__(
        self,
        images: DecodedImages,
        index_Q: Tensor,
        preprocessing: Preprocessing,
        device: torch.device,
        store: Store,
    ) -> None:
        """Take the files of `index_Q` (int64); `device` is that of the batches."""
        self._images, self._preprocessing, self._device = images, preprocessing, device
        self._store = store
        self._path_Q = [images.paths[index] for index in index_Q.tolist()]
        self._identity_Q = [identity_of(path) for path in self._path_Q]
        self.reasons: dict[Path, str] = {}

    @property
    def grey_range(self) -> GreyRange:
        """The range of the files with more than 8 bits, as far as they were read."""
        seen = {note.seen for note in self._notes() if note is not None}
        grey_range = self._images.grey_range
        for each in seen:
            grey_range = grey_range.joined(each)
        return grey_range

    def digests(self) -> Array:
        """Return the digests of the files that were read before."""
        grey_range, channels = self.grey_range, self._images.channels
        each = (b"" if note is None else vector_digest(note, grey_range, channels) for note in self._notes())
        return np.fromiter(each, DIGEST, len(self._path_Q))

    def can_be_read(self) -> Array:
        """Return False for files that are lost or were found unreadable."""
        each = (path is not None and path not in self.reasons for path in self._path_Q)
        return np.fromiter(each, bool, len(self._path_Q))

    def batches(self, wanted: Sequence[int], size: int, writer: StoreWriter) -> Generator[Batch]:
        """Yield the images that have no vector; of the others, and of unreadable files, only take note."""
        reader = _Reader(self._images, self._path_Q, self._preprocessing, self.grey_range, self._store)
        n_threads = min(MOST_THREADS, max(1, torch.get_num_threads()))
        waiting, copies, told = list[tuple[int, FileRead]](), list[tuple[int, FileRead]](), 0
        for done, (position, found) in enumerate(in_threads(reader.read, wanted, n_threads), start=1):
            if isinstance(found, str):
                path = self._path_Q[position]
                assert path is not None
                self.reasons[path] = found
            elif found.note is None:
                copies.append((position, found))
            else:
                self._note(position, found, found.note, writer)
                if found.image_CHW is not None:
                    waiting.append((position, found))
            if len(waiting) == size or done - told > 4 * size or done == len(wanted):
                yield self._batch(waiting, reader, done)
                waiting, told = [], done
        for position, found in copies:
            if found.digest in reader.notes:
                self._note(position, found, reader.notes[found.digest], writer)

    def name(self, position: int) -> str:
        """Return the path of a sample."""
        path = self._path_Q[position]
        return shown_path(path) if path else ""

    def _notes(self) -> Iterator[Note | None]:
        return (identity and self._store.notes.get(identity) for identity in self._identity_Q)

    def _note(self, position: int, found: FileRead, note: Note, writer: StoreWriter) -> None:
        self._identity_Q[position] = found.identity
        writer.note(found.identity, note)

    def _batch(self, waiting: Sequence[tuple[int, FileRead]], reader: "_Reader", done: int) -> Batch:
        pixel_B = torch.empty(len(waiting), 3, *self._preprocessing.size, dtype=torch.uint8)
        for pixels, (_, found) in zip(pixel_B, waiting, strict=True):
            pixels[:] = torch.from_numpy(found.image_CHW)
        return Batch(
            input_B=normalise(pixel_B.to(self._device), self._preprocessing),
            digest_B=[reader.vector_digest(found.note) for _, found in waiting if found.note],
            position_B=[position for position, _ in waiting],
            n_done=done,
        )


class _Reader:
    """Reads files in several threads, each content once.

    Attributes:
        notes: of the files that were read before and now, by the digest of their bytes.
    """

    def __init__(
        self,
        images: DecodedImages,
        paths: Sequence[Path | None],
        preprocessing: Preprocessing,
        grey_range: GreyRange,
        store: Store,
    ) -> None:
        self._paths, self._channels = paths, images.channels
        self._preprocessing, self._grey_range, self._store = preprocessing, grey_range, store
        self.notes = {note.digest: note for note in store.notes.values()}
        self._begun = set[bytes]()
        self._turn = threading.Lock()

    def vector_digest(self, note: Note) -> bytes:
        """Return the digest under which the vector of a file is stored."""
        return vector_digest(note, self._grey_range, self._channels)

    def read(self, position: int) -> FileRead | str:
        """Return what was found out of a file, or the reason why it cannot be read."""
        path = self._paths[position]
        assert path is not None
        try:
            for _ in range(MOST_READS):
                before = identity_of(path)
                assert before is not None
                found = self._read(path, before)
                if identity_of(path) == before:
                    return found
        except Unreadable as error:
            return str(error)
        return CHANGES

    def _read(self, path: Path, identity: Identity) -> FileRead:
        try:
            digest = file_digest(path)
        except OSError as error:
            raise failure(path, error) from error
        with self._turn:
            note, is_copy = self.notes.get(digest), digest in self._begun
            self._begun.add(digest)
        if is_copy or (note is not None and self._is_there(note)):
            return FileRead(identity=identity, digest=digest, note=note)
        pixels = read_visible(path, self._preprocessing, self._channels, self._grey_range)
        note = self.notes[digest] = Note(digest=digest, is_grey=pixels.is_grey, seen=pixels.seen)
        image_CHW = None if self._is_there(note) else pixels.image_CHW
        return FileRead(identity=identity, digest=digest, note=note, image_CHW=image_CHW)

    def _is_there(self, note: Note) -> bool:
        return self._store.contains(self.vector_digest(note))


def read_visible(path: Path, preprocessing: Preprocessing, channels: int, grey_range: GreyRange) -> Pixels:
    """Return the part of an image file that an encoder sees, in the encoder's size.

    Raises:
        Unreadable: the file cannot be read.
    """
    return read_part(
        path,
        preprocessing.size,
        channels,
        grey_range,
        partial(visible_part, preprocessing=preprocessing),
        Image.Resampling[preprocessing.interpolation.upper()],
    )


def visible_part(height: int, width: int, preprocessing: Preprocessing) -> Box:
    """Return the part of an image that an encoder sees: its left, upper, right and lower end in pixels.

    >>> half = Preprocessing(
    ...     size=(224, 224), crop_share=0.5, keep_shape=True, interpolation="bicubic",
    ...     mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5),
    ... )
    >>> visible_part(448, 896, half)
    (336.0, 112.0, 560.0, 336.0)
    """
    scaled, ends = scaled_size(height, width, preprocessing), list[tuple[float, float]]()
    for side, scaled_side, size in zip((height, width), scaled, preprocessing.size, strict=True):
        first = round((scaled_side - size) / 2)
        ends.append((first * side / scaled_side, (first + size) * side / scaled_side))
    (top, bottom), (left, right) = ends
    return left, top, right, bottom
