"""A trial that waits for answers from people: how far it is, read from its files. Imports no torch."""

import csv
import io
import json
import sqlite3
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alframe.core.file_names import ANSWER_STORE, ANSWERS, FAILURE, QUESTIONS, ROUNDS, TO_LABEL
from alframe.core.reports import RoundRow
from alframe.report.load.csv_json import read_rounds
from alframe.trial.read_answers import read_only
from alframe.trial.read_finished import Damaged, parse_file, read_config


@dataclass(frozen=True, kw_only=True)
class WaitingTrial:
    """A trial that waits for answers. A number is None if the files do not tell it.

    Attributes:
        directory: of the trial. data: name of the data set. seed: of the trial.
        rounds: the rows of rounds.csv so far; empty during the first question.
        round: that asks, 0 for the seed set. question: its purpose, such as "seed" or "query".
        wanted: answers that the question wants. answered: those that the trial has read.
        filled: labels in the file to fill in, which the trial reads when it is run again.
        answers: all answers that the trial has read, also to earlier questions.
        at_most: answers that the plan wants at most, in all.
        file: to fill in, None if there is none.
        reason: what the trial has printed, in one line. refused: True if it is why the answers were refused.
    """

    directory: Path
    data: str
    seed: int | None
    rounds: list[RoundRow]
    round: int
    question: str
    wanted: int | None
    answered: int | None
    filled: int | None
    answers: int | None
    at_most: int | None
    file: Path | None
    reason: str
    refused: bool = False

    @property
    def is_filled_in(self) -> bool:
        """True if each answer that the question wants is in the file: the same command continues."""
        known = self.wanted is not None and self.answered is not None and self.filled is not None
        return known and (self.answered or 0) + (self.filled or 0) >= (self.wanted or 0)


def read_waiting(directory: Path, reason: str, *, refused: bool = False) -> WaitingTrial:
    """Return the trial in a directory that waits for answers.

    Args:
        directory: of the trial. reason: what it has printed. refused: it is why the answers were refused.

    Raises:
        Damaged: config.yaml or rounds.csv cannot be read.
    """
    rounds = read_rounds(directory) if (directory / ROUNDS).exists() else []
    config = read_config(directory)
    told, next_round = _told(directory), rounds[-1].round + 1 if rounds else 0
    sheet = directory / QUESTIONS / TO_LABEL
    store = _from_store(directory / ANSWER_STORE)
    known = store.get("known") if store else _indices_of(directory / ANSWERS)
    lines, filled = _lines_of(sheet, known or frozenset())
    answered = _first(store.get("answered"), _whole(told.get("answered")))
    wanted = _first(store.get("wanted"), _whole(told.get("wanted")))
    if wanted is None and lines is not None:  # without a store, the file holds only what is missing
        wanted, answered = lines, 0
    return WaitingTrial(
        directory=directory,
        data=str((config.get("data") or {}).get("name", "trial")),
        seed=_whole(config.get("seed")),
        rounds=rounds,
        round=_first(store.get("round"), _whole(told.get("round")), next_round),
        question=str(_first(store.get("question"), told.get("question"), "query" if rounds else "seed")),
        wanted=wanted,
        answered=answered,
        filled=filled,
        answers=None if known is None else len(known),
        at_most=_whole(told.get("at_most")),
        file=sheet if sheet.exists() else None,
        reason=reason,
        refused=refused,
    )


def _told(directory: Path) -> Mapping[str, Any]:
    """Return what the trial has written about its question into failure.json."""
    with suppress(Damaged):
        content = parse_file(directory / FAILURE, json.loads)
        told = content.get("waiting") if isinstance(content, dict) else None
        return told if isinstance(told, dict) else {}
    return {}


def _from_store(file: Path) -> dict[str, Any]:
    """Return the newest question of the store and its numbers, empty without a store that can be read."""
    if not file.exists():
        return {}
    with suppress(sqlite3.Error), read_only(file) as db:
        known = frozenset(sample for (sample,) in db.execute("SELECT sample FROM answers"))
        newest = db.execute("SELECT source, round FROM questions ORDER BY id DESC LIMIT 1").fetchone()
        if newest is None:
            return {"known": known}
        found = db.execute("SELECT sample FROM questions WHERE source = ? AND round = ?", newest)
        asked = {sample for (sample,) in found}
        numbers = {"wanted": len(asked), "answered": len(asked & known)}
        return {"known": known, "question": newest[0], "round": newest[1], **numbers}
    return {}


def _lines_of(sheet: Path, known: frozenset[int]) -> tuple[int | None, int | None]:
    """Return (lines, lines with a label) of the file to fill in, without the answers that are known.

    Both are None if there is no file, or if it does not have the columns index and label.
    """
    rows = _table(sheet)
    if rows is None:
        return None, None
    new = [row for row in rows if _index(row) not in known]
    return len(new), sum(bool(row.get("label", "").strip()) for row in new)


def _indices_of(file: Path) -> frozenset[int] | None:
    rows = _table(file)
    return None if rows is None else frozenset(k for row in rows if (k := _index(row)) is not None)


def _index(row: Mapping[str, str]) -> int | None:
    with suppress(ValueError):
        return int(float(row.get("index", "")))
    return None


def _table(file: Path) -> list[dict[str, str]] | None:
    """Return the rows of a CSV file, by the titles of their columns; spreadsheets write several forms.

    None if it cannot be read or does not have the columns index and label.
    """
    with suppress(OSError, UnicodeDecodeError, csv.Error):
        content = file.read_bytes()
        is_utf_16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
        text = content.decode("utf-16" if is_utf_16 else "utf-8-sig")
        if text.lower().startswith("sep="):
            text = text.partition("\n")[2]
        head = text.partition("\n")[0]
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=head.count)))
        titles = [cell.strip().lower() for cell in rows[0]] if rows else []
        if {"index", "label"} <= set(titles):
            return [dict(zip(titles, row, strict=False)) for row in rows[1:] if any(map(str.strip, row))]
    return None


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)
