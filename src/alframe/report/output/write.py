"""A report's files: one page, one file for machines, each table in three formats, each picture in two."""

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
    """Write report.html, report.json, tables/ and pictures/ into a folder, which is made.

    Of an earlier report in that folder, tables and pictures that this one does not have are removed.

    Raises:
        UserError: the folder cannot be made. AlframeError: a file cannot be written.
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
        UserError: no file can be there. AlframeError: it cannot be written.
    """
    if file.is_dir() or not file.parent.is_dir():
        raise UserError(f"--json: expected a file in a folder that is there, got {file}.")
    _replace(file, _json(figures))


def _of_an_earlier_report(folder: Path) -> set[Path]:
    """Return the files of an earlier report's tables and pictures, told by its report.json beside them.

    A part is one that lies there in all of its formats, so that anyone's own notes.md is none.
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
                f"{file}: of an earlier report, could not be removed ({error.strerror}). Remove it, or name "
                "another folder."
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
            f"--out: expected a folder that can be written, got {folder} ({error.strerror}). "
            "Name another one with --out FOLDER."
        ) from error


def _replace(file: Path, content: str | bytes) -> None:
    try:
        write_whole(file, content, to_disk=False)  # a report is made again in seconds
    except OSError as error:
        raise AlframeError(
            f"{file}: could not be written ({error.strerror or error}). Mend that, or name another folder."
        ) from error
