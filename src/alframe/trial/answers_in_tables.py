"""Answers in a table or in tasks of Label Studio, as `alframe-export` or other programs write them."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from alframe._text import nfc
from alframe.core.answer_codes import CANNOT_TELL_TEXT, NO_CLASS_TEXT
from alframe.core.errors import UserError
from alframe.data import ImageDataset
from alframe.data.path_text import shown_path, utf8_name
from alframe.data.table import LABEL_NAMES, column_named
from alframe.data.table_rows import FILE_NAMES, Rows, read_rows
from alframe.oracle.class_names import expected, match_answer

# What the column `kind` of an export says; None is a row without an answer. Without that column, each row
# with a label is an answer.
_KINDS: Mapping[str, str | None] = {
    "auto": None,
    "none": None,
    "cannot_tell": CANNOT_TELL_TEXT,
    "no_class": NO_CLASS_TEXT,
}


@dataclass(frozen=True, kw_only=True)
class GivenAnswer:
    """An answer as it was given elsewhere; `who` is empty and `at` None if they are unknown."""

    answer: int
    who: str = ""
    at: str | None = None


def answers_in_table(dataset: ImageDataset, file: Path) -> tuple[dict[int, GivenAnswer], list[str]]:
    """Return the answers by index, and the images that are not in the data.

    An image is found by its path, or by its name in the column `name`; a row of an array by the column
    `index`.

    Raises:
        UserError: the file is no table with labels, or names a class that is not known here.
    """
    rows = read_rows(file, "oracle.answers_from")
    label = column_named(rows, "label", None, LABEL_NAMES)
    if label is None:
        raise UserError(
            f"oracle.answers_from: expected a column of labels in {shown_path(file)}, such as label, got "
            f"{', '.join(rows.names) or 'none'}. Give it that name."
        )
    finder = RowFinder(dataset, rows, file.parent)
    found, gone = dict[int, GivenAnswer](), list[str]()
    for number, (place, given) in enumerate(zip(rows.places, rows.columns[label], strict=True)):
        text = _answer_text(given, _cell(rows, "kind", number))
        if text is None:
            continue
        answer, index = match_answer(text, dataset.class_names), finder.index(number)
        if answer is None or (isinstance(given, int) and answer != given):  # a number or a name: unclear
            raise UserError(
                f"oracle.answers_from: expected one of {expected(dataset.class_names)} in "
                f"{shown_path(file)}, got {text!r} in {place}. Add it as a name in data.class_names or as a "
                "subfolder."
            )
        if index is None:
            gone.append(finder.shown(number) or place)
        else:
            who, at = str(_cell(rows, "by", number) or ""), _time(_cell(rows, "at", number))
            found[index] = GivenAnswer(answer=answer, who=who, at=at)
    return found, gone


class RowFinder:
    """Finds the sample of a row."""

    def __init__(self, dataset: ImageDataset, rows: Rows, folder: Path) -> None:
        self._rows, self._folder = rows, folder
        self._image = next((name for name in rows.names if name.lower() in FILE_NAMES), None)
        self._n = len(dataset)
        self._is_array = dataset.files_N is None
        self._by_path = {os.path.realpath(path): n for n, path in enumerate(dataset.paths_N or ())}
        self._by_name = {nfc(name): n for n, name in enumerate(dataset.files_N or ())}

    def index(self, number: int) -> int | None:
        """Return the index of a row's sample, or None if it is not in the data."""
        if self._is_array:
            index = _cell(self._rows, "index", number)
            whole = str(index).isdecimal() and int(index) < self._n
            return int(index) if whole else None
        path = self._path(number)
        at = self._by_path.get(os.path.realpath(self._folder / path)) if path else None
        if at is not None:
            return at
        name = _cell(self._rows, "name", number) or utf8_name(path)
        return self._by_name.get(nfc(str(name)))

    def shown(self, number: int) -> str:
        """Return the name of a row's image for people."""
        return shown_path(self._path(number) or str(_cell(self._rows, "name", number) or ""))

    def _path(self, number: int) -> str:
        return str(self._rows.columns[self._image][number] or "") if self._image else ""


def _answer_text(label: Any, kind: Any) -> str | None:
    """Return the answer of a row as people type it, or None without one."""
    if kind in _KINDS:
        return _KINDS[kind]
    return None if label is None or str(label).strip() == "" or label != label else str(label)


def _cell(rows: Rows, column: str, number: int) -> Any:
    return rows.columns[column][number] if column in rows.columns else None


def _time(given: Any) -> str | None:
    """Return a time as the store has it, or None if it is no time."""
    if isinstance(given, datetime):
        time = given
    else:
        try:
            time = datetime.fromisoformat(str(given))
        except ValueError:
            return None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC).isoformat(timespec="seconds")
