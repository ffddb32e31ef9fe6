"""From the text of an answer sheet to its lines, in any dialect of CSV that spreadsheets write."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from alframe.oracle.number_text import whole_number

DELIMITERS = (",", ";", "\t", "|")
_NEEDED = ("index", "label")
_TOP = 5  # the header is among the first records
_DAMAGE = re.compile("[\\0\\u0a00]")  # zero bytes; a line end of UTF-16 in the wrong order of bytes
_UNDO = "Undo the last change, or delete the file: the next start writes it again"


@dataclass(frozen=True, kw_only=True)
class Line:
    """One record of the table.

    Attributes:
        line: the number of its first line in the file, from 1.
        index, file, label: the cells of these columns as typed, empty if there is none.
        others: title (empty without one) and content of each other cell that is not empty.
        behind: delimiter and cells that follow the label without a title of their own, as typed.
    """

    line: int
    index: str
    file: str
    label: str
    others: tuple[tuple[str, str], ...]
    behind: str


@dataclass(frozen=True, kw_only=True)
class Table:
    """The lines that are not empty, and problems to be shown after the file's name."""

    lines: tuple[Line, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Layout:
    """The cells' delimiter, that inside the first cell (or ""), the header's line and its titles."""

    delimiter: str
    inner: str
    line: int
    titles: tuple[str, ...]


class _Unreadable(Exception):
    """A record's quotes do not match; the text says where."""


def read_table(text: str) -> Table:
    """Return the lines of a table whose header names at least the columns index and label."""
    if not text.strip("\0,;|\"' \t\r\n"):
        return Table(problems=(f": the file is empty. {_UNDO}",))
    damaged = []
    wrong = _DAMAGE.search(text)
    if wrong:
        line = len(re.findall(r"\r\n|\r|\n", text[: wrong.start()])) + 1
        damaged = [f" line {line}: expected text, got damaged bytes. {_UNDO}"]
        text = text.replace("\0", "")
    layout = _layout(text)
    if layout is None:
        return Table(problems=(*damaged, _no_header(text)))
    double = [title for title in _NEEDED if layout.titles.count(title) > 1]
    if double:
        return Table(
            problems=(*damaged, f" line {layout.line}: expected one column {double[0]}, got more. Keep one")
        )
    lines: list[Line] = []
    try:
        for number, cells in _records(text, layout.delimiter):
            if number > layout.line and any(cell.strip() for cell in cells):
                lines.append(_line(number, cells, layout))
    except _Unreadable as error:
        damaged.append(str(error))
    return Table(lines=tuple(each for each in lines if not _is_header(each)), problems=tuple(damaged))


def _records(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of the first line and the cells of each record."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise _Unreadable(
                f" line {line}: expected cells with matching double quotes, got an error ({error}). "
                "Correct this line"
            ) from error
        if cells is None:
            return
        yield line, cells


def _top(text: str, delimiter: str) -> list[tuple[int, list[str]]]:
    """Return the first records that are not empty, up to the first that cannot be read."""
    top: list[tuple[int, list[str]]] = []
    try:
        filled = (each for each in _records(text, delimiter) if any(cell.strip() for cell in each[1]))
        top.extend(islice(filled, _TOP))
    except _Unreadable:
        pass
    return top


def _layout(text: str) -> _Layout | None:
    """Return the layout whose header has the needed columns.

    A spreadsheet that expects another delimiter puts each line into its first cell. What is typed beside it
    stands behind another delimiter.
    """
    named = re.match(r'\s*"?sep=(.)', text, re.IGNORECASE)
    delimiters = dict.fromkeys([*(named[1] if named and named[1] not in '"\r\n' else ""), *DELIMITERS])
    tops = {delimiter: _top(text, delimiter) for delimiter in delimiters}
    for delimiter, top in tops.items():
        for line, cells in top:
            titles = _titles(cells)
            if set(_NEEDED) <= set(titles):
                return _Layout(delimiter, "", line, titles)
    for delimiter, top in tops.items():
        for line, cells in top:
            for inner in delimiters:
                titles = _titles(_split(cells[0], inner))
                if inner != delimiter and set(_NEEDED) <= set(titles):
                    return _Layout(delimiter, inner, line, titles)
    return None


def _titles(cells: Sequence[str]) -> tuple[str, ...]:
    return tuple(cell.strip().strip("\"'").strip().casefold() for cell in cells)


def _split(cell: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([cell], delimiter=delimiter), [])
    except csv.Error:
        return [cell]


def _line(number: int, cells: list[str], layout: _Layout) -> Line:
    n_titles = len(layout.titles)
    if layout.inner:
        first = _split(cells[0], layout.inner)
        cells = [*first, *[""] * (n_titles - len(first)), *cells[1:]]
    while len(cells) > n_titles and not cells[-1].strip():
        cells = cells[:-1]
    titles = [*layout.titles, *[""] * (len(cells) - n_titles)]
    cells = [*cells, *[""] * (n_titles - len(cells))]
    cell_of = {title: cell if cell.strip() else "" for title, cell in zip(titles, cells, strict=True)}
    label, behind = cell_of["label"], cells[n_titles:] if layout.titles[-1] == "label" else []
    if layout.inner and behind and not label:  # typed beside the line that stands in one cell
        label, behind = behind[0], behind[1:]
        cells = cells[:n_titles]
    named = zip(titles, cells, strict=False)
    return Line(
        line=number,
        index=cell_of["index"].strip(),
        file=cell_of.get("file", ""),
        label=label,
        others=tuple((title, cell) for title, cell in named if cell.strip() and title not in _NEEDED),
        behind="".join(layout.delimiter + cell for cell in behind),
    )


def _is_header(line: Line) -> bool:
    """Return True for a header among the lines, as after two sheets were put together."""
    return (line.index.casefold(), line.label.strip().casefold()) == _NEEDED


def _no_header(text: str) -> str:
    delimiter = max(DELIMITERS, key=text[:1000].count)
    line, cells = next(iter(_top(text, delimiter)), (1, [text[:40]]))
    if cells[0].strip() and whole_number(cells[0]) is not None:
        return (
            f" line {line}: the header is missing. Write a line above it: index,file,image,label; "
            "in answers.csv index,file,label,at"
        )
    shown = ", ".join(repr(cell.strip()[:40]) for cell in cells[:6])
    return f" line {line}: expected the columns index and label, got {shown}. Give the columns these names"
