"""The answer sheet: a CSV file that people fill in with any editor or spreadsheet.

Columns: index, file (the image's file name, or empty), image (the picture beside the sheet), label.
"""

import filecmp
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from alframe.oracle.class_names import match_answer, writable
from alframe.oracle.number_text import readings, whole_number
from alframe.oracle.sheet_bytes import NotASheet, possible_texts, read_bytes
from alframe.oracle.sheet_table import Line, Table, read_table

COLUMNS = ("index", "file", "image", "label")
_WORKBOOKS = frozenset([".xlsx", ".xlsm", ".xlsb", ".xls", ".ods", ".fods", ".numbers", ".gsheet"])
_TABLES = frozenset([".csv", ".tsv", ".tab", ".txt"])
_OWN = frozenset(["", "file", "picture", "image"])  # titles of the columns that are no one else's
_FORMULA_SIGNS = ("=", "+", "-", "@")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of a sheet, as typed.

    Attributes:
        line: the number of its line in the file, from 1.
        index, file, image, label: its cells; empty if there is none. A label of spaces alone is empty.
    """

    line: int
    index: str
    file: str
    image: str
    label: str


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """The lines of a sheet, with or without a label, and one sentence for each problem.

    If there are problems, the rows are not all that people wrote.
    """

    rows: tuple[Row, ...] = ()
    problems: tuple[str, ...] = ()


def read_sheet(file: Path, class_names: Sequence[str] = ()) -> Sheet:
    """Return the rows of a sheet in any form that spreadsheets write. It raises no error.

    Args:
        file: a CSV file; without it the sheet is empty.
        class_names: C names. With them, encodings other than Unicode and answers in the wrong column are
            recognised.
    """
    try:
        table = _read(possible_texts(read_bytes(file)), class_names)
        problems = [*table.problems, *(_misplaced(table, class_names) if class_names else [])]
    except FileNotFoundError:
        table, problems = Table(), []
    except NotASheet as error:
        table, problems = Table(), [f": {error}"]
    rows = tuple(
        Row(
            line=each.line,
            index=each.index,
            file=each.file,
            image=dict(each.others).get("image", ""),
            label=_label(each, class_names),
        )
        for each in table.lines
    )
    beside = _newer_beside(file, filled=any(row.label for row in rows))
    return Sheet(rows=rows, problems=(*(f"{file.name}{each}" for each in problems), *beside))


def write_sheet_lines(
    rows: Iterable[Sequence[str]], class_names: Sequence[str] = (), columns: Sequence[str] = COLUMNS
) -> Iterator[str]:
    """Yield the lines of a sheet with its header; `read_sheet` returns the same cells.

    The text begins with a byte order mark if a cell or a class name is not ASCII: without it Excel shows
    other letters. Cells that begin like a formula are quoted.

    Args:
        rows: one text per column each. class_names: the names that people will type. columns: the titles.
    """
    lines = [_csv_line(cells) for cells in (columns, *rows)]
    if not all(text.isascii() for text in (*lines, *class_names)):
        yield "\ufeff"
    yield from lines


def _csv_line(cells: Sequence[str]) -> str:
    return ",".join(_csv_cell(writable(cell)) for cell in cells) + "\n"


def _csv_cell(cell: str) -> str:
    special = any(sign in cell for sign in ',;\t|"\r\n') or cell.startswith(_FORMULA_SIGNS)
    return '"' + cell.replace('"', '""') + '"' if special or cell != cell.strip() else cell


def _read(texts: Sequence[str], class_names: Sequence[str]) -> Table:
    """Return the table whose labels are class names, or the first if no label depends on the encoding.

    Raises:
        NotASheet: labels are names in no encoding, or different names in two of them.
    """
    first = read_table(texts[0])
    if len(texts) == 1 or not class_names or all(line.label.isascii() for line in first.lines):
        return first
    tables = [first, *map(read_table, texts[1:])]
    answers = [
        {line.line: match_answer(line.label, class_names) for line in table.lines if not line.label.isascii()}
        for table in tables
    ]
    n_known = [sum(answer is not None for answer in each.values()) for each in answers]
    best = [each for each, n in zip(answers, n_known, strict=True) if n == max(n_known)]
    for line, answer in best[0].items():
        if not max(n_known) or any(each.get(line) != answer for each in best):
            raise NotASheet(
                f"expected UTF-8 text, got other bytes in the label of line {line}. Save it as CSV UTF-8"
            )
    return tables[n_known.index(max(n_known))]


def _label(line: Line, class_names: Sequence[str]) -> str:
    """Return the label; cells behind it belong to it if together they are a class name."""
    whole = line.label + line.behind
    return whole if line.behind and match_answer(whole, class_names) is not None else line.label


def _misplaced(table: Table, class_names: Sequence[str]) -> Iterator[str]:
    """Yield a sentence for each answer that is not, or not only, in the column label."""
    none_filled = not any(line.label for line in table.lines)
    for line in table.lines:
        if line.label:
            if line.behind and _is_doubtful(line, class_names):
                yield (
                    f" line {line.line}: expected one cell for the label, got {line.label + line.behind!r}. "
                    "Put double quotes around a label with such a sign, and delete other cells behind it"
                )
            continue
        for title, cell in _suspects(line, none_filled):
            if match_answer(cell, class_names) is not None or (none_filled and not title):
                where = f"in column {title}" if title else "behind the last column"
                yield (
                    f" line {line.line}: the answer {cell.strip()!r} seems to be {where}. "
                    "Move it to the column label"
                )
                break


def _is_doubtful(line: Line, class_names: Sequence[str]) -> bool:
    whole = line.label + line.behind
    if match_answer(whole, class_names) is not None:
        return False
    begins = any(name.startswith(line.label.strip() + line.behind[0]) for name in class_names)
    return begins or bool(readings(whole)) or match_answer(line.label, class_names) is None


def _suspects(line: Line, none_filled: bool) -> Iterator[tuple[str, str]]:
    """Yield title and content of the cells where an answer is looked for if there is no label."""
    if whole_number(line.index) is None:
        yield "index", line.index
    for title, cell in line.others:
        if none_filled or title in _OWN:
            yield title, cell


def _newer_beside(file: Path, *, filled: bool) -> Iterator[str]:
    """Yield a sentence for each table beside the sheet that was saved after it.

    Workbooks of any name count if the sheet has no label; else the names that begin like the sheet's.
    """
    try:
        saved = file.stat().st_mtime_ns if file.exists() else 0
        for other in sorted(file.parent.iterdir()):
            workbook = other.suffix.lower() in _WORKBOOKS
            if _may_hold_answers(other, file, filled) and other.stat().st_mtime_ns > saved:
                how = "Save it as CSV over" if workbook else "Rename it to"
                yield (
                    f"{other.name} is newer than {file.name} and is not read. {how} {file.name}, or delete "
                    "it if it holds no answers"
                )
    except OSError:  # the directory cannot be listed: there is nothing to compare
        return


def _may_hold_answers(other: Path, file: Path, filled: bool) -> bool:
    if other.name == file.name or other.name.startswith(("~", ".")):  # the sheet, or a program's lock
        return False
    alike = other.stem.casefold().startswith(file.stem.casefold())
    if other.suffix.lower() in _WORKBOOKS:
        return alike or not filled
    table = alike and other.suffix.lower() in _TABLES and other.is_file()
    return table and not (file.is_file() and filecmp.cmp(other, file, shallow=False))
