"""The list of the unreadable files of a trial, each tied to the state of its file."""

import json
from collections.abc import Mapping
from pathlib import Path

from alframe._files import write_whole
from alframe.core.file_names import UNREADABLE
from alframe.data.damage import PASSING

Identity = tuple[str, int, int]  # path, bytes, time of the last change in nanoseconds


def n_bytes(path: Path | None) -> int:
    """Return the size of a file, 0 for None and for a file that is no longer there."""
    identity = identity_of(path)
    return 0 if identity is None else identity[1]


def identity_of(path: Path | None) -> Identity | None:
    """Return the path, size and time of a file, which change if its content does."""
    if path is None:
        return None
    try:
        found = path.stat()
    except OSError:  # it is named when it is read
        return str(path), 0, 0
    # The time of the last change of the inode also tells of a file that may be read again.
    return str(path), found.st_size, max(found.st_mtime_ns, found.st_ctime_ns)


def known_unreadable(folder: Path) -> dict[Path, str]:
    """Return the reasons of files that could not be read before and have not changed since."""
    return {
        path: reason
        for identity, reason in read_unreadable(folder).items()
        if identity_of(path := Path(identity[0])) == identity
    }


def read_unreadable(folder: Path) -> dict[Identity, str]:
    """Return the reasons that `remember_unreadable` wrote into a folder."""
    try:
        listed = json.loads((folder / UNREADABLE).read_text())
        return {(path, size, time): reason for path, size, time, reason in listed}
    except (OSError, ValueError, TypeError):
        return {}


def remember_unreadable(folder: Path, reasons: Mapping[Identity, str]) -> None:
    """Add the reasons why files cannot be read to those of a folder; reasons that may pass are not kept."""
    before = read_unreadable(folder)
    lasting = {identity: reason for identity, reason in reasons.items() if reason not in PASSING}
    if not lasting.items() <= before.items():
        listed = [[*identity, reason] for identity, reason in (before | lasting).items()]
        write_whole(folder / UNREADABLE, json.dumps(listed), to_disk=False)
