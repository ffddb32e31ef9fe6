"""Files that are replaced as a whole or not at all."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

from alframe.core.errors import TrialError


def replace_file(path: Path, content: str | bytes | Iterable[str]) -> None:
    """Write a text, its parts or bytes to `path`: a reader sees the old file or the new one, never a part.

    Raises:
        TrialError: the disk is full, read-only or gone; the old file stands.
    """
    try:
        write_whole(path, content, to_disk=True)
    except OSError as error:
        raise TrialError(
            f"{path}: could not be written ({error.strerror or error}). What was written before stands. Mend "
            "that, then run the same command again: the trial goes on from its last finished round."
        ) from error


def write_whole(path: Path, content: str | bytes | Iterable[str], *, to_disk: bool) -> None:
    """Write as `replace_file` does; `to_disk` waits until a machine that fails would keep it.

    Raises:
        OSError: it could not be written; the old file stands.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        _write(part, content, to_disk)
        part.replace(path)
        if to_disk:
            _settle(path.parent)
    finally:
        _take_away(part)


def _write(path: Path, content: str | bytes | Iterable[str], to_disk: bool) -> None:
    with path.open("wb") as file:
        if isinstance(content, bytes):
            file.write(content)
        else:
            for text in [content] if isinstance(content, str) else content:
                file.write(text.encode("utf-8"))
        file.flush()
        if to_disk:
            os.fsync(file.fileno())


def _settle(directory: Path) -> None:
    """Have the new name on the disk too, where the system can be asked for that."""
    if os.name != "posix":
        return
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _take_away(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:  # on a disk that is read-only by now; told above
        return


try:
    import fcntl
except ImportError:  # no POSIX: nobody is kept out
    fcntl = None  # type: ignore[assignment]


def there_are_locks() -> bool:
    """Return whether processes can keep each other out here."""
    return fcntl is not None


def lock(file: IO[Any], *, shared: bool = False) -> bool:
    """Lock a file at once and return whether that came about; False where another process holds it.

    Args:
        file: open. shared: beside others that share it.
    """
    if fcntl is not None:
        try:
            fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def wait_for_lock(file: IO[Any]) -> None:
    """Lock a file as soon as no other process holds it."""
    if fcntl is not None:
        fcntl.flock(file, fcntl.LOCK_EX)
