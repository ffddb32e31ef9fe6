"""Files that are replaced as a whole or not at all, and locks between processes."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any

from alframe.core.errors import TrialError

Content = str | bytes | Iterable[str] | Callable[[IO[bytes]], None]


def replace_file(path: Path, content: Content) -> None:
    """Write a text, the parts of a text, or bytes. A reader sees the old file or the new one, never a part.

    Args:
        path: of the file. content: what to write, or a function that writes it into an open file.

    Raises:
        TrialError: the disk is full, read-only or missing; the old file is unchanged.
    """
    try:
        write_whole(path, content, to_disk=True)
    except OSError as error:
        raise TrialError(
            f"{path}: could not be written ({error.strerror or error}). Earlier files are unchanged. Make "
            "the disk writable, then run the same command: the trial continues from its last finished round."
        ) from error


def write_whole(path: Path, content: Content, *, to_disk: bool) -> None:
    """Write as `replace_file` does. `to_disk` waits until the content would survive a power failure.

    Raises:
        OSError: it could not be written; the old file is unchanged.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        _write(part, content, to_disk)
        part.replace(path)
        if to_disk:
            sync_directory(path.parent)
    finally:
        _delete(part)


def _write(path: Path, content: Content, to_disk: bool) -> None:
    with path.open("wb") as file:
        if isinstance(content, bytes):
            file.write(content)
        elif callable(content):
            content(file)
        else:
            for text in [content] if isinstance(content, str) else content:
                file.write(text.encode("utf-8"))
        file.flush()
        if to_disk:
            os.fsync(file.fileno())


def sync_directory(directory: Path) -> None:
    """Wait until a new name in a directory is on the disk, if the system offers that."""
    if os.name != "posix":
        return
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _delete(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:  # the disk has become read-only; the write above has raised
        return


try:
    import fcntl
except ImportError:  # not a POSIX system: there are no locks
    fcntl = None  # type: ignore[assignment]


def has_locks() -> bool:
    """Return True if this system has locks between processes."""
    return fcntl is not None


def lock(file: IO[Any], *, shared: bool = False) -> bool:
    """Lock a file without waiting. Return False if another process holds the lock.

    Args:
        file: an open file. shared: True for a lock that several processes can hold at once.
    """
    if fcntl is not None:
        try:
            fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def wait_for_lock(file: IO[Any], *, shared: bool = False) -> None:
    """Wait until no other process holds the lock of a file, then lock it; `shared` as in `lock`."""
    if fcntl is not None:
        fcntl.flock(file, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
