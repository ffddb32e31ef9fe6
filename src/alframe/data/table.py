"""Image files and labels listed in a table."""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from alframe._text import counted
from alframe.core.errors import DataError
from alframe.data.dataset import ImageDataset, numbered
from alframe.data.image_files import FileList, Reading, dataset_of_files
from alframe.data.labelled_pairs import LABEL_COLUMNS, NONE, without_labels
from alframe.data.path_text import shown_path, utf8_name
from alframe.data.places import find
from alframe.data.splits import TEST, TRAIN
from alframe.data.table_rows import FILE_NAMES, Rows, read_rows

LABEL_NAMES = (*LABEL_COLUMNS, "class", "class_name", "category", "choice")
SPLIT_NAMES = ("split",)
NAMED = 3  # rows that a line names


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A row: its file, the path as written, its place in the table, and its label; "" if it has none."""

    path: Path
    name: str
    place: str
    label: Any
    split: str

    def __str__(self) -> str:
        return f"{self.place} ({shown_path(self.name)})"


def table(
    *,
    name: str,
    path: str,
    image_column: str | None,
    label_column: str | None,
    split_column: str | None,
    class_names: Sequence[str] | None,
    size: Sequence[int] | None,
    channels: int | None,
    max_megapixels: float | None,
    data_dir: str,
    download: bool,
) -> ImageDataset:
    """Return the images that a table lists, in the order of its rows; they are read as those of `folder`.

    Args:
        name: the name of the data set.
        path: a table as `read_rows` reads it, looked up in `data_dir` first, then in the current directory.
        image_column: paths, relative to the folder of the table; None takes a column with a usual name.
        label_column: labels; None takes a column with a usual name, "none" takes no labels.
        split_column: train, val or test for each row; None takes a column split, "none" takes none.
        class_names: one name per class; None takes the different labels. Needed if there are no labels.
        size, channels, max_megapixels: as in `Reading`. data_dir: the folder of the data sets.
        download: ignored.

    Raises:
        DataError: it is no table, lacks a column, or has labels for a part of its rows.
    """
    file = find(
        path,
        data_dir,
        "data.path",
        "a table (CSV, JSON Lines, Parquet, a list of paths or tasks of Label Studio)",
        Path.is_file,
    )
    rows, notes = read_rows(file), list[str]()
    image = _image_column(rows, image_column)
    label = column_named(rows, "label", label_column, LABEL_NAMES)
    split = column_named(rows, "split", split_column, SPLIT_NAMES)
    entries = _there(_entries(rows, file.parent, image, label, split), file, notes)
    pool, test = _divided(entries, notes)
    labels, test_labels = _labels(pool, test)
    sizes = len(pool), len(test)
    truth, test_truth, names = numbered(
        name, labels, test_labels, class_names, sizes, hint=without_labels(rows.names)
    )
    return dataset_of_files(
        name,
        _listed(pool, truth),
        _listed(test, test_truth) if test else None,
        names,
        Reading(size=size, channels=channels, max_megapixels=max_megapixels),
        key="data.path",
        where=shown_path(file),
        notes=notes,
    )


def _image_column(rows: Rows, given: str | None) -> str:
    found = column_named(rows, "image", given, FILE_NAMES)
    if found is None:
        there = ", ".join(rows.names) or "none"
        raise DataError(
            f"data.image_column: expected a column of paths, such as path, got {there}. Write "
            "data.image_column=NAME."
        )
    return found


def _listed(entries: Sequence[Entry], truth: Tensor | None) -> FileList:
    return FileList(paths=[each.path for each in entries], names=[each.name for each in entries], truth=truth)


def column_named(rows: Rows, kind: str, given: str | None, usual: Sequence[str]) -> str | None:
    """Return the name of a column, or None if there is none.

    Args:
        kind: image, label or split. given: the name that a key gives, or None. usual: names to look for.

    Raises:
        DataError: the given one is missing, or several have usual names.
    """
    key = f"data.{kind}_column"
    if given == NONE and NONE not in rows.names:
        return None
    if given is not None:
        if given not in rows.names:
            raise DataError(f"{key}: expected one of {', '.join(rows.names)}, got {given!r}.")
        return given
    found = [name for name in rows.names if name.lower() in usual]
    if len(found) > 1:
        raise DataError(f"{key}: expected one of {', '.join(found)}. Write {key}={found[0]}.")
    return found[0] if found else None


def _entries(rows: Rows, folder: Path, image: str, label: str | None, split: str | None) -> list[Entry]:
    n, entries = len(rows.places), []
    labels, splits = (rows.columns[key] if key else [""] * n for key in (label, split))
    for place, file, each, part in zip(rows.places, rows.columns[image], labels, splits, strict=True):
        if file is not None and not isinstance(file, str):
            raise DataError(
                f"data.image_column: expected paths, got {type(file).__name__} in {place}. For images inside "
                "a Parquet file write data=huggingface data.path=FOLDER."
            )
        path = Path(os.path.abspath(folder / (file or "")))
        empty = each is None or (isinstance(each, float) and math.isnan(each))
        entries.append(
            Entry(
                path=path,
                name=utf8_name(file or ""),
                place=place,
                label="" if empty else each,
                split=str(part or "").lower(),
            )
        )
    return entries


def _there(entries: Sequence[Entry], file: Path, notes: list[str]) -> list[Entry]:
    """Return the rows with a file of their own; a line tells of those that are left out."""
    first: dict[Path, Entry] = {}
    again, missing = [], []
    for entry in entries:
        other = first.setdefault(entry.path, entry)
        if not entry.path.is_file():
            missing.append(entry)
        elif other is not entry:
            if (other.label, other.split) != (entry.label, entry.split):
                raise DataError(
                    f"data.path: expected one label and one split for each file in {shown_path(file)}, but "
                    f"{other} and {entry.place} differ. Correct the table."
                )
            again.append(entry)
    for found, what in ((missing, "no file that is there"), (again, "the file of an earlier row")):
        if found:
            n = f"{counted(len(found), 'row')} of {len(entries):,} with {what}"
            notes.append(f"{n}, left out: {_some(found)}.")
    out = {id(entry) for entry in (*missing, *again)}
    kept = [entry for entry in entries if id(entry) not in out]
    if not kept:
        such = f", such as {missing[0]}" if missing else ""
        raise DataError(
            f"data.path: expected paths relative to {shown_path(file.parent)} in {shown_path(file)}, but "
            f"none of {counted(len(entries), 'row')} names a file that is there{such}."
        )
    return kept


def _divided(entries: Sequence[Entry], notes: list[str]) -> tuple[list[Entry], list[Entry]]:
    """Return the rows to label and those of the test set."""
    there = {entry.split: entry for entry in reversed(entries)}
    for part, entry in there.items():
        if part not in (*TRAIN, *TEST) and (part or len(there) > 1):
            raise DataError(
                f"data.split_column: expected train, val or test in each row, got {part!r} in {entry}."
            )
    train = [part for part in there if part in TRAIN]
    if not train and set(there) != {""}:
        raise DataError(f"data.split_column: expected rows of train, got {', '.join(sorted(there))} alone.")
    test = next((part for part in TEST if part in there), None)
    unused = [part for part in there if part not in (*train, test, "")]
    if unused:
        notes.append(f"the rows of {', '.join(sorted(unused))} are not used; {test} is the test set.")
    pool = [entry for entry in entries if entry.split in train or entry.split == ""]
    return pool, [entry for entry in entries if entry.split == test]


def _labels(pool: Sequence[Entry], test: Sequence[Entry]) -> tuple[list[Any] | None, list[Any]]:
    """Return the labels of the rows to label, None if they are unknown, and those of the test set.

    Raises:
        DataError: a part of them is empty.
    """
    for part, may_be_unknown in ((pool, True), (test, False)):
        empty = [entry for entry in part if entry.label == ""]
        if empty and (len(empty) < len(part) or not may_be_unknown):
            way_out = (
                "or write data.label_column=none and let people answer (oracle=files; "
                "oracle.answers_from=FILE takes over the labels that are there)"
            )
            raise DataError(
                f"data.label_column: expected a label in every row, but {counted(len(empty), 'row')} of "
                f"{len(part):,} {'has' if len(empty) == 1 else 'have'} none: {_some(empty)}. Leave them out"
                f"{', ' + way_out if may_be_unknown else ' of the test set'}."
            )
    given = [entry.label for entry in (*pool, *test)]
    if all(isinstance(label, str) and label.isdecimal() and str(int(label)) == label for label in given):
        given = [int(label) for label in given]
    labels = given[: len(pool)]
    return (None if any(label == "" for label in labels) else labels), given[len(pool) :]


def _some(entries: Sequence[Entry]) -> str:
    return ", ".join(map(str, entries[:NAMED])) + (" and others" if len(entries) > NAMED else "")
