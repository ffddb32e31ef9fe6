"""Locks on open files, held until the file is closed or its process ends; none where there is no POSIX."""

from typing import IO, Any

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
