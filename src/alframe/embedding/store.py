"""The store of one encoder: the vector of each image that it has encoded, found by the image's content.

It only grows, so any number of processes may read it while others add vectors. All of its segments, also
those that several processes or machines have written, are read as one.

Axes: M the vectors of the store, Q images that are looked up, N the samples, D the features.
"""

import re
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from alframe._text import counted
from alframe.core.errors import DataWarning
from alframe.data.unreadable_files import Identity
from alframe.embedding.encoder import Encoder
from alframe.embedding.file_notes import Note, read_notes
from alframe.embedding.segment import DIGEST, Array, Segment, read_segment
from alframe.embedding.vectors import Vectors

# Of the files, and of what is done to an image besides the encoder's own preprocessing. Versions of alframe
# with different numbers leave each other's files alone.
FORMAT = 1
CHECKERS = 4  # threads that compare checksums


def store_folder(embeddings_dir: Path, encoder: Encoder) -> Path:
    """Return the folder of an encoder's store."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", encoder.name).strip(".-")
    return embeddings_dir / f"{name}-{encoder.identity}"


class Store:
    """The vectors of an encoder.

    Attributes:
        folder: of the files of this format.
        notes: what is known of image files.
        damaged: index of a segment and place in it of each chunk that was found to be damaged.
    """

    def __init__(self, folder: Path, n_features: int) -> None:
        """Read what is there.

        Args:
            folder: of the encoder. n_features: D.
        """
        self.folder, self.n_features = folder / f"format-{FORMAT}", n_features
        self.damaged = set[tuple[Path, int]]()
        self.refresh()

    def refresh(self) -> None:
        """Read again what is there; this or another process may have added vectors."""
        self._segments = [read_segment(file, self.n_features) for file in self._files("*.index")]
        self.notes: dict[Identity, Note] = {}
        for file in self._files("*.files"):
            self.notes |= read_notes(file)
        rows, chunks = _starts(self._segments)
        numbered = list(enumerate(self._segments))
        digest_M = _joined([segment.digest_M for segment in self._segments], DIGEST)
        # Of vectors of the same image, the first one is taken: more vectors change nothing for a trial.
        order = np.argsort(digest_M, kind="stable")
        self._digest_M = digest_M[order]
        self._row_M = _joined([s.row_M + rows[k] for k, s in numbered], np.int64)[order]
        self._chunk_M = _joined([s.chunk_M + chunks[k] for k, s in numbered], np.int64)[order]
        self._chunk_starts = chunks
        self._whole = np.zeros(chunks[-1], bool)  # chunks whose checksum was compared

    @property
    def n_vectors(self) -> int:
        """Number of vectors, also those of equal images."""
        return len(self._digest_M)

    @property
    def broken(self) -> list[tuple[Path, int]]:
        """Index and place of each record that is damaged or, if another process writes, not finished."""
        return [(segment.index, place) for segment in self._segments for place in segment.broken]

    def contains(self, digest: bytes) -> bool:
        """Return True if there is a vector of an image, which may be damaged."""
        return bool(self._look_up(np.array([digest], DIGEST))[0] >= 0)

    def find(self, digest_Q: Array) -> Tensor:
        """Return row_Q, int64: the row of each image's vector, -1 if there is none that is whole."""
        while True:
            at_Q = self._look_up(digest_Q)
            found = at_Q >= 0
            chunks = np.unique(self._chunk_M[at_Q[found]])
            if not self._drop_damaged(chunks[~self._whole[chunks]]):
                row_Q = np.full(len(digest_Q), -1)
                row_Q[found] = self._row_M[at_Q[found]]
                return torch.from_numpy(row_Q)

    def vectors(self, row_N: Tensor) -> Vectors:
        """Return the vectors of rows from `find`; those of row -1 are zeros."""
        parts: list[Array] = [segment.mapped(self.n_features) for segment in self._segments if segment.n_rows]
        return Vectors(parts or [np.empty((0, self.n_features), np.float16)], row_N)

    def _files(self, pattern: str) -> list[Path]:
        return sorted(self.folder.glob(pattern))

    def _look_up(self, digest_Q: Array) -> Array:
        """Return the place of each digest in the table, -1 if it is not there."""
        if len(self._digest_M) == 0:
            return np.full(len(digest_Q), -1)
        at_Q = np.searchsorted(self._digest_M, digest_Q).clip(max=len(self._digest_M) - 1)
        return np.where(self._digest_M[at_Q] == digest_Q, at_Q, -1)

    def _drop_damaged(self, chunks: Array) -> bool:
        """Compare the checksums of chunks and drop the damaged ones; return True if there are any."""
        with ThreadPoolExecutor(CHECKERS, thread_name_prefix="alframe-checksum") as threads:
            whole = np.fromiter(threads.map(self._is_whole, chunks.tolist()), bool, len(chunks))
        self._whole[chunks[whole]] = True
        if whole.all():
            return False
        kept = ~np.isin(self._chunk_M, chunks[~whole])
        warnings.warn(
            f"{self.folder}: {counted(int((~kept).sum()), 'damaged vector')}; the images are encoded again.",
            DataWarning,
            stacklevel=4,
        )
        for chunk in chunks[~whole].tolist():
            segment, within = self._segment_of(chunk)
            self.damaged.add((segment.index, int(segment.chunks["place"][within])))
        self._digest_M, self._row_M, self._chunk_M = (
            values[kept] for values in (self._digest_M, self._row_M, self._chunk_M)
        )
        return True

    def _is_whole(self, chunk: int) -> bool:
        segment, within = self._segment_of(chunk)
        return segment.is_whole(within, self.n_features)

    def _segment_of(self, chunk: int) -> tuple[Segment, int]:
        number = int(np.searchsorted(self._chunk_starts, chunk, side="right")) - 1
        return self._segments[number], chunk - int(self._chunk_starts[number])


def _starts(segments: Sequence[Segment]) -> tuple[Array, Array]:
    """Return the number of the first row and of the first chunk of each segment, and of the end."""
    rows, chunks = [segment.n_rows for segment in segments], [len(segment.chunks) for segment in segments]
    return np.cumsum([0, *rows]), np.cumsum([0, *chunks])


def _joined(arrays: Sequence[Array], dtype: "np.dtype[np.bytes_] | type") -> Array:
    return np.concatenate([np.empty(0, dtype), *arrays])
