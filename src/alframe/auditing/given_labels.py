"""The labels to audit: read from a table, from tasks of Label Studio or from the directory of a trial.

Axes: N the samples of the data set; C the classes.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from alframe._text import counted
from alframe.auditing.given_probabilities import KEY, GivenProbabilities, probability_columns
from alframe.auditing.given_rows import IndexOf, column_hint, label_column, label_text
from alframe.core.answer_codes import CANNOT_TELL_TEXT, NO_CLASS_TEXT
from alframe.core.errors import DataError
from alframe.core.file_names import FILES, LABELS
from alframe.data import ImageDataset
from alframe.data.path_text import shown_path
from alframe.data.table_rows import Rows, read_rows
from alframe.oracle.class_names import expected, match_answer
from alframe.trial.data_file import read_data_file

NAMED = 3  # images, rows or classes that a message names
_WITHOUT = {"", CANNOT_TELL_TEXT, NO_CLASS_TEXT}  # cells that give no class


@dataclass(frozen=True, kw_only=True, eq=False)
class GivenLabels:
    """Labels that somebody has.

    Attributes:
        label_N: int64 in [0, C), -1 without a label.
        log_probs_NC: float32, the log-probabilities that came with them, NaN without one; or None.
        without_image: rows whose image is not in the data. without_label: images without a label.
    """

    label_N: Tensor
    log_probs_NC: Tensor | None
    without_image: Sequence[str]
    without_label: Sequence[str]


def read_given_labels(dataset: ImageDataset, path: str) -> GivenLabels:
    """Return the labels in a file or directory for the images of a data set.

    Raises:
        DataError: it has no labels, or labels of another data set, of unknown classes, or two for one image;
            or its probabilities are none.
    """
    place = Path(path).expanduser()
    if not place.exists():
        raise DataError(_not_there("labels or the directory of a trial", path))
    rows, folder = (_rows_of_trial(place), place) if place.is_dir() else (read_rows(place, KEY), place.parent)
    data = read_data_file(place) if place.is_dir() else None
    if data is not None and dataset.files_N is None and data.name != dataset.name:
        raise DataError(f"{KEY}: expected labels of {dataset.name}, got those of {data.name} in {path}.")
    return labels_in_rows(dataset, rows, folder, shown_path(place))


def read_second_answers(dataset: ImageDataset, path: str) -> Tensor:
    """Return (N,) int64, a second person's answers, -1 without one.

    Args:
        path: a table, tasks of Label Studio, or the directory of a trial or audit, whose answers are taken.

    Raises:
        DataError: as `read_given_labels`; the message begins with the other key.
    """
    place = Path(path).expanduser()
    try:
        if not place.exists():
            raise DataError(_not_there("answers or the directory of an audit", path))
        rows = _rows_of_trial(place, answers_only=True) if place.is_dir() else read_rows(place, KEY)
        folder = place if place.is_dir() else place.parent
        return labels_in_rows(dataset, rows, folder, shown_path(place), one_class=True).label_N
    except DataError as error:
        raise DataError(str(error).replace(f"{KEY}: ", "second_answers: ", 1)) from error


def _not_there(what: str, path: str) -> str:
    return (
        f"{KEY}: expected a file with {what}, but {path} does not exist. Write its path from the current "
        "directory."
    )


def names_in_labels(path: str) -> list[str]:
    """Return the different labels in a file or directory, sorted; none if it has only probabilities.

    Raises:
        DataError: it does not exist, or has labels of fewer than two classes.
    """
    place = Path(path).expanduser()
    if not place.exists():
        raise DataError(_not_there("labels or the directory of a trial", path))
    rows, where = _rows_of_trial(place) if place.is_dir() else read_rows(place, KEY), shown_path(place)
    label = label_column(rows, where)
    if label is None and len(rows.names) > 2:  # an index and probabilities
        return []
    if label is None:
        raise DataError(_no_labels(rows, where))
    names = sorted({label_text(cell) for cell in rows.columns[label]} - {"", "?", "-"})
    if len(names) < 2:
        only = f"only {names[0]!r}" if names else "none"
        raise DataError(f"{KEY}: expected labels of at least two classes in {where}, got {only}.")
    return names


def _no_labels(rows: Rows, where: str) -> str:
    return (
        f"{KEY}: expected a column of labels in {where}, such as label, or one of probabilities for each "
        f"class, got {', '.join(rows.names) or 'none'}.{column_hint(rows)}"
    )


def labels_in_rows(
    dataset: ImageDataset, rows: Rows, folder: Path, where: str, *, one_class: bool = False
) -> GivenLabels:
    """Return the labels in the rows of a table.

    Args:
        folder: of the table. where: the table, for messages. one_class: all labels may be of one class.
    """
    classes = probability_columns(rows, dataset.class_names)
    label = label_column(rows, where)
    if label is None and not classes:
        raise DataError(_no_labels(rows, where))
    probs = GivenProbabilities(rows, classes, len(dataset), dataset.n_classes)
    index_of = IndexOf(dataset, rows, folder)
    label_N = torch.full((len(dataset),), -1)
    unknown, gone = dict[str, str](), list[str]()
    for number, place in enumerate(rows.places):
        text = label_text(rows.columns[label][number], dataset.class_names) if label else ""
        if text in _WITHOUT and label:
            continue
        answer = match_answer(text, dataset.class_names) if label else probs.most_probable(number, place)
        index = index_of(number)
        if answer is None or answer < 0:
            unknown.setdefault(text, place)
        elif index is None:
            gone.append(index_of.shown(number) or place)
        elif int(label_N[index]) not in (-1, answer):
            before, now = (dataset.class_names[k] for k in (int(label_N[index]), answer))
            raise DataError(
                f"{KEY}: expected one label for each image, got a second one in {place}: "
                f"{index_of.shown(number)} is {now} there and {before} before. Remove one of the rows."
            )
        else:
            label_N[index] = answer
            probs.take(number, place, index, answer)
    such = f" ({gone[0]} is not among them; {index_of.known()})" if gone else ""
    _check(dataset, label_N, unknown, such, len(rows.places), where, least=1 if one_class else 2)
    files_N = dataset.files_N
    missing = (label_N < 0).nonzero().flatten().tolist()
    return GivenLabels(
        label_N=label_N,
        log_probs_NC=probs.log_probs_NC,
        without_image=gone,
        without_label=[files_N[index] if files_N else str(index) for index in missing],
    )


def _check(
    dataset: ImageDataset,
    label_N: Tensor,
    unknown: dict[str, str],
    such: str,
    n: int,
    where: str,
    *,
    least: int,
) -> None:
    if unknown:
        shown = ", ".join(f"{name!r} ({place})" for name, place in list(unknown.items())[:NAMED])
        raise DataError(
            f"{KEY}: expected the classes {expected(dataset.class_names)} in {where}, got {shown}. "
            f"{_way_out(dataset)}"
        )
    found_C = label_N[label_N >= 0].unique()
    if not len(found_C):
        raise DataError(
            f"{KEY}: expected labels for the images of {dataset.name}, but none of the {n:,} rows of {where} "
            f"is for one{such}. Is it the file of another data set?"
        )
    if len(found_C) < least:
        only = dataset.class_names[int(found_C[0])]
        raise DataError(f"{KEY}: expected labels of at least two classes in {where}, got only {only!r}.")


def _way_out(dataset: ImageDataset) -> str:
    folders = {Path(file).parts[0] for file in dataset.files_N or () if len(Path(file).parts) > 1}
    if folders & set(dataset.class_names):
        return (
            "If the subfolders are not classes, write data.subfolders_are_classes=false. Otherwise add a "
            "subfolder for a new class."
        )
    return "Correct the labels, or add a new class in data.class_names."


def _rows_of_trial(directory: Path, *, answers_only: bool = False) -> Rows:
    """Return the labels of a trial or an audit as rows with the names of their classes and files.

    Raises:
        DataError: there are no labels.
    """
    data = read_data_file(directory)
    if data is None or not (directory / LABELS).exists():
        raise DataError(
            f"{KEY}: expected the directory of a trial with {LABELS}, got {shown_path(directory)}. Leave the "
            "key out if the labels are subfolders of the images."
        )
    names: dict[str, str] = {}
    if (directory / FILES).exists():
        names = {row["index"]: row["file"] for row in _csv(directory / FILES)}
    kept = [row for row in _csv(directory / LABELS) if int(row["label"]) >= 0]
    if answers_only:
        kept = [row for row in kept if row["source"] not in ("auto", "given")]
    columns: dict[str, list[Any]] = {
        "index": [row["index"] for row in kept],
        "label": [data.class_names[int(row["label"])] for row in kept],
        "confidence": [row["confidence"] for row in kept],
    }
    if names:
        columns["file"] = [names[row["index"]] for row in kept]
    places = [f"{LABELS}, index {row['index']}" for row in kept]
    return Rows(names=list(columns), places=places, columns=columns)


def _csv(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def unmatched_line(given: GivenLabels, where: str) -> str | None:
    """Return one line that names the images and the rows that do not fit each other, or None."""
    sides = (
        (given.without_label, "image", "without a label"),
        (given.without_image, "label", "for an image that is not there"),
    )
    parts = [f"{counted(len(names), what)} {which} ({_some(names)})" for names, what, which in sides if names]
    return f"{where} has {' and '.join(parts)}" if parts else None


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + (", ..." if len(names) > NAMED else "")
