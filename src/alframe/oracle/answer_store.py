"""The store of answers: which sample was asked, what was answered, and what the answer was before.

One SQLite file in the trial's directory, `answers.sqlite`. Rows of answers are only added: an answer that is
changed gets a second row. `alframe.core.answer_counting` says which row of a sample counts. The CSV files are
views of this store.

The store also fixes the numbers of a trial: `samples` gives each image its index for good, by its identity,
and `classes` each class its number. New images and classes get the next numbers.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import astuple, replace
from datetime import UTC, datetime
from pathlib import Path
from sys import intern
from typing import Any

from alframe.core.answer_counting import PAGE, TAKEN_BACK, counted
from alframe.core.file_names import ANSWER_STORE
from alframe.oracle.answer_records import Answer, NewAnswer, Prediction, Sample, last_to_undo
from alframe.oracle.store_file import StoreFile

BEFORE = -1  # the round of questions from before the store
_COLUMNS = "id, sample, answer, way, who, at, seconds, suggestion, shown, grid"


class AnswerStore(StoreFile):
    """The store of a trial."""

    def __init__(self, directory: Path) -> None:
        """Open the store in a trial's directory, or a new one.

        Raises:
            UserError: the file is no store of answers, or is damaged.
        """
        super().__init__(directory / ANSWER_STORE)
        self._rows: dict[int, list[Answer]] = {}  # by sample, as far as they were read
        self._counted: dict[int, Answer] = {}
        self._last_read = 0

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

    def digest(self, number: int) -> str | None:
        """Return the digest of a sample when people were asked about it last, None if they never were."""
        found = self._db.execute("SELECT digest FROM samples WHERE number = ?", (number,)).fetchone()
        return None if found is None else found[0]

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

    def put_predictions(self, predictions: Mapping[int, Prediction]) -> None:
        """Record what the classifier predicts for samples before they are asked about, instead of before."""
        with self._transaction():
            self._db.executemany(
                "INSERT OR REPLACE INTO predictions VALUES(?, ?, ?, ?)",
                [(sample, *astuple(each)) for sample, each in predictions.items()],
            )

    def predictions(self, samples: Iterable[int] | None = None) -> dict[int, Prediction]:
        """Return the predictions for samples that have one; for all of these by default."""
        query = "SELECT sample, number, confidence, blind FROM predictions"
        if samples is None:
            rows = self._db.execute(query).fetchall()
        else:
            found = (self._db.execute(f"{query} WHERE sample = ?", (each,)).fetchone() for each in samples)
            rows = [row for row in found if row is not None]
        return {
            sample: Prediction(number=number, confidence=confidence, blind=bool(blind))
            for sample, number, confidence, blind in rows
        }

    def answers(self, up_to: int | None = None) -> dict[int, Answer]:
        """Return the answer that counts of each answered sample, now or as it was up to an id."""
        self._read_new()
        if up_to is None or up_to >= self._last_read:
            return dict(self._counted)
        then = {
            sample: [row for row in rows if row.id <= up_to]
            for sample, rows in self._rows.items()
            if rows[0].id <= up_to
        }
        found = ((sample, counted(rows)) for sample, rows in then.items())
        return {sample: row for sample, row in found if row is not None}

    def rows(self) -> Mapping[int, Sequence[Answer]]:
        """Return all answers by sample, each in the order of time; a view that is not to be changed."""
        self._read_new()
        return self._rows

    def rows_of(self, sample: int) -> Sequence[Answer]:
        """Return all answers to a sample, in the order of time."""
        self._read_new()
        return tuple(self._rows.get(sample, ()))

    def history(self) -> list[Answer]:
        """Return all answers ever given, in the order of time."""
        return self.since(0)

    def since(self, id: int) -> list[Answer]:
        """Return the answers that came after the one with an id, in the order of time."""
        return [
            _answer(row)
            for row in self._db.execute(f"SELECT {_COLUMNS} FROM answers WHERE id > ? ORDER BY id", (id,))
        ]

    def of_person(self, who: str) -> Iterator[Answer]:
        """Yield the answers of a person, the newest first."""
        query = f"SELECT {_COLUMNS} FROM answers WHERE who = ? ORDER BY id DESC"
        with closing(self._db.execute(query, (who,))) as rows:
            yield from map(_answer, rows)

    def people(self) -> list[str]:
        """Return the names of the people who have answered on the page, in the order of the alphabet."""
        found = self._db.execute(f"SELECT DISTINCT who FROM answers WHERE way GLOB '{PAGE}*' ORDER BY who")
        return [who for (who,) in found if who]

    def put_answers(self, answers: Mapping[int, int], way: str, who: str = "", at: str | None = None) -> None:
        """Add answers, as `add` does.

        Args:
            answers: class numbers, `CANNOT_TELL` or `NO_CLASS`, by sample.
            way: how they were given. who: the person's name.
            at: when they were given, in UTC, ISO 8601; None for now.
        """
        self.add([NewAnswer(sample=k, answer=each, way=way) for k, each in answers.items()], who=who, at=at)

    def add(
        self, answers: Iterable[NewAnswer], *, who: str, key: str | None = None, at: str | None = None
    ) -> int:
        """Add answers, as one transaction that is on the disk when this returns.

        Args:
            who: the person's name.
            key: of the request; one with the same key adds nothing.
            at: when they were given, in UTC, ISO 8601; None for now.

        Returns:
            how many were added.
        """
        at = at or _now()
        with self._transaction():
            return self._db.executemany(
                "INSERT INTO answers"
                "(sample, answer, way, seconds, suggestion, shown, grid, who, at, key, digest) "
                "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, "
                "(SELECT digest FROM samples WHERE number = ?1)) ON CONFLICT(key, sample) DO NOTHING",
                [(*astuple(each), who, at, key) for each in answers],
            ).rowcount

    def undo(self, who: str, key: str | None = None) -> list[int]:
        """Take back the last answer that a person gave on the page and that stands, a grid as a whole.

        Args:
            key: of the request; one with the same key takes back nothing more.

        Returns:
            the samples; empty if there is no such answer.
        """
        if key is not None:
            done = self._db.execute("SELECT sample FROM answers WHERE key = ? ORDER BY id", (key,)).fetchall()
            if done:
                return [sample for (sample,) in done]
        last = last_to_undo(self.of_person(who))
        back = [
            NewAnswer(sample=each.sample, answer=TAKEN_BACK, way=each.way, grid=each.grid) for each in last
        ]
        self.add(back, who=who, key=key)
        return [each.sample for each in last]

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

    def _read_new(self) -> None:
        """Read the answers that came since the last time, those of other connections too."""
        new = self.since(self._last_read)
        for each in new:
            self._rows.setdefault(each.sample, []).append(each)
            self._last_read = each.id
        for sample in {each.sample for each in new}:
            found = counted(self._rows[sample])
            if found is None:
                self._counted.pop(sample, None)
            else:
                self._counted[sample] = found


def _answer(row: tuple[Any, ...]) -> Answer:
    id, sample, answer, way, who, at, seconds, suggestion, shown, grid = row
    return Answer(
        id=id,
        sample=sample,
        answer=answer,
        way=intern(way),
        who=intern(who),
        at=at,
        seconds=seconds,
        suggestion=suggestion,
        shown=shown,
        grid=grid,
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
