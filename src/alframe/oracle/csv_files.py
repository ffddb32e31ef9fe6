"""People answer through files: images to look at, and a CSV file to fill in.

In the trial's directory:

- `questions/to_label.csv` (index, file, image, label) and `questions/images/`: the samples that are open;
- `answers.csv` (index, file, label, at): the answers so far. A label that is changed there is an answer that
  is changed.

Both are views of the store of answers. A line that somebody deletes is written again.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path, PurePath

from alframe._files import replace_file
from alframe.core.answer_counting import PAGE_GRID
from alframe.core.errors import UserError
from alframe.core.file_names import ANSWER_STORE, ANSWERS, QUESTIONS, TO_LABEL, shown
from alframe.data import ImageDataset
from alframe.oracle.answer_records import Answer
from alframe.oracle.answer_sheet import Row, read_sheet, write_sheet_lines
from alframe.oracle.answer_store import AnswerStore
from alframe.oracle.class_names import answer_text, expected, match_answer
from alframe.oracle.number_text import whole_number
from alframe.oracle.people import PeopleOracle
from alframe.oracle.question_pictures import draw_pictures, remove_pictures

MAX_PROBLEMS = 20  # problems in one message
_QUESTION_COLUMNS = ("index", "file", "image", "label")
_ANSWER_COLUMNS = ("index", "file", "label", "at")
# In the store: the id of the newest answer in answers.csv, and the hash of that file.
_UPTO, _WRITTEN = "answers.csv upto", "answers.csv sha256"


class FilesOracle(PeopleOracle):
    """Answers with the labels that people wrote into a file, and asks for the missing ones."""

    def __init__(self, directory: Path, dataset: ImageDataset, store: AnswerStore) -> None:
        """Take the trial's directory, its data set and its store of answers."""
        super().__init__(dataset, store)
        self._answers_file, self._questions = directory / ANSWERS, directory / QUESTIONS
        self._sheet = self._questions / TO_LABEL
        self._seen: dict[Path, bytes | None] = {}  # the content of both files when it was read last

    def collect(self) -> None:
        """Take the answers in both files into the store, and write answers.csv anew.

        Raises:
            UserError: some lines cannot be read. The message names them; no answer was taken.
        """
        if self.store.is_new:
            return
        self._seen = {file: _content(file) for file in (self._answers_file, self._sheet)}
        problems: list[str] = []
        now = self.store.answers()
        asked = self.store.asked()
        changed = self._changes_in_answers(now, asked, problems)
        given = self._given_in_sheet(now, asked, problems)
        if problems:
            more = f"; and {len(problems) - MAX_PROBLEMS} more" if len(problems) > MAX_PROBLEMS else ""
            raise UserError(
                f"oracle: some answers cannot be read: {'; '.join(problems[:MAX_PROBLEMS])}{more}. "
                "No answer was taken and no file was changed. Correct this and run the same command again. A "
                "new class is added as a name in data.class_names or as a subfolder."
            )
        self.take(changed, ANSWERS)
        self.take({index: answer for index, answer in given.items() if index not in changed}, TO_LABEL)
        self._write_answers()

    def _changes_in_answers(
        self, now: Mapping[int, Answer], asked: set[int], problems: list[str]
    ) -> dict[int, int]:
        """Return the answers that somebody changed in answers.csv."""
        shown = self.store.answers(up_to=int(self.store.meta(_UPTO) or 0))
        found = self._read(self._answers_file, asked | now.keys(), problems)
        return {
            index: answer
            for index, answer in found.items()
            if (index not in shown or shown[index].answer != answer)
            and (index not in now or now[index].answer != answer)
        }

    def _given_in_sheet(
        self, now: Mapping[int, Answer], asked: set[int], problems: list[str]
    ) -> dict[int, int]:
        """Return the answers in the sheet that are new or changed.

        An answer that was given before and changed since then is an old copy of the sheet, and no change.
        """
        earlier: dict[int, set[int]] = {}
        for each in self.store.history():
            if each.way != PAGE_GRID:  # an audit asks about these again
                earlier.setdefault(each.sample, set()).add(each.answer)
        if not self._sheet.exists() and self.waiting() is None:
            return {}  # a workbook beside it is of an earlier question
        found = self._read(self._sheet, asked, problems)
        return {index: answer for index, answer in found.items() if answer not in earlier.get(index, ())}

    def _read(self, file: Path, allowed: set[int], problems: list[str]) -> dict[int, int]:
        """Return the answers in a file by sample; add what cannot be read to `problems`."""
        sheet = read_sheet(file, self.dataset.class_names)
        problems += sheet.problems
        found: dict[int, int] = {}
        written = self._written_names(file)
        for row in sheet.rows:
            if not row.label.strip():
                continue
            where = f"{file.name} line {row.line}"
            index = self._index_of(row, allowed, written)
            answer = match_answer(row.label, self.dataset.class_names)
            if isinstance(index, str):
                problems.append(f"{where}: {index}")
            elif answer is None:
                problems.append(
                    f"{where}: expected one of {expected(self.dataset.class_names)}, got {row.label!r}"
                )
            elif found.setdefault(index, answer) != answer:
                problems.append(f"{where}: index {index} has two labels in this file")
        return found

    def _index_of(self, row: Row, allowed: set[int], written: Mapping[str, str]) -> int | str:
        """Return the sample of a line, or what is wrong with the line.

        Its file is compared with the names when the sheet was written: it may have been renamed since.
        """
        index = whole_number(row.index)
        if index is None:
            return f"expected an index, got {row.index!r}"
        if index not in allowed:
            return f"index {index} was not asked"
        picture = PurePath(row.image).stem
        if picture.isdecimal() and int(picture) != index:
            return f"index {index} stands beside {row.image}. Undo the change, such as a sorted column"
        files = self.dataset.files_N
        if files is not None and row.file:
            names = [written.get(str(index), files[index]), files[index]]
            if not any(_is_name(row.file, name) for name in names):
                return f"index {index} is {names[0]}, but the line names {row.file}. Undo the change"
        return index

    def _written_names(self, sheet: Path) -> dict[str, str]:
        """Return the file of each index as a sheet names it."""
        names: dict[str, str] = json.loads(self.store.meta(f"{sheet.name} files") or "{}")
        return names

    def _put_written_names(self, sheet: Path, numbers: Iterable[int]) -> None:
        files = self.dataset.files_N
        if files is not None:
            names = {number: files[number] for number in numbers}
            self.store.put_meta(f"{sheet.name} files", json.dumps(names))

    def show(self, missing: Sequence[int]) -> str | None:
        """Write the sheet and the pictures of samples that are open, and return how to answer.

        Returns None, and leaves the sheet as it is, if somebody has saved it since it was read.
        """
        names = draw_pictures(self._questions / "images", self.dataset, self.store, missing)
        if self._is_newer(self._sheet):
            return None
        files = self.dataset.files_N
        rows = [
            (str(index), files[index] if files else "", f"images/{names[index]}", "") for index in missing
        ]
        self._put_written_names(self._sheet, missing)
        replace_file(self._sheet, write_sheet_lines(rows, self.dataset.class_names, _QUESTION_COLUMNS))
        return (
            f"Fill in the column label of {shown(self._sheet)} (the images are beside it; answers: "
            f"{expected(self.dataset.class_names)}), then run the same command again."
        )

    def finished(self) -> None:
        """Remove the questions, once everything that was asked is answered; files of other names stay."""
        if self._is_newer(self._sheet):
            self.collect()
        self._sheet.unlink(missing_ok=True)
        remove_pictures(self._questions / "images")
        with suppress(OSError):  # they hold files that people have put there, or are gone
            (self._questions / "images").rmdir()
            self._questions.rmdir()

    def _is_newer(self, file: Path) -> bool:
        """Return True if the content of a file has changed since it was read."""
        return _content(file) != self._seen.get(file)

    def _write_answers(self) -> None:
        """Write answers.csv if it differs from the store; not if somebody has saved it since it was read."""
        now, files = self.store.answers(), self.dataset.files_N
        if not now or self._is_newer(self._answers_file):
            return
        rows = [
            (
                str(index),
                files[index] if files else "",
                answer_text(answer.answer, self.dataset.class_names),
                answer.at,
            )
            for index, answer in sorted(now.items(), key=lambda item: item[1].id)
        ]
        content = "".join(write_sheet_lines(rows, self.dataset.class_names, _ANSWER_COLUMNS))
        if self._seen.get(self._answers_file) != content.encode():
            self._put_written_names(self._answers_file, now)
            replace_file(self._answers_file, content)
            self.store.put_meta(_WRITTEN, hashlib.sha256(content.encode()).hexdigest())
            self._seen[self._answers_file] = content.encode()
        last = str(self.store.last_id())
        if self.store.meta(_UPTO) != last:
            self.store.put_meta(_UPTO, last)


def was_edited(directory: Path) -> bool:
    """Return True if answers.csv of a trial's directory is not as the trial has written it."""
    content = _content(directory / ANSWERS)
    if content is None or not (directory / ANSWER_STORE).exists():
        return False
    with AnswerStore(directory) as store:
        return store.meta(_WRITTEN) not in (None, hashlib.sha256(content).hexdigest())


def _is_name(text: str, name: str) -> bool:
    """Return True if a cell can be the name of a file: old encodings and other systems change some signs.

    >>> _is_name("a\\\\k?se.png", "a/käse.png"), _is_name("img05.png", "pic06.png")
    (True, False)
    """
    plain = [
        "".join(sign for sign in each.replace("\\", "/") if sign.isascii() and sign not in '? "')
        for each in (text, name)
    ]
    return plain[0] == plain[1]


def _content(file: Path) -> bytes | None:
    """Return the content of a file, None if it cannot be read."""
    try:
        return file.read_bytes() if file.is_file() else None
    except OSError:
        return None
