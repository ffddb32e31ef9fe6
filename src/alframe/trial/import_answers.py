"""Answers that were given elsewhere: in a trial of a version without a store, or in another trial."""

import csv
import warnings
from collections.abc import Hashable, Sequence
from contextlib import suppress
from pathlib import Path

from alframe._text import counted
from alframe.core.errors import TrialNotice, UserError
from alframe.core.file_names import ANSWER_STORE, ANSWERS, FILES, KEY, QUESTIONS, TO_LABEL, shown
from alframe.data import ImageDataset
from alframe.data.identity import content_digest
from alframe.oracle.answer_records import Sample
from alframe.oracle.answer_sheet import read_sheet
from alframe.oracle.answer_store import BEFORE, AnswerStore
from alframe.oracle.class_names import class_of_name, expected, match_answer
from alframe.oracle.number_text import whole_number
from alframe.oracle.sample_matching import match
from alframe.trial.answers_in_tables import GivenAnswer, answers_in_table
from alframe.trial.matched_data import image_now
from alframe.trial.read_answers import StoredSample, read_answers
from alframe.trial.read_finished import Damaged
from alframe.trial.state import state_files

MAX_BESIDE = 20  # trials beside this one that are looked at


def import_old_answers(store: AnswerStore, dataset: ImageDataset, directory: Path) -> None:
    """Take the answers in the CSV files into a new store, for a trial without one.

    A version before had no store, or the store was lost. The indices in its files and states are then
    those of the old numbering, so that they are set aside first: a later start does not read them.

    Raises:
        UserError: an answer cannot be read; no file was changed.
    """
    sheets = [directory / ANSWERS, directory / QUESTIONS / TO_LABEL]
    found: dict[int, int] = {}
    gone: list[str] = []
    for sheet in sheets:
        there, lost = _from_sheet(dataset, directory, _newest(sheet))
        found, gone = found | there, gone + lost
    if not found and not gone:
        return
    _set_aside(directory, sheets)
    store.put_answers(found, ANSWERS)
    store.put_digests({index: content_digest(dataset, index) for index in found})
    store.put_question("before the store", BEFORE, list(found))
    if gone:
        warnings.warn(
            f"{counted(len(gone), 'answer')} to images that are not there ({gone[0]} ...) stay in "
            f"{shown(_aside(sheets[0]))}; this trial does not use them.",
            TrialNotice,
            stacklevel=3,
        )


def _aside(file: Path) -> Path:
    """Return the name under which a file of the old numbering is kept.

    >>> _aside(Path("answers.csv")).name
    'before_answers.csv'
    """
    return file.with_name(f"before_{file.name}")


def _newest(sheet: Path) -> Path:
    """Return a sheet or, if a start was killed after it had set it aside, that file."""
    return sheet if sheet.exists() or not _aside(sheet).exists() else _aside(sheet)


def _set_aside(directory: Path, sheets: Sequence[Path]) -> None:
    for file in [*state_files(directory), *sheets]:
        with suppress(FileNotFoundError):
            file.replace(_aside(file))


def import_answers_of(store: AnswerStore, dataset: ImageDataset, other: Path) -> str:
    """Take answers to the same images into a new store, and return how many in words.

    The names of the people and the times stay.

    Args:
        other: the directory of a trial, or a table with labels.

    Raises:
        UserError: there are no answers, or a class is not known here.
    """
    if (other / ANSWER_STORE).exists():
        found, gone = _from_store(dataset, other)
    elif (other / ANSWERS).exists():
        given, gone = _from_sheet(dataset, other, other / ANSWERS)
        found = {index: GivenAnswer(answer=answer) for index, answer in given.items()}
    elif other.is_file():
        found, gone = answers_in_table(dataset, other)
    else:
        raise UserError(
            f"oracle.answers_from: expected the directory of a trial that people answered, with "
            f"{ANSWER_STORE} or {ANSWERS} in it, or a table with labels, got {other}."
        )
    groups: dict[tuple[str, str | None], dict[int, int]] = {}
    for index, each in found.items():
        groups.setdefault((each.who, each.at), {})[index] = each.answer
    for (who, at), answers in sorted(groups.items(), key=lambda group: group[0][1] or ""):
        store.put_answers(answers, f"answers_from {other.name}", who, at)
    store.put_digests({index: content_digest(dataset, index) for index in found})
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
        with suppress(Damaged):
            theirs = read_answers(file.parent)
            if theirs is None:
                continue
            answered = theirs.answers.keys() & theirs.samples.keys()
            n = sum(_identity(theirs.samples[k]) in here for k in answered)
            if n:
                where = shown(file.parent)
                return (
                    f"{where} has {counted(n, 'answer')} to these images. oracle.answers_from={where} takes "
                    f"them over; {KEY}={where} with the settings of that trial goes on with it."
                )
    return None


def _identity(sample: Sample | StoredSample) -> tuple[Hashable, ...]:
    return (sample.digest,) if sample.name is None else (sample.name, sample.size)


def _from_store(dataset: ImageDataset, other: Path) -> tuple[dict[int, GivenAnswer], list[str]]:
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
        positions[sample]: GivenAnswer(
            answer=each.answer if each.answer < 0 else number[each.answer] or 0, who=each.who, at=each.at
        )
        for sample, each in answers.items()
        if positions[sample] >= 0
    }
    return found, [samples[sample].name or str(sample) for sample in answers if positions[sample] < 0]


def _from_sheet(dataset: ImageDataset, directory: Path, sheet: Path) -> tuple[dict[int, int], list[str]]:
    """Return the answers in a sheet by index, and the images that are not in the data.

    A file is found by its name, which stands in the line or, in files of a version before, in files.csv.
    Rows of arrays have no name: their indices are taken as they are.

    Raises:
        UserError: a line cannot be read, or names no file.
    """
    files, is_folder = _files_of(directory), dataset.files_N is not None
    at = {name: index for index, name in enumerate(dataset.files_N or ())}
    read = read_sheet(sheet, dataset.class_names)
    problems, found, gone = list(read.problems), {}, []
    for row in read.rows:
        if not row.label.strip():
            continue
        index, answer = whole_number(row.index), match_answer(row.label, dataset.class_names)
        name = row.file or files.get(-1 if index is None else index, "")
        if index is None or answer is None or (is_folder and not name):
            problems.append(
                f"line {row.line} has {row.index!r}, {name!r} and {row.label!r}. The classes here are "
                f"{expected(dataset.class_names)}"
            )
        elif (at.get(name) if is_folder else index if index < len(dataset) else None) is None:
            gone.append(name or str(index))
        else:
            found[at[name] if is_folder else index] = answer
    if problems:
        raise UserError(
            f"{sheet}: expected an index, a file and a class per line, but {problems[0]}. Correct the line, "
            "or add a class as a name in data.class_names or as a subfolder."
        )
    return found, gone


def _files_of(directory: Path) -> dict[int, str]:
    """Return the file of each index in files.csv; empty without it."""
    if not (directory / FILES).exists():
        return {}
    with (directory / FILES).open(encoding="utf-8", newline="") as file:
        return {int(row["index"]): row["file"] for row in csv.DictReader(file)}
