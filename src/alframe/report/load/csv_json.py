"""Read and check the files of a trial; `Damaged` names the file and the mistake."""

import csv
import io
import json
import math
import re
from pathlib import Path
from typing import Any, Literal

from alframe.trial.read import Damaged, load_yaml, parse_file

_COLUMNS = ("kind", "hand_new", "hand_labels", "auto_labels", "mislabelled_share", "test_accuracy")
_N_COUNTS = 4  # the first columns, never empty
_CHOICES = re.compile(r"^  runtime:\n(?:    .*\n)*?    choices:\n((?:      .*\n)+)", re.MULTILINE)


def read_failure(directory: Path) -> tuple[Literal["failed", "interrupted", "waiting"], str]:
    """Return (status, reason) from failure.json; the reason is one line, the last one of a traceback.

    Raises:
        Damaged: the file is cut off or has another form.
    """
    failure = parse_file(directory / "failure.json", json.loads)
    if not isinstance(failure, dict) or failure.get("status") not in ("failed", "interrupted", "waiting"):
        raise Damaged("failure.json: expected a status, failed, interrupted or waiting")
    lines = str(failure.get("reason") or "").strip().splitlines()
    return failure["status"], lines[-1].strip() if lines else "no reason given"


def read_rounds(directory: Path) -> list[dict[str, str]]:
    """Return the rows of rounds.csv, as text.

    Raises:
        Damaged: there are no rows, a row is cut off, or a column is missing or not a number.
    """
    rows = parse_file(
        directory / "rounds.csv", lambda text: list(csv.DictReader(io.StringIO(text), strict=True))
    )
    if not rows:
        raise Damaged("rounds.csv: expected a row for each round, got none")
    for number, row in enumerate(rows, start=2):
        if None in row or None in row.values() or not set(_COLUMNS) <= row.keys():
            raise Damaged(f"rounds.csv: line {number} is cut off or has another form")
        for column in _COLUMNS[1:]:
            if not _is_readable(row[column], optional=column in _COLUMNS[_N_COUNTS:]):
                raise Damaged(
                    f"rounds.csv: line {number}: expected a number as {column}, got {row[column]!r}"
                )
    return rows


def read_choices(directory: Path) -> dict[str, str]:
    """Return the choice for each config group, empty without a .hydra folder.

    Raises:
        Damaged: Hydra's file is cut off.
    """
    file = directory / ".hydra" / "hydra.yaml"
    if not file.exists():
        return {}
    choices = parse_file(file, _load_choices)
    if not isinstance(choices, dict):
        raise Damaged(".hydra/hydra.yaml: expected hydra.runtime.choices")
    return {str(group): str(choice) for group, choice in choices.items() if choice is not None}


def _load_choices(text: str) -> Any:
    """Return hydra.runtime.choices. Only this tenth of the file is parsed, which is equal in most trials."""
    found = _CHOICES.search(text)
    return load_yaml(found[1]) if found else load_yaml(text)["hydra"]["runtime"]["choices"]


def _is_readable(text: str, optional: bool) -> bool:
    if not text:
        return optional
    try:
        return math.isfinite(float(text) if optional else int(text))
    except ValueError:
        return False
