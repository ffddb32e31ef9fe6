"""A table as Markdown, CSV and LaTeX."""

import csv
import io
import re
from collections.abc import Sequence

from alframe.report.document import Table


def to_markdown(table: Table) -> str:
    r"""Return title, table and note as Markdown.

    >>> print(to_markdown(Table(name="t", title="Two", head=["", "a"], rows=[["x|y", "1"], ["z", "2"]])))
    Two
    <BLANKLINE>
    |  | a |
    |---|---|
    | x\|y | 1 |
    | z | 2 |
    <BLANKLINE>
    """
    lines = [_markdown_row(table.head), "|" + "---|" * len(table.head), *map(_markdown_row, table.rows)]
    return "\n".join([table.title, "", *lines, "", *([table.note, ""] if table.note else [])])


def _markdown_row(cells: Sequence[str]) -> str:
    escaped = (" ".join(cell.replace("\\", "\\\\").replace("|", "\\|").split()) for cell in cells)
    return f"| {' | '.join(escaped)} |"


def to_csv(table: Table) -> str:
    """Return head and rows as CSV; lines end with a line feed.

    >>> to_csv(Table(name="t", title="One", head=["", "a, b"], rows=[["x", "1"]]))
    ',"a, b"\\nx,1\\n'
    """
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([table.head, *table.rows])
    return text.getvalue()


def to_latex(table: Table) -> str:
    """Return a LaTeX tabular that needs no package, with title and note as comments."""
    columns = "l" + "r" * (len(table.head) - 1)
    lines = [
        f"% {_in_line(table.title)}",
        f"\\begin{{tabular}}{{{columns}}}",
        "\\hline",
        _latex_row(table.head),
        "\\hline",
        *map(_latex_row, table.rows),
        "\\hline",
        "\\end{tabular}",
        *([f"% {_in_line(table.note)}"] if table.note else []),
    ]
    return "\n".join(lines) + "\n"


_LATEX = {
    "\\": "\\textbackslash{}",
    "{": "\\{",
    "}": "\\}",
    "%": "\\%",
    "&": "\\&",
    "#": "\\#",
    "$": "\\$",
    "_": "\\_",
    "~": "\\textasciitilde{}",
    "^": "\\textasciicircum{}",
    "<": "$<$",
    ">": "$>$",
    "|": "$|$",
    '"': "''",
    "–": "--",
    "—": "---",
    "…": "\\ldots{}",
    "≤": "$\\le$",
    "≥": "$\\ge$",
    "±": "$\\pm$",
    "×": "$\\times$",
    "−": "$-$",
}
_MINUS = re.compile(r"(?<![\w.)-])-(?=\d)")


def escape_latex(text: str) -> str:
    r"""Return one line of text escaped for LaTeX, with hyphens before numbers as minus signs.

    >>> print(escape_latex("50 % of a_b & -1.5"))
    50 \% of a\_b \& $-$1.5
    """
    return "".join(_LATEX.get(character, character) for character in _MINUS.sub("−", _in_line(text)))


def _latex_row(cells: Sequence[str]) -> str:
    row = " & ".join(map(escape_latex, cells))
    guard = "{}" if row[:1] in ("[", "*") else ""  # else the \\ of the row before takes it as an argument
    return f"{guard}{row} \\\\"


def _in_line(text: str) -> str:
    return " ".join(text.split())
