"""The file of the store of answers: its tables, its format, and how it is opened and written."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Self

from alframe._files import sync_directory
from alframe.core.errors import TrialError, UserError
from alframe.core.file_names import ANSWERS

_FORMAT = "2"
_TABLES = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE classes(number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE samples(
    number INTEGER PRIMARY KEY, name TEXT, size INTEGER, mtime_ns INTEGER, ctime_ns INTEGER,
    digest TEXT, member INTEGER NOT NULL, present INTEGER NOT NULL);
CREATE TABLE questions(
    id INTEGER PRIMARY KEY, round INTEGER NOT NULL, source TEXT NOT NULL, sample INTEGER NOT NULL,
    at TEXT NOT NULL);
CREATE INDEX question_of ON questions(source, round);
CREATE TABLE answers(
    id INTEGER PRIMARY KEY AUTOINCREMENT, sample INTEGER NOT NULL, digest TEXT, answer INTEGER NOT NULL,
    way TEXT NOT NULL, who TEXT NOT NULL, at TEXT NOT NULL);
CREATE INDEX answers_of ON answers(sample);
"""
# What format 2 adds to format 1: how long an answer took and how it came about, the key of the request that
# brought it, which adds nothing if it comes again, and what the classifier predicted before.
_SINCE_2 = (
    "ALTER TABLE answers ADD COLUMN seconds REAL",
    "ALTER TABLE answers ADD COLUMN suggestion INTEGER",
    "ALTER TABLE answers ADD COLUMN shown TEXT",
    "ALTER TABLE answers ADD COLUMN grid TEXT",
    "ALTER TABLE answers ADD COLUMN key TEXT",
    "CREATE UNIQUE INDEX answers_of_request ON answers(key, sample)",
    "CREATE INDEX answers_by ON answers(who, id)",
    "CREATE TABLE predictions("
    "sample INTEGER PRIMARY KEY, number INTEGER NOT NULL, confidence REAL NOT NULL, blind INTEGER NOT NULL)",
)


class StoreFile:
    """A store of answers in its file. A new one stays in memory until `keep` writes the file.

    A transaction that has returned is on the disk, also if the process or the machine then stops.
    """

    def __init__(self, file: Path) -> None:
        """Open the store in a file, or a new one if there is no file.

        Raises:
            UserError: the file is no store of answers, or is damaged.
        """
        self._file = file
        self._db = connect(file) if file.exists() else new_store()
        self._on_disk = _place_of(file)  # None in memory

    @property
    def is_new(self) -> bool:
        """True if nothing was written to the disk yet."""
        return self._on_disk is None

    def keep(self) -> None:
        """Write a new store to the disk; from then on each change is written at once."""
        if not self.is_new:
            return
        part = self._file.with_name(f".{self._file.name}.part")
        part.unlink(missing_ok=True)
        with disk_errors(self._file):
            with closing(sqlite3.connect(part)) as target:
                self._db.backup(target)
            with part.open("rb") as written:
                os.fsync(written.fileno())
            for leftover in ("-wal", "-shm"):  # of a store that was lost: they do not belong to this one
                self._file.with_name(f"{self._file.name}{leftover}").unlink(missing_ok=True)
            part.rename(self._file)
            sync_directory(self._file.parent)
        self._db.close()
        self._db = connect(self._file)
        self._on_disk = _place_of(self._file)

    def check_there(self) -> None:
        """Raise `TrialError` if the open file was removed, moved, or replaced by another one.

        The system would still write into it, where nobody finds the answers again.
        """
        if self._on_disk is not None and _place_of(self._file) != self._on_disk:
            raise TrialError(
                f"{self._file}: expected the store of the trial's answers, but it was moved or removed while "
                "the command ran. Put the directory back, then run the same command again."
            )

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with disk_errors(self._file), self._db:
            yield
        self.check_there()


def connect(file: Path) -> sqlite3.Connection:
    """Return a connection to a store; one of format 1 is brought to the present format.

    Raises:
        UserError: the file is no store of answers, or is damaged.
    """
    db = sqlite3.connect(file, timeout=30)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        if db.execute("PRAGMA quick_check").fetchone() != ("ok",):
            raise sqlite3.DatabaseError("its check fails")
        (version,) = db.execute("SELECT value FROM meta WHERE key = 'format'").fetchone() or ("none",)
    except sqlite3.DatabaseError as error:
        db.close()
        raise UserError(
            f"{file}: expected the store of the trial's answers, but it cannot be read: {error}. "
            f"Copy it again from a backup, or move it away: the answers are then taken from {ANSWERS}."
        ) from error
    if version == "1":
        _migrate(db, file)
    elif version != _FORMAT:
        db.close()
        raise UserError(
            f"{file}: expected a store of format {_FORMAT}, got {version}. Use the version of "
            "alframe that wrote it, or a newer one."
        )
    return db


def _migrate(db: sqlite3.Connection, file: Path) -> None:
    """Bring a store of format 1 to the present one, as a whole or not at all."""
    with disk_errors(file), db:
        db.execute("BEGIN IMMEDIATE")  # another process may have done it in the meantime
        if db.execute("SELECT value FROM meta WHERE key = 'format'").fetchone() == ("1",):
            for statement in _SINCE_2:
                db.execute(statement)
            db.execute("UPDATE meta SET value = ? WHERE key = 'format'", (_FORMAT,))


def new_store() -> sqlite3.Connection:
    """Return a connection to an empty store in memory."""
    db = sqlite3.connect(":memory:")
    db.executescript(_TABLES)
    with db:
        for statement in _SINCE_2:
            db.execute(statement)
        db.execute("INSERT INTO meta VALUES('format', ?)", (_FORMAT,))
    return db


@contextmanager
def disk_errors(file: Path) -> Iterator[None]:
    """Raise `TrialError` for a disk that is full or cannot be written."""
    try:
        yield
    except (sqlite3.OperationalError, OSError) as error:
        raise TrialError(
            f"{file} could not be written: {error}. Earlier answers are kept. Make room or set the "
            "permissions, then run the same command again."
        ) from error


def _place_of(file: Path) -> tuple[int, int] | None:
    """Return what tells a file from all others on this computer, or None if there is none."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
