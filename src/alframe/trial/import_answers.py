"""Answers that were given elsewhere: in a trial of a version without a store, or in another trial."""

import csv
from collections.abc import Hashable, Sequence
from contextlib import suppress
from pathlib import Path

from alframe._text import counted
from alframe.core.errors import UserError
from alframe.core.file_names import ANSWER_STORE, ANSWERS, FILES, KEY, shown
from alframe.data import ImageDataset
from alframe.oracle.answer_records import Sample
from alframe.oracle.answer_sheet import read_sheet
from alframe.oracle.answer_store import AnswerStore
from alframe.oracle.class_names import class_of_name, expected, match_answer
from alframe.oracle.number_text import whole_number
from alframe.oracle.sample_matching import match
from alframe.trial.matched_data import image_now

MAX_BESIDE = 20  # trials beside this one that are looked at


def import_old_answers(store: AnswerStore, dataset: ImageDataset, directory: Path) -> None:
    """Take the answers of answers.csv into a new store, for a trial without one.

    A version before had no store, or the store was lost.

    Raises:
        UserError: an image that was answered is not in the data.
    """
    if not (directory / ANSWERS).exists():
        return
    answers, gone = _from_sheet(dataset, directory)
    if gone:
        raise UserError(
            f"data: expected the images that {directory / ANSWERS} has answers to, but "
            f"{counted(len(gone), 'image')} ({gone[0]}) {'is' if len(gone) == 1 else 'are'} not there. "
            "Restore them; the answers are kept."
        )
    store.put_answers(answers, ANSWERS)
    store.put_question("before the store", 0, list(answers))


def import_answers_of(store: AnswerStore, dataset: ImageDataset, other: Path) -> str:
    """Take the answers of another trial to the same images into a new store, and return how many in words.

    Raises:
        UserError: there is no trial with answers, or a class is not known here.
    """
    if (other / ANSWER_STORE).exists():
        found, gone = _from_store(dataset, other)
    elif (other / ANSWERS).exists():
        found, gone = _from_sheet(dataset, other)
    else:
        raise UserError(
            f"oracle.answers_from: expected the directory of a trial that people answered, with "
            f"{ANSWER_STORE} or {ANSWERS} in it, got {other}."
        )
    store.put_answers(found, f"answers_from {other.name}")
    text = f"{counted(len(found), 'answer')} of {other}"
    if not gone:
        return text
    return f"{text} (not those to {counted(len(gone), 'image')} that are not in the data, such as {gone[0]})"


def answers_beside(store: AnswerStore, directory: Path) -> str | None:
    """Return a line on a trial beside this one that has answers to the same images, or None.

    Another setting makes another trial, whose directory has no answers yet.
    """
    here = {_identity(each) for each in store.samples()}
    stores = [file for file in directory.parent.glob(f"*/{ANSWER_STORE}") if file.parent != directory]
    for file in sorted(stores, key=lambda file: file.stat().st_mtime, reverse=True)[:MAX_BESIDE]:
        with suppress(UserError), AnswerStore(file.parent) as theirs:
            samples = theirs.samples()
            n = sum(_identity(samples[number]) in here for number in theirs.answers())
            if n:
                where = shown(file.parent)
                return (
                    f"{where} has {counted(n, 'answer')} to these images. oracle.answers_from={where} takes "
                    f"them over; {KEY}={where} with the settings of that trial goes on with it."
                )
    return None


def _identity(sample: Sample) -> tuple[Hashable, ...]:
    return (sample.digest,) if sample.name is None else (sample.name, sample.size)


def _from_store(dataset: ImageDataset, other: Path) -> tuple[dict[int, int], list[str]]:
    """Return the answers by index, and the images that are not in the data."""
    with AnswerStore(other) as theirs:
        names, answers, samples = theirs.classes(), theirs.answers(), theirs.samples()
    positions = match(samples, [image_now(dataset, index) for index in range(len(dataset))]).positions
    number = [class_of_name(name, dataset.class_names) for name in names]
    given = {each.answer for each in answers.values() if each.answer >= 0}
    unknown = [names[answer] for answer in sorted(given) if number[answer] is None]
    if unknown:
        raise UserError(
            f"oracle.answers_from: expected the classes {', '.join(dataset.class_names)}, but answers in "
            f"{other} name {', '.join(unknown)}. Add them as names in data.class_names or as subfolders."
        )
    found = {
        positions[sample]: each.answer if each.answer < 0 else number[each.answer] or 0
        for sample, each in answers.items()
        if positions[sample] >= 0
    }
    return found, [samples[sample].name or str(sample) for sample in answers if positions[sample] < 0]


def _from_sheet(dataset: ImageDataset, directory: Path) -> tuple[dict[int, int], list[str]]:
    """Return the answers in answers.csv by index, and the images that are not in the data."""
    answers, files = _answers_of(directory, dataset.class_names), _files_of(directory)
    if files is None or dataset.files_N is None:
        there = {str(index): index for index in range(len(dataset))}
        files = {}
    else:
        there = {name: index for index, name in enumerate(dataset.files_N)}
    named = {files.get(index, str(index)): answer for index, answer in answers.items()}
    found = {there[name]: answer for name, answer in named.items() if name in there}
    return found, [name for name in named if name not in there]


def _answers_of(directory: Path, class_names: Sequence[str]) -> dict[int, int]:
    """Return the answers in answers.csv by index.

    Raises:
        UserError: a line cannot be read.
    """
    sheet = read_sheet(directory / ANSWERS, class_names)
    problems, found = list(sheet.problems), {}
    for row in sheet.rows:
        if not row.label.strip():
            continue
        index, answer = whole_number(row.index), match_answer(row.label, class_names)
        if index is None or answer is None:
            problems.append(
                f"line {row.line} has {row.index!r} and {row.label!r}. The classes here are "
                f"{expected(class_names)}"
            )
        else:
            found[index] = answer
    if problems:
        raise UserError(
            f"{directory / ANSWERS}: expected an index and a class per line, but {problems[0]}. Correct the "
            "line, or add a class as a name in data.class_names or as a subfolder."
        )
    return found


def _files_of(directory: Path) -> dict[int, str] | None:
    """Return the file of each index, or None if the images are no files."""
    if not (directory / FILES).exists():
        return None
    with (directory / FILES).open(encoding="utf-8", newline="") as file:
        return {int(row["index"]): row["file"] for row in csv.DictReader(file)}
