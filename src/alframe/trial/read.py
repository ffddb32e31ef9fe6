"""What a finished trial must have left: summary.json and config.yaml, read and checked."""

import csv
import json
import math
import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import yaml

# libyaml reads a trial's config in 0.7 ms, PyYAML's own code in 5.4.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_COUNTS = ("seed", "n_samples", "hand_labels", "auto_labels", "rounds")
_FIGURES = ("hand_share", "coverage", "seconds", "train_seconds", "score_seconds")
_KNOWN_OR_NULL = ("mislabelled", "mislabelled_share", "auto_label_error", "test_accuracy")
_CERTIFICATE = ("asked", "found_wrong", "max_wrong_share")

T = TypeVar("T")


class Damaged(Exception):
    """A trial's file cannot be read; the text names it and says why."""


def read_summary(directory: Path) -> dict[str, Any]:
    """Return summary.json, with every figure that a report reads.

    Raises:
        Damaged: it is cut off, or a figure is missing or no number.
    """
    summary = parse_file(directory / "summary.json", json.loads)
    if not isinstance(summary, dict):
        raise Damaged(f"summary.json: expected an object, got {_shown(summary)}")
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


def read_config(directory: Path) -> dict[str, Any]:
    """Return config.yaml; equal sections of two trials may be one and the same object.

    Raises:
        Damaged: it is cut off or no mapping.
    """
    config = parse_file(directory / "config.yaml", _load_config)
    if not isinstance(config, dict):
        raise Damaged(f"config.yaml: expected settings, got {_shown(config)}")
    return config


def _load_config(text: str) -> Any:
    """Return a YAML mapping, section by section: the trials of a sweep share all but a few of theirs.

    1,000 configs of 120 lines are read in 0.06 s instead of 0.7. Where a section cannot be read by itself
    (its lines refer to another's), the whole is.
    """
    sections = re.split(r"^(?=[^\s#-])", text, flags=re.MULTILINE)
    config: dict[str, Any] = {}
    for section in sections:
        try:
            content = load_yaml(section) if section.strip() else {}
        except yaml.YAMLError:
            return load_yaml(text)
        if not isinstance(content, dict):
            return load_yaml(text)
        config.update(content)
    json.dumps(config)  # only plain values have a place in a trial's config
    return config


@lru_cache(maxsize=4096)
def load_yaml(text: str) -> Any:
    """Return plain containers from YAML."""
    return yaml.load(text, _LOADER)


def parse_file(file: Path, parse: Callable[[str], T]) -> T:
    """Return what `parse` makes of a file's text.

    Raises:
        Damaged: it is missing, or cannot be read or parsed.
    """
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


def _shown(content: Any) -> str:
    text = repr(content)
    return text if len(text) <= 40 else f"{text[:37]}..."
