"""What is known of image files that were read before, so that they are not read at each start.

Each writer of the store has a list of its own, to which it appends a line for a file.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from alframe.data.grey_range import GreyRange
from alframe.data.identity import DIGEST_BYTES
from alframe.data.unreadable_files import Identity


@dataclass(frozen=True, kw_only=True)
class Note:
    """A file that was read.

    Attributes:
        digest: of its bytes. is_grey: it has no colour.
        seen: the range of its values, if they have more than 8 bits.
    """

    digest: bytes
    is_grey: bool
    seen: GreyRange


def read_notes(file: Path) -> dict[Identity, Note]:
    """Return the notes of a list, by path, size and time of each file; a line that is damaged is left out."""
    notes = {}
    for line in file.read_bytes().splitlines():
        try:
            path, size, changed, digest, is_grey, whole, real = json.loads(line)
            seen = GreyRange(whole=whole and tuple(whole), real=real and tuple(real))
            notes[path, size, changed] = Note(digest=bytes.fromhex(digest), is_grey=is_grey, seen=seen)
        except (ValueError, TypeError):
            continue
    return notes


def write_note(file: IO[bytes], identity: Identity, note: Note) -> None:
    """Append a note to a list."""
    content = [*identity, note.digest.hex(), note.is_grey, note.seen.whole, note.seen.real]
    file.write(f"{json.dumps(content)}\n".encode())


def vector_digest(note: Note, grey_range: GreyRange, channels: int) -> bytes:
    """Return the digest under which the vector of an image file is stored.

    It is that of the file's bytes, and of how they are read if that is not the same in each data set.

    Args:
        note: of the file. grey_range: by which files with more than 8 bits are scaled.
        channels: 1 if the data set is read without colour.
    """
    if note.seen == GreyRange() and (channels == 3 or note.is_grey):
        return note.digest
    ends = zip(grey_range.joined(note.seen).key(), (note.seen.whole, note.seen.real), strict=True)
    how = [end for end, seen in ends if seen is not None] + ["grey"] * (channels == 1 and not note.is_grey)
    return hashlib.blake2b(note.digest + json.dumps(how).encode(), digest_size=DIGEST_BYTES).digest()
