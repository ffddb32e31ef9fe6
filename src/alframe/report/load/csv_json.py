"""Read and check the files of a trial; `Damaged` names the file and the mistake."""

import csv
import io
import json
import re
from pathlib import Path
from typing import Any, Literal

from alframe.core.file_names import FAILURE, HYDRA, ROUNDS
from alframe.core.reports import RoundRow
from alframe.trial.read_finished import Damaged, load_yaml, parse_file

_CHOICES = re.compile(r"^  runtime:\n(?:    .*\n)*?    choices:\n((?:      .*\n)+)", re.MULTILINE)


def read_failure(directory: Path) -> tuple[Literal["failed", "interrupted", "waiting"], str]:
    """Return (status, reason) from failure.json; the reason is one line, the last one of a traceback.

    Raises:
        Damaged: the file is cut off or has another form.
    """
    failure = parse_file(directory / FAILURE, json.loads)
    if not isinstance(failure, dict) or failure.get("status") not in ("failed", "interrupted", "waiting"):
        raise Damaged(f"{FAILURE}: expected a status, failed, interrupted or waiting")
    lines = str(failure.get("reason") or "").strip().splitlines()
    return failure["status"], lines[-1].strip() if lines else "no reason given"


def read_rounds(directory: Path) -> list[RoundRow]:
    """Return the rows of rounds.csv, at least one.

    Raises:
        Damaged: there are no rows, a row is cut off, or a column is missing or not a number.
    """
    rows = parse_file(directory / ROUNDS, lambda text: list(csv.DictReader(io.StringIO(text), strict=True)))
    if not rows:
        raise Damaged(f"{ROUNDS}: expected a row for each round, got none")
    found = []
    for number, row in enumerate(rows, start=2):
        if None in row or None in row.values():
            raise Damaged(f"{ROUNDS}: line {number} is cut off or has another form")
        try:
            found.append(RoundRow.from_csv(row))
        except ValueError as error:
            raise Damaged(f"{ROUNDS}: line {number}: {error}") from None
    return found


def read_choices(directory: Path) -> dict[str, str]:
    """Return the choice for each config group, empty without a .hydra folder.

    Raises:
        Damaged: Hydra's file is cut off.
    """
    file = directory / HYDRA / "hydra.yaml"
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
