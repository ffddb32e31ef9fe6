"""Answers that were given elsewhere: in a trial of a version without a store, or in another trial."""

import csv
from collections.abc import Sequence
from pathlib import Path

from alframe.core.errors import UserError
from alframe.core.file_names import ANSWER_STORE, ANSWERS, FILES
from alframe.data import ImageDataset
from alframe.oracle.answer_sheet import read_sheet
from alframe.oracle.answer_store import AnswerStore
from alframe.oracle.class_names import match_answer
from alframe.oracle.number_text import whole_number
from alframe.oracle.sample_matching import match
from alframe.trial.matched_data import class_numbers, image_now, nfc


def import_old_answers(store: AnswerStore, dataset: ImageDataset, directory: Path) -> None:
    """Take the answers of answers.csv into a new store, for a trial of a version that had no store.

    Raises:
        UserError: the images are not those of the trial.
    """
    if not (directory / ANSWERS).exists():
        return
    answers = _answers_of(directory, dataset.class_names)
    files = _files_of(directory)
    if files is not None and dataset.files_N is not None and files != list(dataset.files_N):
        raise UserError(
            f"data: expected the images that the trial in {directory} started with, whose names are in "
            f"{FILES} there, got others. Restore them; the answers in {ANSWERS} are kept."
        )
    store.put_answers(answers, ANSWERS)
    store.put_question("before the store", 0, list(answers))


def import_answers_of(store: AnswerStore, dataset: ImageDataset, other: Path) -> int:
    """Take the answers of another trial to the same images into a new store, and return their number.

    Raises:
        UserError: there is no trial with answers, or a class is not known here.
    """
    if (other / ANSWER_STORE).exists():
        found = _from_store(dataset, other)
    elif (other / ANSWERS).exists():
        found = _from_sheet(dataset, other)
    else:
        raise UserError(
            f"oracle.answers_from: expected the directory of a trial that people answered, with "
            f"{ANSWER_STORE} in it, got {other}."
        )
    store.put_answers(found, f"answers_from {other.name}")
    return len(found)


def _from_store(dataset: ImageDataset, other: Path) -> dict[int, int]:
    with AnswerStore(other) as theirs:
        names, answers = theirs.classes(), theirs.answers()
        images = [image_now(dataset, index) for index in range(len(dataset))]
        positions = match(theirs.samples(), images).positions
    number = class_numbers(dataset.class_names)
    named = {names[each.answer] for each in answers.values() if each.answer >= 0}
    unknown = sorted(name for name in named if nfc(name) not in number)
    if unknown:
        raise UserError(
            f"oracle.answers_from: expected the classes {', '.join(dataset.class_names)}, but answers in "
            f"{other} name {', '.join(unknown)}. Add them to data.class_names."
        )
    return {
        positions[sample]: answer.answer if answer.answer < 0 else number[nfc(names[answer.answer])]
        for sample, answer in answers.items()
        if positions[sample] >= 0
    }


def _from_sheet(dataset: ImageDataset, other: Path) -> dict[int, int]:
    files, answers = _files_of(other), _answers_of(other, dataset.class_names)
    if files is None or dataset.files_N is None:
        return {index: answer for index, answer in answers.items() if index < len(dataset)}
    position = {name: k for k, name in enumerate(dataset.files_N)}
    return {position[files[index]]: answer for index, answer in answers.items() if files[index] in position}


def _answers_of(directory: Path, class_names: Sequence[str]) -> dict[int, int]:
    """Return the answers in answers.csv by index.

    Raises:
        UserError: a line cannot be read.
    """
    sheet = read_sheet(directory / ANSWERS, class_names)
    problems, found = list(sheet.problems), {}
    for row in sheet.rows:
        index, answer = whole_number(row.index), match_answer(row.label, class_names)
        if index is None or answer is None:
            problems.append(f"line {row.line}: got {row.index!r} and {row.label!r}")
        else:
            found[index] = answer
    if problems:
        raise UserError(f"{directory / ANSWERS}: expected an index and a class per line, but {problems[0]}.")
    return found


def _files_of(directory: Path) -> list[str] | None:
    if not (directory / FILES).exists():
        return None
    with (directory / FILES).open(encoding="utf-8", newline="") as file:
        return [row["file"] for row in csv.DictReader(file)]
