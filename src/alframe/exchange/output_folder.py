"""A new folder that appears with all its files or not at all."""

import glob
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from alframe.core.errors import TrialError, UserError
from alframe.core.file_names import EXPORT

LEFT_SECONDS = 3600.0  # a part that no export has touched for so long is left from one that was killed


@contextmanager
def new_folder(folder: Path, *, overwrite: bool) -> Iterator[Path]:
    """Yield an empty folder beside `folder`, which takes its name when the block ends without an error.

    Args:
        folder: to make. overwrite: replace it if it is an earlier export.

    Raises:
        UserError: there is something else.
        TrialError: the disk is full or cannot be written; nothing of the export is left.
    """
    folder = Path(os.path.abspath(folder))
    _check(folder, overwrite)
    part: Path | None = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _remove_left_parts(folder)
        part = Path(mkdtemp(prefix=f".{folder.name}.part-", dir=folder.parent))
        part.chmod(0o777 & ~_umask())
        yield part
        _put(part, folder)
    except OSError as error:
        raise TrialError(
            f"{folder}: the export could not be written ({error.strerror or error}). Nothing of it is left. "
            "Make room on the disk, or write --out FOLDER."
        ) from error
    finally:
        if part is not None:
            shutil.rmtree(part, ignore_errors=True)


def check_room(folder: Path, n_bytes: int, hint: str) -> None:
    """Raise `UserError` if a disk has less room than an export needs.

    Args:
        folder: on the disk; it need not exist. hint: what to write instead.
    """
    there = next(each for each in (folder.absolute(), *folder.absolute().parents) if each.exists())
    free = shutil.disk_usage(there).free
    if n_bytes > free:
        raise UserError(
            f"--out: expected room for {_size(n_bytes)} of images at {there}, got {_size(free)}. {hint}"
        )


def write_json(file: Path, content: Mapping[str, Any]) -> None:
    """Write an object as JSON."""
    file.write_text(
        json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8"
    )


def _check(folder: Path, overwrite: bool) -> None:
    if folder == Path.cwd():
        raise UserError("--out: expected a new folder, got the current directory. Give it a name.")
    if not (folder.exists() or folder.is_symlink()):
        return
    if not folder.is_dir() or folder.is_symlink():
        raise UserError(
            f"--out: expected a new folder, got {folder}, which is a file or a link. Choose another name."
        )
    if not any(folder.iterdir()):
        return
    is_export = (folder / EXPORT).is_file()
    if is_export and overwrite:
        return
    way_out = "Add --overwrite to replace it, or choose" if is_export else "Empty it yourself, or choose"
    what = "an earlier export" if is_export else "a folder with other files"
    raise UserError(
        f"--out: expected a new or an empty folder, got {folder}, {what}. {way_out} another folder."
    )


def _remove_left_parts(folder: Path) -> None:
    """Remove what exports to a folder have left that were killed."""
    for part in folder.parent.glob(f".{glob.escape(folder.name)}.part-*"):
        if time.time() - part.stat().st_mtime > LEFT_SECONDS:
            shutil.rmtree(part, ignore_errors=True)


def _size(n_bytes: int) -> str:
    return f"{n_bytes / 1e9:,.2f} GB" if n_bytes >= 1e8 else f"{n_bytes / 1e6:,.2f} MB"


def _put(part: Path, folder: Path) -> None:
    """Give a finished folder its name; an earlier export there is removed afterwards."""
    if not folder.exists() or not any(folder.iterdir()):
        part.replace(folder)
        return
    old = Path(mkdtemp(prefix=f".{folder.name}.old-", dir=folder.parent))
    folder.rename(old / folder.name)
    try:
        part.replace(folder)
    except OSError:
        (old / folder.name).rename(folder)
        raise
    finally:
        with suppress(OSError):
            shutil.rmtree(old)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
