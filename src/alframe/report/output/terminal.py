"""A table as aligned columns of text, for a terminal."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from alframe.report.document import Table
from alframe.report.formatting import is_numeric, width_of

MOST_ROWS = 20
MOST_BLOCKS = 3  # of columns, one below the other
NARROWEST = 60  # letters of a line, also on a narrower terminal
WIDEST_NAME, WIDEST_CELL, WIDEST_TITLE = 32, 44, 12  # letters; longer texts continue on the next line
INDENT, GAP = "  ", "  "


@dataclass(frozen=True, kw_only=True)
class _Column:
    """The lines of each cell, the title first; all are padded to the widest line."""

    cells: Sequence[Sequence[str]]
    width: int
    right: bool


def to_text(table: Table, width: int = 80) -> str:
    """Return title, columns and note in lines of at most `width` letters.

    Columns that do not fit are below the others, with the names of the rows repeated. A line counts the rows
    and columns that are left out and names the file that has them. A word longer than its column, such as a
    path, makes a line longer.

    >>> print(to_text(Table(name="t", title="Two", head=["", "n"], rows=[["a", "1"], ["bcd", "20"]])))
    Two
    <BLANKLINE>
            n
      a     1
      bcd  20
    <BLANKLINE>
    """
    room = max(NARROWEST, width) - len(INDENT)
    rows = table.rows if table.name == "facts" else table.rows[:MOST_ROWS]
    columns = _columns(table.head, rows, room)
    blocks = _blocks(columns, room)
    lines, left = [table.title], len(table.rows) - len(rows)
    if len(blocks) > 1 and columns[0].width > room // 2:
        lines += ["", *_records(table.head, rows)]
    else:
        for block in blocks[:MOST_BLOCKS]:
            lines += ["", *_lines([columns[0], *block])]
    n_columns = 0 if columns[0].width > room // 2 else sum(map(len, blocks[MOST_BLOCKS:]))
    counted = ((left, "row"), (n_columns, "column"))
    more = [f"{n} more {what}{'' if n == 1 else 's'}" for n, what in counted if n]
    lines += ["", f"{INDENT}... {' and '.join(more)} in tables/{table.name}.md"] if more else []
    return "\n".join([*lines, "", *([*wrapped(table.note, width), ""] if table.note else [])])


def wrapped(text: str, width: int) -> list[str]:
    """Return a text in lines of at most `width` letters; longer words stay whole.

    >>> wrapped("a path/of/letters", 6), wrapped("", 6)
    (['a', 'path/of/letters'], [''])
    """
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False) or [""]


def _columns(head: Sequence[str], rows: Sequence[Sequence[str]], room: int) -> list[_Column]:
    first = _column(head[0], [row[0] for row in rows], WIDEST_NAME)
    widest = max(WIDEST_CELL, room - first.width - len(GAP)) if len(head) == 2 else WIDEST_CELL
    return [first, *(_column(head[k], [row[k] for row in rows], widest) for k in range(1, len(head)))]


def _column(title: str, texts: Sequence[str], widest: int) -> _Column:
    cells = [wrapped(text, widest) for text in texts]
    filled = _widest(cells)
    cells = [wrapped(title, max(filled, WIDEST_TITLE)), *cells]
    return _Column(cells=cells, width=_widest(cells), right=is_numeric(texts))


def _widest(cells: Sequence[Sequence[str]]) -> int:
    return max((width_of(line) for cell in cells for line in cell), default=0)


def _blocks(columns: Sequence[_Column], room: int) -> list[list[_Column]]:
    """Return the columns except the first, in groups that fit beside it."""
    blocks: list[list[_Column]] = []
    used = room
    for column in columns[1:]:
        used += len(GAP) + column.width
        if used > room:
            blocks.append([])
            used = columns[0].width + len(GAP) + column.width
        blocks[-1].append(column)
    return blocks or [[]]


def _lines(columns: Sequence[_Column]) -> list[str]:
    head, *rows = (list(cells) for cells in zip(*(column.cells for column in columns), strict=True))
    tallest = max(map(len, head))
    head = [[""] * (tallest - len(cell)) + list(cell) for cell in head]  # titles are aligned at the bottom
    lines = []
    for cells in (head, *rows):
        for texts in zip_longest(*cells, fillvalue=""):
            parts = map(_set, texts, columns)
            lines.append((INDENT + GAP.join(parts)).rstrip())
    return lines


def _set(text: str, column: _Column) -> str:
    blank = " " * (column.width - width_of(text))
    return blank + text if column.right else text + blank


def _records(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return each row as lines below its name, for names such as paths that leave no room beside them."""
    return [
        line
        for row in rows
        for line in (
            INDENT + row[0],
            *(f"{2 * INDENT}{title}: {text}" for title, text in zip(head[1:], row[1:], strict=True) if text),
        )
    ]
