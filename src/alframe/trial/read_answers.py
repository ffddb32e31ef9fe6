"""The store of answers of a trial, read while another process may write it. Imports no torch."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from alframe.core.answer_counting import counted
from alframe.core.file_names import ANSWER_STORE
from alframe.trial.read_finished import Damaged


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredAnswer:
    """The answer to a sample that counts, with the fields of `alframe.oracle.answer_records.Answer`."""

    answer: int
    way: str
    who: str
    at: str


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredSample:
    """A sample, with the fields of `alframe.oracle.answer_records.Sample`."""

    name: str | None
    size: int | None
    mtime_ns: int | None
    digest: str | None
    member: bool
    present: bool


@dataclass(frozen=True, kw_only=True)
class StoredAnswers:
    """The content of a store.

    Attributes:
        class_names: by number. samples, answers: by index. rows: all answers by index, in the order of time.
        questions: purpose and round of the newest question about a sample, by index.
    """

    class_names: tuple[str, ...]
    samples: Mapping[int, StoredSample]
    answers: Mapping[int, StoredAnswer]
    rows: Mapping[int, Sequence[StoredAnswer]]
    questions: Mapping[int, tuple[str, int]]


@contextmanager
def read_only(file: Path) -> Iterator[sqlite3.Connection]:
    """Yield a connection to a store that changes nothing, not even in the directory.

    Raises:
        sqlite3.Error: the file cannot be read.
    """
    # Without a journal the file is whole, and SQLite then makes no files beside it.
    journal = file.with_name(f"{file.name}-wal").exists()
    address = f"{file.absolute().as_uri()}?{'mode=ro' if journal else 'immutable=1'}"
    with closing(sqlite3.connect(address, uri=True)) as db:
        yield db


def read_answers(directory: Path) -> StoredAnswers | None:
    """Return the content of the store in a trial's directory, or None without one.

    Raises:
        Damaged: it cannot be read.
    """
    file = directory / ANSWER_STORE
    if not file.exists():
        return None
    try:
        with read_only(file) as db:
            return _content(db)
    except sqlite3.Error as error:
        raise Damaged(f"{ANSWER_STORE}: {error}") from None


def _content(db: sqlite3.Connection) -> StoredAnswers:
    db.execute("BEGIN")  # all of it as of one moment
    samples = db.execute("SELECT number, name, size, mtime_ns, digest, member, present FROM samples")
    answers = db.execute("SELECT sample, answer, way, who, at FROM answers ORDER BY id")
    questions = db.execute("SELECT sample, source, round FROM questions ORDER BY id")
    given: dict[int, list[StoredAnswer]] = {}
    for sample, answer, way, who, at in answers:
        given.setdefault(sample, []).append(StoredAnswer(answer=answer, way=way, who=who, at=at))
    classes = db.execute("SELECT name FROM classes ORDER BY number")
    return StoredAnswers(
        class_names=tuple(name for (name,) in classes),
        samples={
            number: StoredSample(
                name=name,
                size=size,
                mtime_ns=mtime_ns,
                digest=digest,
                member=bool(member),
                present=bool(present),
            )
            for number, name, size, mtime_ns, digest, member, present in samples
        },
        answers={sample: found for sample, rows in given.items() if (found := counted(rows)) is not None},
        rows=given,
        questions={sample: (source, round) for sample, source, round in questions},
    )
