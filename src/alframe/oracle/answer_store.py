"""The store of answers: which sample was asked, what was answered, and what the answer was before.

One SQLite file in the trial's directory, `answers.sqlite`. Rows of answers are only added: an answer that is
changed gets a second row, and the newest row of a sample counts. The CSV files are views of this store.

The store also fixes the numbers of a trial: `samples` gives each image its index for good, by its identity,
and `classes` each class its number. New images and classes get the next numbers.
"""

import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import astuple, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from alframe._files import sync_directory
from alframe.core.errors import TrialError, UserError
from alframe.core.file_names import ANSWER_STORE, ANSWERS
from alframe.oracle.answer_records import Answer, Sample

_FORMAT = "1"
BEFORE = -1  # the round of questions from before the store
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


class AnswerStore:
    """The store of a trial. A new one stays in memory until `keep` writes its file.

    A transaction that has returned is on the disk, also if the process or the machine then stops.
    """

    def __init__(self, directory: Path) -> None:
        """Open the store in a trial's directory, or a new one.

        Raises:
            UserError: the file is no store of answers, or is damaged.
        """
        self._file = directory / ANSWER_STORE
        self._db = self._connected() if self._file.exists() else _new()

    @property
    def is_new(self) -> bool:
        """True if nothing was written to the disk yet."""
        return not self._file.exists()

    def keep(self) -> None:
        """Write a new store to the disk; from then on each change is written at once."""
        if not self.is_new:
            return
        part = self._file.with_name(f".{ANSWER_STORE}.part")
        part.unlink(missing_ok=True)
        with _disk_errors(self._file):
            with closing(sqlite3.connect(part)) as target:
                self._db.backup(target)
            with part.open("rb") as written:
                os.fsync(written.fileno())
            for leftover in ("-wal", "-shm"):  # of a store that was lost: they do not belong to this one
                self._file.with_name(f"{ANSWER_STORE}{leftover}").unlink(missing_ok=True)
            part.rename(self._file)
            sync_directory(self._file.parent)
        self._db.close()
        self._db = self._connected()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- numbers of images and classes

    def samples(self) -> list[Sample]:
        """Return all samples in the order of their numbers, those that are gone included."""
        columns = "number, name, size, mtime_ns, ctime_ns, digest, member, present"
        rows = self._db.execute(f"SELECT {columns} FROM samples ORDER BY number")
        names = columns.split(", ")
        found = (Sample(**dict(zip(names, row, strict=True))) for row in rows)
        return [replace(each, member=bool(each.member), present=bool(each.present)) for each in found]

    def put_samples(self, samples: Iterable[Sample]) -> None:
        """Add samples, or replace those with the same number."""
        with self._transaction():
            rows = [astuple(each) for each in samples]
            self._db.executemany("INSERT OR REPLACE INTO samples VALUES(?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def put_digests(self, digests: Mapping[int, str]) -> None:
        """Record the digest of samples that are shown to people."""
        with self._transaction():
            rows = [(digest, number) for number, digest in digests.items()]
            self._db.executemany("UPDATE samples SET digest = ? WHERE number = ?", rows)

    def classes(self) -> list[str]:
        """Return the names of the classes in the order of their numbers."""
        return [name for (name,) in self._db.execute("SELECT name FROM classes ORDER BY number")]

    def add_classes(self, names: Sequence[str]) -> None:
        """Add classes; they get the next numbers."""
        first = len(self.classes())
        with self._transaction():
            self._db.executemany("INSERT INTO classes VALUES(?, ?)", enumerate(names, first))

    # --- questions and answers

    def question(self, source: str, round: int) -> list[int]:
        """Return the samples that a round asked about for a purpose, in their order; empty if none."""
        found = self._db.execute(
            "SELECT sample FROM questions WHERE source = ? AND round = ? ORDER BY id", (source, round)
        )
        return [sample for (sample,) in found]

    def newest_question(self) -> tuple[str, int] | None:
        """Return purpose and round of the newest question, or None without one."""
        found = self._db.execute("SELECT source, round FROM questions ORDER BY id DESC LIMIT 1").fetchone()
        return None if found is None else (str(found[0]), int(found[1]))

    def asked(self, since: int = BEFORE) -> set[int]:
        """Return all samples that were asked about in a round or later."""
        found = self._db.execute("SELECT DISTINCT sample FROM questions WHERE round >= ?", (since,))
        return {sample for (sample,) in found}

    def put_question(self, source: str, round: int, samples: Sequence[int]) -> None:
        """Record a question before it is shown. The store is written to the disk."""
        at = _now()
        with self._transaction():
            self._db.executemany(
                "INSERT INTO questions(round, source, sample, at) VALUES(?, ?, ?, ?)",
                [(round, source, sample, at) for sample in samples],
            )
        self.keep()

    def answers(self, up_to: int | None = None) -> dict[int, Answer]:
        """Return the answer that counts of each answered sample: the newest, or the newest up to an id."""
        rows = self._db.execute(
            "SELECT id, sample, answer, way, who, at FROM answers WHERE id <= ? ORDER BY id",
            (2**62 if up_to is None else up_to,),
        )
        return {row[1]: _answer(row) for row in rows}

    def history(self) -> list[Answer]:
        """Return all answers ever given, in the order of time."""
        rows = self._db.execute("SELECT id, sample, answer, way, who, at FROM answers ORDER BY id")
        return [_answer(row) for row in rows]

    def put_answers(self, answers: Mapping[int, int], way: str, who: str = "", at: str | None = None) -> None:
        """Add answers, as one transaction that is on the disk when this returns.

        Args:
            answers: class numbers, `CANNOT_TELL` or `NO_CLASS`, by sample.
            way: how they were given. who: the person's name.
            at: when they were given, in UTC, ISO 8601; None for now.
        """
        at = at or _now()
        with self._transaction():
            self._db.executemany(
                "INSERT INTO answers(sample, digest, answer, way, who, at) "
                "VALUES(?1, (SELECT digest FROM samples WHERE number = ?1), ?2, ?3, ?4, ?5)",
                [(sample, answer, way, who, at) for sample, answer in answers.items()],
            )

    # --- what the CSV files show

    def last_id(self) -> int:
        """Return the id of the newest answer, 0 without answers."""
        (last,) = self._db.execute("SELECT coalesce(max(id), 0) FROM answers").fetchone()
        return int(last)

    def meta(self, key: str) -> str | None:
        """Return a remark about the store, or None."""
        found = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if found is None else str(found[0])

    def put_meta(self, key: str, value: str) -> None:
        """Record a remark about the store."""
        with self._transaction():
            self._db.execute("INSERT OR REPLACE INTO meta VALUES(?, ?)", (key, value))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with _disk_errors(self._file), self._db:
            yield

    def _connected(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._file, timeout=30)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            if db.execute("PRAGMA quick_check").fetchone() != ("ok",):
                raise sqlite3.DatabaseError("its check fails")
            (version,) = db.execute("SELECT value FROM meta WHERE key = 'format'").fetchone() or ("none",)
        except sqlite3.DatabaseError as error:
            db.close()
            raise UserError(
                f"{self._file}: expected the store of the trial's answers, but it cannot be read: {error}. "
                f"Copy it again from a backup, or move it away: the answers are then taken from {ANSWERS}."
            ) from error
        if version != _FORMAT:
            db.close()
            raise UserError(
                f"{self._file}: expected a store of format {_FORMAT}, got {version}. Use the version of "
                "alframe that wrote it, or a newer one."
            )
        return db


def _new() -> sqlite3.Connection:
    db = sqlite3.connect(":memory:")
    db.executescript(_TABLES)
    with db:
        db.execute("INSERT INTO meta VALUES('format', ?)", (_FORMAT,))
    return db


def _answer(row: tuple[int, int, int, str, str, str]) -> Answer:
    id, sample, answer, way, who, at = row
    return Answer(id=id, sample=sample, answer=answer, way=way, who=who, at=at)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


@contextmanager
def _disk_errors(file: Path) -> Iterator[None]:
    """Raise `TrialError` for a disk that is full or cannot be written."""
    try:
        yield
    except (sqlite3.OperationalError, OSError) as error:
        raise TrialError(
            f"{file} could not be written: {error}. Earlier answers are kept. Make room or set the "
            "permissions, then run the same command again."
        ) from error
