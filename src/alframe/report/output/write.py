"""Write a report's files: the page, the figures as JSON, each table in three formats, each picture in two."""

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from alframe._files import write_whole
from alframe.core.errors import AlframeError, UserError
from alframe.report.document import Report, Table
from alframe.report.output.html import page
from alframe.report.output.table_formats import to_csv, to_latex, to_markdown

_PARTS = {"tables": (".md", ".csv", ".tex"), "pictures": (".svg", ".png")}


def write_report(report: Report, figures: Mapping[str, Any], folder: Path) -> None:
    """Write report.html, report.json, tables/ and pictures/ into a folder, which is created.

    Tables and pictures of an earlier report in that folder are removed if this report does not have them.

    Raises:
        UserError: the folder cannot be created. AlframeError: a file cannot be written.
    """
    files: dict[Path, str | bytes] = {
        folder / "report.html": page(report),
        folder / "report.json": _json(figures),
    }
    for section in report.sections:
        for part in section.parts:
            if isinstance(part, Table):
                at = folder / "tables"
                files[at / f"{part.name}.md"] = to_markdown(part)
                files[at / f"{part.name}.csv"] = to_csv(part)
                files[at / f"{part.name}.tex"] = to_latex(part)
            else:
                files[folder / "pictures" / f"{part.name}.svg"] = part.svg
                files[folder / "pictures" / f"{part.name}.png"] = part.png
    stale = _of_an_earlier_report(folder) - files.keys()
    for parent in dict.fromkeys(file.parent for file in files):
        _make(parent)
    for file, content in files.items():
        _replace(file, content)
    _remove(stale)


def write_json(figures: Mapping[str, Any], file: Path) -> None:
    """Write all figures into a file.

    Raises:
        UserError: the path is a folder or its folder does not exist.
        AlframeError: the file cannot be written.
    """
    if file.is_dir() or not file.parent.is_dir():
        raise UserError(f"--json: expected a file in an existing folder, got {file}.")
    _replace(file, _json(figures))


def _of_an_earlier_report(folder: Path) -> set[Path]:
    """Return the tables and pictures of an earlier report, whose report.json is in the folder.

    A table or picture counts if all of its formats are there, so a user's own notes.md does not.
    """
    if not (folder / "report.json").is_file():
        return set()
    found = set()
    for name, endings in _PARTS.items():
        for first in (folder / name).glob(f"*{endings[0]}"):
            part = {first.with_suffix(ending) for ending in endings}
            found |= part if all(file.is_file() and not file.is_symlink() for file in part) else set()
    return found


def _remove(files: set[Path]) -> None:
    for file in files:
        try:
            file.unlink(missing_ok=True)
        except OSError as error:
            raise AlframeError(
                f"{file}: expected to remove this old file, got {error.strerror}. Remove it, "
                "or name another folder."
            ) from error
    for folder in {file.parent for file in files}:
        with suppress(OSError):  # not empty
            folder.rmdir()


def _json(figures: Mapping[str, Any]) -> str:
    return json.dumps(figures, allow_nan=False) + "\n"


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"--out: expected a writable folder, got {folder} ({error.strerror}). Write --out FOLDER."
        ) from error


def _replace(file: Path, content: str | bytes) -> None:
    try:
        write_whole(file, content, to_disk=False)  # a lost report can be made again in seconds
    except OSError as error:
        raise AlframeError(
            f"{file}: expected to write this file, got {error.strerror or error}. Name another folder."
        ) from error
