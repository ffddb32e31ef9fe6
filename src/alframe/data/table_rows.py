"""The rows of a table in any format that is read, each with its place in the file for messages."""

import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alframe.core.errors import DataError
from alframe.core.optional_package import require
from alframe.data.label_studio_tasks import task_rows
from alframe.data.path_text import shown_path

FILE_NAMES = ("path", "file", "filename", "file_name", "filepath", "file_path", "image", "image_path")
PARQUET = (".parquet", ".pq")
JSON_LINES = (".jsonl", ".ndjson")
TASKS = (".json",)
LISTS = (".txt", ".lst")
DELIMITERS = ",;\t"


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Some columns of a table.

    Attributes:
        names: of all columns. places: of each row in the file, such as "line 2".
        columns: the cells of each column that was read; an empty one is "" or None.
    """

    names: Sequence[str]
    places: Sequence[str]
    columns: dict[str, list[Any]]


def read_rows(file: Path, key: str = "data.path") -> Rows:
    """Return the rows of a table, in a format that the suffix of the file tells.

    A Parquet file; JSON Lines with an object for each row; tasks of Label Studio (.json); a list of paths
    (.txt), one on each line; any other file is CSV whose first line has the names of the columns.

    Args:
        key: that names the file, for messages.

    Raises:
        DataError: it is no table, or cannot be read.
        ConfigError: it is a Parquet file, and pyarrow is not installed or cannot be imported.
    """
    try:
        return _READERS.get(file.suffix.lower(), _csv)(file)
    except (
        OSError,
        ValueError,
        RecursionError,
        csv.Error,
    ) as error:  # those of Arrow and JSON are ValueErrors
        reason = "it is no text in UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
        raise DataError(
            f"{key}: expected a table in {shown_path(file)}, but {reason.rstrip('.')}."
        ) from error


def _csv(file: Path) -> Rows:
    with file.open(encoding="utf-8-sig", newline="") as text:
        header = text.readline()
        text.seek(0)
        reader = csv.reader(text, delimiter=max(DELIMITERS, key=header.count), strict=True)
        names = [name.strip() for name in next(reader, [])]
        if len(set(names)) < len(names):
            raise ValueError("two of its columns have one name")
        rows, places = [], []
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            if len(row) != len(names):
                raise ValueError(
                    f"line {reader.line_num} has {len(row)} cells and the first line {len(names)}"
                )
            rows.append([cell.strip() for cell in row])
            places.append(f"line {reader.line_num}")
    columns = {name: [row[k] for row in rows] for k, name in enumerate(names)}
    return Rows(names=names, places=places, columns=columns)


def _parquet(file: Path) -> Rows:
    parquet = require(
        "pyarrow", module="pyarrow.parquet", key="data.path", use="Parquet files", install="pyarrow"
    )
    names = parquet.read_schema(file).names
    columns = parquet.read_table(file).to_pydict()
    places = [f"row {k}" for k in range(1, 1 + max(map(len, columns.values()), default=0))]
    return Rows(names=names, places=places, columns=columns)


def _json_lines(file: Path) -> Rows:
    rows, places = [], []
    with file.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                places.append(f"line {number}")
                rows.append(_object(line, places[-1]))
    return _of_objects(rows, places)


def _object(text: str, place: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{place} is no JSON: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{place} is no JSON object")
    return content


def _tasks(file: Path) -> Rows:
    rows = task_rows(json.loads(file.read_text(encoding="utf-8-sig")), file.parent)
    return _of_objects(rows, [f"task {number}" for number in range(1, len(rows) + 1)])


def _of_objects(rows: Sequence[dict[str, Any]], places: Sequence[str]) -> Rows:
    """Return rows as columns; a row without a key has None there."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    return Rows(names=names, places=places, columns={name: [row.get(name) for row in rows] for name in names})


def _list(file: Path) -> Rows:
    """Return the paths in a text file, one on each line; bytes of a path that are not UTF-8 stay as they are.

    A file whose first line has the names of columns is read as CSV.
    """
    with file.open(encoding="utf-8", errors="surrogateescape", newline="\n") as text:
        lines = [(f"line {n}", line.rstrip("\r\n").removeprefix("\ufeff")) for n, line in enumerate(text, 1)]
    filled = [(place, line) for place, line in lines if line.strip()]
    first = filled[0][1] if filled else ""
    if not (file.parent / first).is_file() and (
        first.strip().lower() in FILE_NAMES or any(sign in first for sign in DELIMITERS)
    ):
        return _csv(file)
    return Rows(
        names=["path"], places=[place for place, _ in filled], columns={"path": [p for _, p in filled]}
    )


_READERS: dict[str, Callable[[Path], Rows]] = {
    **dict.fromkeys(PARQUET, _parquet),
    **dict.fromkeys(JSON_LINES, _json_lines),
    **dict.fromkeys(TASKS, _tasks),
    **dict.fromkeys(LISTS, _list),
}
