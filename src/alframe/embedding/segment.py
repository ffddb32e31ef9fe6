"""A segment of the store: a file of vectors, and an index that names the image of each vector.

Both files only grow, by chunks of at most 256 vectors. A chunk is there once its record is in the index. The
record has the digest of each image and a checksum, so that a chunk that is not finished or damaged is found.

Axes: M the vectors of a segment, D the features, B the vectors of a chunk, R the records.
"""

import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from alframe._files import lock
from alframe.core.errors import TrialError

Array = np.ndarray[Any, Any]

ROWS = 256  # vectors of a chunk at most
# Digests of 16 bytes; numpy compares them as bytes that are filled with zeros, which changes nothing here.
DIGEST = np.dtype("S16")
_LIVE, _DEAD = 0x6B6E6863, 0
_RECORD = np.dtype(
    [
        ("mark", "<u4"),
        ("n", "<u4"),
        ("start", "<u8"),
        ("checksum", "<u4"),  # of the vectors
        ("own", "<u4"),  # of the record, computed with 0 in this place
        ("digest_B", DIGEST, (ROWS,)),
    ]
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Segment:
    """The chunks of a segment that are there.

    Attributes:
        index: its file.
        chunks: (R,) records without their digests: n, start, checksum, and their place in the index.
        digest_M: the image of each vector. row_M: its row in the file. chunk_M: its chunk.
        broken: the places of damaged records in the index.
        n_rows: rows of the file of vectors, used or not.
    """

    index: Path
    chunks: Array
    digest_M: Array
    row_M: Array
    chunk_M: Array
    broken: list[int]
    n_rows: int

    @property
    def vectors(self) -> Path:
        """The file of vectors."""
        return vectors_file(self.index)

    def mapped(self, n_features: int) -> "np.memmap[Any, Any]":
        """Return the file of vectors as a memory map, (rows, D) float16."""
        return np.memmap(self.vectors, np.float16, "r", shape=(self.n_rows, n_features))

    def is_whole(self, chunk: int, n_features: int) -> bool:
        """Return True if the vectors of a chunk have their checksum."""
        record = self.chunks[chunk]
        with suppress(OSError), self.vectors.open("rb") as file:
            file.seek(int(record["start"]) * n_features * 2)
            return zlib.crc32(file.read(int(record["n"]) * n_features * 2)) == record["checksum"]
        return False


def read_segment(index: Path, n_features: int) -> Segment:
    """Return the chunks that a segment has now; another process may be writing it."""
    # The index first: each of its records was written after its vectors.
    records = np.fromfile(index, _RECORD)
    vectors = vectors_file(index)
    n_rows = vectors.stat().st_size // (2 * n_features) if vectors.exists() else 0
    live = records["mark"] == _LIVE
    right = np.array([_own(record) == record["own"] for record in records[live]], dtype=bool)
    inside = records["start"] + records["n"] <= n_rows
    whole = live.copy()
    whole[live] = right & inside[live] & (records["n"][live] <= ROWS)
    chunks = records[whole]
    n_R = chunks["n"].astype(np.int64)
    filled = np.arange(ROWS) < n_R[:, None]
    rows = chunks["start"].astype(np.int64)[:, None] + np.arange(ROWS)
    places = np.flatnonzero(whole)
    return Segment(
        index=index,
        chunks=_without_digests(chunks, places),
        digest_M=chunks["digest_B"][filled],
        row_M=rows[filled],
        chunk_M=np.repeat(np.arange(len(chunks)), n_R),
        broken=np.flatnonzero(live & ~whole).tolist(),
        n_rows=n_rows,
    )


def vectors_file(index: Path) -> Path:
    """Return the file of vectors of an index."""
    return index.with_suffix(".vectors")


class SegmentWriter:
    """Appends chunks to a segment that no other process writes. A context."""

    def __init__(self, folder: Path, n_features: int) -> None:
        """Lock the first segment of a folder that is free, or a new one."""
        self._row_bytes = 2 * n_features
        self._index = _free_index(folder)
        self.path = Path(self._index.name)
        vectors = vectors_file(self.path)
        vectors.touch()
        self._vectors = vectors.open("r+b")
        size = self.path.stat().st_size
        self._index.truncate(size - size % _RECORD.itemsize)
        self._index.seek(0, 2)
        self._n_rows = -(-vectors.stat().st_size // self._row_bytes)

    def __enter__(self) -> "SegmentWriter":
        return self

    def __exit__(self, *error: object) -> None:
        with suppress(OSError):  # what could not be written has raised already
            self._vectors.close()
        with suppress(OSError):
            self._index.close()  # this frees the lock

    def append(self, digest_B: Array, vector_BD: Array) -> None:
        """Write a chunk: the digests of images and their vectors, float16.

        Raises:
            TrialError: it could not be written. The chunks before are kept.
        """
        content = vector_BD.tobytes()
        record = np.zeros((), _RECORD)
        record["mark"], record["n"], record["start"] = _LIVE, len(digest_B), self._n_rows
        record["checksum"] = zlib.crc32(content)
        record["digest_B"][: len(digest_B)] = digest_B
        record["own"] = _own(record)
        try:
            self._vectors.seek(self._n_rows * self._row_bytes)
            self._vectors.write(content)
            self._vectors.flush()
            self._index.write(record.tobytes())
            self._index.flush()
        except OSError as error:
            raise unwritten(self.path.parent, error) from error
        self._n_rows += len(digest_B)


def mark_damaged(index: Path, places: list[int]) -> None:
    """Mark records as damaged, unless another process writes the segment: they are then not read again."""
    with suppress(OSError), index.open("r+b") as file:
        if lock(file):
            for place in places:
                file.seek(place * _RECORD.itemsize)
                file.write(np.uint32(_DEAD).tobytes())


def unwritten(path: Path, error: OSError) -> TrialError:
    """Return the error to raise if the store could not be written."""
    return TrialError(
        f"{path}: the embeddings could not be written ({error.strerror or error}). Make room on the disk, "
        "then run the same command again: what is encoded is kept."
    )


def _own(record: Any) -> int:
    """Return the checksum of a record."""
    copy = record.copy()
    copy["own"] = 0
    return zlib.crc32(copy.tobytes())


def _without_digests(chunks: Array, places: Array) -> Array:
    brief = np.zeros(len(chunks), [("n", "<i8"), ("start", "<i8"), ("checksum", "<u4"), ("place", "<i8")])
    for name in ("n", "start", "checksum"):
        brief[name] = chunks[name]
    brief["place"] = places
    return brief


def _free_index(folder: Path) -> IO[bytes]:
    """Return the index of a free segment, open and locked; of a new one if all are locked."""
    for number in range(1, 100_000):
        file = (folder / f"{number:05}.index").open("a+b")
        if lock(file):
            return file
        file.close()
    raise TrialError(f"{folder}: expected fewer than 100,000 processes that write at once.")
