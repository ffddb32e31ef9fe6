"""Which errors mean that an image file is damaged, and which pass or are a fault of the machine.

Only a damaged file is remembered as unreadable: a short failure of a disk or of a network drive must not
remove images for good.
"""

import errno
import struct
from pathlib import Path

from PIL import UnidentifiedImageError

from alframe._text import one_line
from alframe.core.errors import TrialError
from alframe.data.path_text import shown_path

# Pillow's decoders raise these for damaged files.
DAMAGE = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    RuntimeError,
    MemoryError,
    struct.error,
)
# Codes of a read at a place that a damaged file names.
_OF_DECODERS = (errno.EINVAL, errno.EOVERFLOW)
# Codes that are about one path: the file is left out until the next start.
_OF_A_PATH = {
    errno.ENOENT: "no longer there",
    errno.ENOTDIR: "no longer there",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.EISDIR: "is a directory",
    errno.ELOOP: "a link that leads to itself",
    errno.ENAMETOOLONG: "the name is too long",
}
CHANGES = "it changes while it is read"
PASSING = frozenset([*_OF_A_PATH.values(), CHANGES])  # reasons that are not remembered


class Unreadable(Exception):
    """A file holds no image that can be read; the text is the reason."""


def is_damage(error: Exception) -> bool:
    """Return True if an error of `DAMAGE` tells of the content of a file, not of its path or the machine."""
    code = error.errno if isinstance(error, OSError) else None
    return not isinstance(error, MemoryError) and (code is None or code in _OF_DECODERS)


def failure(file: Path, error: Exception, *, decoded: bool = False) -> Unreadable | TrialError:
    """Return what an error means that the reading of a file has raised.

    Args:
        error: one of `DAMAGE`. decoded: the pixels were read. Some decoders do not tell a failure of the disk
            from a damaged file, so a file that seems damaged is then read as a whole.

    Returns:
        `Unreadable` if the file is damaged, gone or closed to the user. `TrialError` if the disk, the network
        drive or the memory has failed: the image may be right.
    """
    if is_damage(error):
        other = _read_through(file) if decoded else None
        known = not isinstance(error, UnidentifiedImageError)
        reason = one_line(error) if known else "no image of a known format"
        return Unreadable(reason) if other is None else failure(file, other)
    if isinstance(error, OSError) and error.errno in _OF_A_PATH:
        return Unreadable(_OF_A_PATH[error.errno])
    reason = (error.strerror or str(error)).lower() if isinstance(error, OSError) else "not enough memory"
    return TrialError(
        f"{shown_path(file)} could not be read ({reason}). The image may be right: it is not left out. Run "
        "the same command again. If the error comes again, check the disk, or move this file away."
    )


def _read_through(file: Path) -> OSError | None:
    """Return the error that the disk raises for a file, or None if all bytes can be read."""
    try:
        with file.open("rb") as raw:
            while raw.read(2**20):
                pass
    except OSError as error:
        return error
    return None
