"""The files of a trial, read and checked: a function returns what one holds, or says what is wrong."""

import csv
import io
import json
import math
import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml

# libyaml reads a trial's config in 0.7 ms, PyYAML's own code in 5.4.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_COUNTS = ("seed", "n_samples", "hand_labels", "auto_labels", "rounds")
_FIGURES = ("hand_share", "coverage", "seconds", "train_seconds", "score_seconds")
_KNOWN_OR_NULL = ("mislabelled", "mislabelled_share", "auto_label_error", "test_accuracy")
_CERTIFICATE = ("asked", "found_wrong", "max_wrong_share")
_COLUMNS = ("kind", "hand_new", "hand_labels", "mislabelled_share", "test_accuracy")

_CHOICES = re.compile(r"^  runtime:\n(?:    .*\n)*?    choices:\n((?:      .*\n)+)", re.MULTILINE)

T = TypeVar("T")


class Damaged(Exception):
    """A trial's file cannot be read; the text names it and says why."""


def read_summary(directory: Path) -> dict[str, Any]:
    """Return summary.json, with every figure that a report reads.

    Raises:
        Damaged: it is cut off, or a figure is missing or no number.
    """
    summary = _parse(directory / "summary.json", json.loads)
    if not isinstance(summary, dict):
        raise Damaged("summary.json: expected an object")
    for key in (*_COUNTS, *_FIGURES, *_KNOWN_OR_NULL):
        value = summary.get(key)
        if not (_is_number(value) or (value is None and key in _KNOWN_OR_NULL and key in summary)):
            raise Damaged(f"summary.json: expected a number as {key}, got {value!r}")
    if summary["n_samples"] < 1:
        raise Damaged(f"summary.json: expected samples, got n_samples {summary['n_samples']}")
    certificate = summary.get("certificate")
    if not (certificate is None or _is_certificate(certificate)):
        raise Damaged(f"summary.json: expected a certificate with {', '.join(_CERTIFICATE)}, or null")
    return summary


def _is_certificate(content: Any) -> bool:
    return isinstance(content, dict) and all(_is_number(content.get(key)) for key in _CERTIFICATE)


def read_failure(directory: Path) -> tuple[Literal["failed", "interrupted", "waiting"], str]:
    """Return (status, reason) from failure.json, the reason in one line, a traceback's being its last.

    Raises:
        Damaged: it is cut off, or of another form.
    """
    failure = _parse(directory / "failure.json", json.loads)
    if not isinstance(failure, dict) or failure.get("status") not in ("failed", "interrupted", "waiting"):
        raise Damaged("failure.json: expected a status, failed, interrupted or waiting")
    lines = str(failure.get("reason") or "").strip().splitlines()
    return failure["status"], lines[-1].strip() if lines else "no reason given"


def read_rounds(directory: Path) -> list[dict[str, str]]:
    """Return the rows of rounds.csv, as text.

    Raises:
        Damaged: there are none, one is cut off, or a column that a report reads is missing or no number.
    """
    rows = _parse(directory / "rounds.csv", lambda text: list(csv.DictReader(io.StringIO(text), strict=True)))
    if not rows:
        raise Damaged("rounds.csv: expected a row for each round, found none")
    for number, row in enumerate(rows, start=2):
        if None in row or None in row.values() or not set(_COLUMNS) <= row.keys():
            raise Damaged(f"rounds.csv: line {number} is cut off or of another form")
        for column in _COLUMNS[1:]:
            if not _is_readable(row[column], optional=column in _COLUMNS[3:]):
                raise Damaged(
                    f"rounds.csv: line {number}: expected a number as {column}, got {row[column]!r}"
                )
    return rows


def read_config(directory: Path) -> dict[str, Any]:
    """Return config.yaml; equal sections of two trials may be one and the same object.

    Raises:
        Damaged: it is cut off or no mapping.
    """
    config = _parse(directory / "config.yaml", _load_config)
    if not isinstance(config, dict):
        raise Damaged("config.yaml: expected settings")
    return config


def read_choices(directory: Path) -> dict[str, str]:
    """Return the choice made for each config group, empty where Hydra left no folder of its own.

    Raises:
        Damaged: Hydra's file is cut off.
    """
    file = directory / ".hydra" / "hydra.yaml"
    if not file.exists():
        return {}
    choices = _parse(file, _load_choices)
    if not isinstance(choices, dict):
        raise Damaged(".hydra/hydra.yaml: expected hydra.runtime.choices")
    return {str(group): str(choice) for group, choice in choices.items() if choice is not None}


def _load_config(text: str) -> Any:
    """Return a YAML mapping, section by section: the trials of a sweep share all but a few of theirs.

    1,000 configs of 120 lines are read in 0.06 s instead of 0.7. Where a section cannot be read by itself
    (its lines refer to another's), the whole is.
    """
    sections = re.split(r"^(?=[^\s#-])", text, flags=re.MULTILINE)
    config: dict[str, Any] = {}
    for section in sections:
        try:
            content = _load(section) if section.strip() else {}
        except yaml.YAMLError:
            return _load(text)
        if not isinstance(content, dict):
            return _load(text)
        config.update(content)
    json.dumps(config)  # only plain values have a place in a trial's config
    return config


def _load_choices(text: str) -> Any:
    """Return hydra.runtime.choices; they are a tenth of the file, and mostly the same in all trials."""
    found = _CHOICES.search(text)
    return _load(found[1]) if found else _load(text)["hydra"]["runtime"]["choices"]


@lru_cache(maxsize=4096)
def _load(text: str) -> Any:
    return yaml.load(text, _LOADER)


def _parse(file: Path, parse: Callable[[str], T]) -> T:
    name = "/".join(file.parts[-2:]) if file.parent.name == ".hydra" else file.name
    try:
        return parse(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Damaged(f"{name} is missing") from None
    except OSError as error:
        raise Damaged(f"{name}: {error.strerror or error}") from None
    except (ValueError, TypeError, LookupError, RecursionError, yaml.YAMLError, csv.Error) as error:
        lines = str(error).split("\n")
        raise Damaged(f"{name}: cut off or damaged ({lines[0]})") from None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_readable(text: str, optional: bool) -> bool:
    if not text:
        return optional
    try:
        return math.isfinite(float(text) if optional else int(text))
    except ValueError:
        return False
