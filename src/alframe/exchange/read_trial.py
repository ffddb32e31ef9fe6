"""Read the labels of a trial with their provenance, from its files and its store of answers."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from alframe.core.answer_codes import CANNOT_TELL, CANNOT_TELL_TEXT, NO_CLASS, NO_CLASS_TEXT
from alframe.core.errors import UserError
from alframe.core.file_names import (
    ANSWER_STORE,
    CONFIG,
    DIAGNOSIS,
    FAILURE,
    FILES,
    LABELS,
    LABELS_BY_NAME,
    SUMMARY,
)
from alframe.exchange.present import PresentFiles
from alframe.exchange.records import ExportedAnswer, Kind, LabelRow, TrialLabels
from alframe.trial.data_file import DataFile, read_data_file
from alframe.trial.read_answers import StoredAnswer, StoredAnswers, read_answers
from alframe.trial.read_finished import Damaged, parse_file, read_config

_ASIDE: dict[int, Kind] = {CANNOT_TELL: "cannot_tell", NO_CLASS: "no_class"}
_TEXTS = {CANNOT_TELL: CANNOT_TELL_TEXT, NO_CLASS: NO_CLASS_TEXT}
_KINDS: dict[str, Kind] = {
    "none": "none",
    "auto": "auto",
    "given": "given",
    "cannot_tell": "cannot_tell",
    "no_class": "no_class",
}
_SOURCES = ("seed", "query", "validation", "audit", "remainder", "mend")


def read_trial(directory: Path, folder: Path | None = None) -> TrialLabels:
    """Return the labels of a trial that is finished, waits for people, or was interrupted.

    Answers in the store count also if labels.csv is older.

    Args:
        directory: of the trial.
        folder: where its image files are now; None if they have not moved.

    Raises:
        UserError: there is no trial with labels, or its files are damaged.
    """
    try:
        return _read(directory, folder)
    except Damaged as error:
        raise UserError(f"{directory}/{error}. Run the command of the trial again.") from None


@dataclass(frozen=True, kw_only=True)
class _Parts:
    """The files of a trial, read."""

    config: Mapping[str, Any]
    data: DataFile | None
    store: StoredAnswers | None
    labels: Mapping[int, Mapping[str, str]]
    names: Mapping[int, str]
    gone: frozenset[int]
    model: str


def _read(directory: Path, folder: Path | None) -> TrialLabels:
    status = _status(directory)
    store, data = read_answers(directory), read_data_file(directory)
    parts = _Parts(
        config=read_config(directory),
        data=data,
        store=store,
        labels=_table(directory / LABELS),
        names={index: row["file"] for index, row in _table(directory / FILES).items()},
        gone=_gone(directory, store),
        model=f"alframe {metadata.version('alframe')} {directory.resolve().name}",
    )
    class_names = _class_names(directory, data, store)
    present = PresentFiles(
        data=data,
        folder=folder,
        names=parts.names,
        samples={} if store is None else store.samples,
        gone=parts.gone,
    )
    rows = [_row(index, parts, class_names, present.path) for index in _indices(parts)]
    return TrialLabels(
        directory=directory,
        status=status,
        data=data.name if data else str((parts.config.get("data") or {}).get("name", "data")),
        class_names=class_names,
        has_files=bool(parts.names),
        folder=present.folder,
        rows=rows,
        notes=present.notes(),
    )


def _status(directory: Path) -> str:
    """Return the status of a trial that has labels.

    Raises:
        UserError: there is no such trial.
    """
    if not directory.is_dir() or not (directory / CONFIG).exists():
        got = "no trial" if directory.is_dir() else "a path that is no directory"
        raise UserError(
            f"{directory}: expected the directory of a trial, got {got}. Give one, such as outputs/NAME."
        )
    if (directory / SUMMARY).exists():
        return "finished"
    if (directory / FAILURE).exists():
        return str(parse_file(directory / FAILURE, json.loads).get("status", "failed"))
    if (directory / ANSWER_STORE).exists():
        return "running"
    raise UserError(
        f"{directory}: expected a trial that is finished or waits for people, got one that is running or was "
        "killed. Wait until it ends, or run its command again."
    )


def _table(file: Path) -> dict[int, dict[str, str]]:
    """Return the rows of a CSV file by their index; empty without the file."""
    if not file.exists():
        return {}

    def rows(text: str) -> dict[int, dict[str, str]]:
        read = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        return {int(row["index"]): row for row in read}

    return parse_file(file, rows)


def _gone(directory: Path, store: StoredAnswers | None) -> frozenset[int]:
    """Return the samples whose image is no longer in the data."""
    if store is not None:
        return frozenset(index for index, each in store.samples.items() if not each.present)
    rows = _table(directory / LABELS_BY_NAME)
    return frozenset(index for index, row in rows.items() if row.get("present") == "no")


def _class_names(directory: Path, data: DataFile | None, store: StoredAnswers | None) -> tuple[str, ...]:
    """Return the names of all classes, those added since the trial started included."""
    if data is not None and len(data.class_names) >= len(store.class_names if store else ()):
        return data.class_names
    if store is not None:
        return store.class_names
    found = parse_file(directory / DIAGNOSIS, lambda text: json.loads(text)["class_names"])
    return tuple(map(str, found))


def _indices(parts: _Parts) -> Iterator[int]:
    """Yield the samples of the trial; those that joined or were answered since labels.csv was written too."""
    found = set(parts.labels)
    if parts.store is not None:
        members = {n for n, each in parts.store.samples.items() if each.member and each.present}
        found |= members | parts.store.answers.keys()
    yield from sorted(found)


def _row(
    index: int, parts: _Parts, class_names: tuple[str, ...], path: Callable[[int], str | None]
) -> LabelRow:
    row = parts.labels.get(index, {})
    label, source = int(row.get("label", -1)), row.get("source", "none")
    round = int(row["round"]) if row.get("round") else None
    answer = parts.store.answers.get(index) if parts.store else None
    if answer is not None:
        label = max(-1, answer.answer)
        source, round = _of_answer(index, answer, source, round, parts)
    kind = _KINDS.get(source, "hand")
    is_auto, is_answer = kind == "auto", kind not in ("auto", "given", "none")
    return LabelRow(
        index=index,
        name=parts.names.get(index, ""),
        path=path(index),
        label=label,
        class_name=class_names[label] if label >= 0 else "",
        kind=kind,
        source=source,
        round=round,
        confidence=None if is_answer else _number(row.get("confidence")),
        log_odds=None if is_answer else _number(row.get("log_odds")),
        by=f"{parts.model} round {round}" if is_auto else answer.who if answer else "",
        at=answer.at if answer else "",
        way=answer.way if answer else _oracle(parts.config) if is_answer else "",
        answers=[_exported(each, class_names) for each in parts.store.rows.get(index, ())]
        if parts.store
        else (),
    )


def _exported(row: StoredAnswer, class_names: tuple[str, ...]) -> ExportedAnswer:
    label = class_names[row.answer] if row.answer >= 0 else _TEXTS.get(row.answer, "")
    return ExportedAnswer(by=row.who, at=row.at, way=row.way, label=label)


def _of_answer(
    index: int, answer: StoredAnswer, source: str, round: int | None, parts: _Parts
) -> tuple[str, int | None]:
    """Return source and round of an answer; labels.csv says them unless the answer is newer."""
    asked = parts.store.questions.get(index) if parts.store else None
    if round is None or source in ("auto", "given"):
        round = None if asked is None else max(0, asked[1])
    if answer.answer in _ASIDE:
        return _ASIDE[answer.answer], round
    if source in _SOURCES:
        return source, round
    purpose = (asked[0] if asked else "query").split()[0]
    purpose = "audit" if purpose in ("check", "estimate", "prove") else purpose
    return (purpose if purpose in _SOURCES else "query"), round


def _oracle(config: Mapping[str, Any]) -> str:
    """Return the name of the oracle that answered, such as "simulated"."""
    target = str((config.get("oracle") or {}).get("_target_") or "")
    return target.rpartition(".")[2].removesuffix("Oracle").lower()


def _number(text: str | None) -> float | None:
    return float(text) if text else None
