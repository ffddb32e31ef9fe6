"""Adding vectors to a store: one process at a time, or several that encode a shard of the images each."""

import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

import numpy as np

from alframe._files import lock, wait_for_lock
from alframe.core.errors import ConfigError, TrialNotice
from alframe.data.unreadable_files import Identity
from alframe.embedding.file_notes import Note, write_note
from alframe.embedding.segment import DIGEST, ROWS, Array, SegmentWriter, mark_damaged, unwritten
from alframe.embedding.store import FORMAT, Store

MOST_SECONDS = 10.0  # vectors wait at most this long before they are written

Shard = tuple[int, int]
"""(number from 0, how many): the part of the images that one of several processes encodes."""


@contextmanager
def writing(store: Store, shard: Shard | None) -> Iterator["StoreWriter"]:
    """Yield what adds vectors to a store. What was added is in the store at the end, also after an error.

    Without a shard, no other process writes in the block; shards write beside each other. If the block has to
    wait for another process, a notice says so.

    Raises:
        ConfigError: the store cannot be written. TrialError: the disk is full or has failed.
    """
    with ExitStack() as closing:
        try:
            _tell_other_formats(store.folder)
            store.folder.mkdir(parents=True, exist_ok=True)
            _lock(closing, store.folder / "writers.lock", shared=shard is not None)
            if shard is not None:
                _lock(closing, store.folder / f"shard-{shard[0]}-of-{shard[1]}.lock", shared=False)
            _mark(store)
            segment = closing.enter_context(SegmentWriter(store.folder, store.n_features))
            files = closing.enter_context(segment.path.with_suffix(".files").open("ab", buffering=0))
            files.write(b"\n")  # closes a line that a killed process has left unfinished
        except OSError as error:
            got = f"{store.folder} ({error.strerror or error})"
            raise ConfigError("embeddings_dir", "a folder that can be written", got) from error
        writer = StoreWriter(store, segment, files)
        try:
            yield writer
        finally:
            writer.flush()


class StoreWriter:
    """Adds vectors and notes to a store; `writing` makes it."""

    def __init__(self, store: Store, segment: SegmentWriter, files: IO[bytes]) -> None:
        self._store, self._segment, self._files = store, segment, files
        self._waiting: list[tuple[bytes, Array]] = []
        self._begun = time.monotonic()

    def add(self, digest: bytes, vector: Array) -> None:
        """Add the vector of an image, (D,) float16. It is written with a chunk, within seconds."""
        if not self._waiting:
            self._begun = time.monotonic()
        self._waiting.append((digest, vector))
        if len(self._waiting) == ROWS or time.monotonic() - self._begun > MOST_SECONDS:
            self.flush()

    def note(self, identity: Identity, note: Note) -> None:
        """Add what was found out of an image file."""
        self._store.notes[identity] = note
        try:
            write_note(self._files, identity, note)
        except OSError as error:
            raise unwritten(self._store.folder, error) from error

    def flush(self) -> None:
        """Write what was added.

        Raises:
            TrialError: the disk is full or has failed.
        """
        waiting, self._waiting = self._waiting, []
        if waiting:
            digests, vectors = zip(*waiting, strict=True)
            self._segment.append(np.array(digests, DIGEST), np.stack(vectors))


def _lock(closing: ExitStack, path: Path, *, shared: bool) -> None:
    file = closing.enter_context(path.open("a"))
    if not lock(file, shared=shared):
        warnings.warn(
            f"{path.parent}: another process adds embeddings; waiting until it has ended.",
            TrialNotice,
            stacklevel=4,
        )
        wait_for_lock(file, shared=shared)


def _mark(store: Store) -> None:
    """Mark damaged chunks, and read what other processes have added before this one could write."""
    for index, place in store.damaged:
        mark_damaged(index, [place])
    store.damaged.clear()
    store.refresh()
    for index, place in store.broken:
        mark_damaged(index, [place])


def _tell_other_formats(folder: Path) -> None:
    """Say once that there are vectors of another version of alframe, which are left alone."""
    others = [other.name for other in folder.parent.glob("format-*") if other.name != folder.name]
    if others and not folder.exists():
        warnings.warn(
            f"{folder.parent}: another version of alframe has written {', '.join(sorted(others))}. "
            f"That is left alone, and the images are encoded again into format-{FORMAT}.",
            TrialNotice,
            stacklevel=4,
        )
