"""The cells of a table of labels: its column of labels, the text of a label, the sample of a row."""

from pathlib import Path
from typing import Any

from alframe.auditing.given_probabilities import KEY
from alframe.core.errors import DataError
from alframe.data import ImageDataset
from alframe.data.table import LABEL_NAMES
from alframe.data.table_rows import DELIMITERS, FILE_NAMES, Rows
from alframe.oracle.class_names import match_answer
from alframe.trial.answers_in_tables import RowFinder


def label_column(rows: Rows, where: str) -> str | None:
    """Return the name of the column of labels, or None without one.

    Raises:
        DataError: several columns have a usual name.
    """
    found = [name for name in rows.names if name.lower() in LABEL_NAMES]
    if len(found) > 1:
        raise DataError(
            f"{KEY}: expected one column of labels in {where}, got {', '.join(found)}. Remove or rename the "
            "others."
        )
    return found[0] if found else None


def label_text(cell: Any, class_names: tuple[str, ...] = ()) -> str:
    """Return the label in a cell as text; "" if it is empty or not a number (NaN), and no class is called so.

    >>> label_text(0), label_text(None), label_text(" cat "), label_text(float("nan"))
    ('0', '', 'cat', '')
    """
    text = "" if cell is None else str(cell).strip()
    return "" if text.lower() == "nan" and match_answer(text, class_names) is None else text


def column_hint(rows: Rows) -> str:
    """Return what to do about a table that lacks a column: one with a single column has another separator."""
    if len(rows.names) == 1 and not any(sign in rows.names[0] for sign in DELIMITERS):
        return " Separate the columns by commas, semicolons or tabs, and name them in the first line."
    return " Name the columns in the first line." if rows.names else " The file is empty."


class IndexOf:
    """Finds the sample of a row: by its file, or by its index if the table or the data name no files."""

    def __init__(self, dataset: ImageDataset, rows: Rows, folder: Path) -> None:
        self._finder = RowFinder(dataset, rows, folder)
        named = {name.lower() for name in rows.names}
        names_files = bool(named & {*FILE_NAMES, "name"})
        self._by_index = dataset.files_N is None or ("index" in named and not names_files)
        self._column = next((name for name in rows.names if name.lower() == "index"), None)
        if self._column is None and (self._by_index or not names_files):
            wanted = "a column file or index"
            if dataset.files_N is None:
                wanted = f"a column index, since the images of {dataset.name} are no files"
            raise DataError(f"{KEY}: expected {wanted}, got {', '.join(rows.names)}. Give it that name.")
        self._rows, self._n = rows, len(dataset)
        self._example = dataset.files_N[0] if dataset.files_N else ""

    def __call__(self, number: int) -> int | None:
        """Return the index of a row's sample, or None if it is not in the data."""
        if not self._by_index:
            return self._finder.index(number)
        text = str(self._rows.columns[self._column or ""][number]).strip()
        whole = text.removesuffix(".0")  # tables with an empty cell somewhere have whole numbers as 3.0
        return int(whole) if whole.isdecimal() and int(whole) < self._n else None

    def shown(self, number: int) -> str:
        """Return the name of a row's image for people."""
        if self._by_index:
            return f"index {self._rows.columns[self._column or ''][number]}"
        return self._finder.shown(number)

    def known(self) -> str:
        """Return what the images are called, for people."""
        return f"indices are 0 to {self._n - 1:,}" if self._by_index else f"files are such as {self._example}"
