"""The rows of a CSV or Parquet file, each with its place in the file for messages."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alframe.core.errors import DataError
from alframe.core.optional_package import require
from alframe.data.path_text import shown_path

PARQUET = (".parquet", ".pq")
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


def read_rows(file: Path) -> Rows:
    """Return the rows of a table; its first line has the names of the columns.

    Raises:
        DataError: it is no table, or cannot be read.
        ConfigError: it is a Parquet file, and pyarrow is not installed or cannot be imported.
    """
    try:
        return _parquet(file) if file.suffix.lower() in PARQUET else _csv(file)
    except (OSError, ValueError, csv.Error) as error:  # Arrow's errors are ValueErrors
        reason = "it is no text in UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
        raise DataError(f"data.path: expected a table in {shown_path(file)}, but {reason}.") from error


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
