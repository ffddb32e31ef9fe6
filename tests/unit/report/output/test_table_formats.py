"""Tables as text, character by character."""

import csv
import io

from alframe.report.document import Table
from alframe.report.output.table_formats import escape_latex, to_csv, to_latex, to_markdown

TABLE = Table(
    name="t",
    title="Means, 95 % intervals",
    head=["group", "a_b, %"],
    rows=[["x|y", "1.5 (1.0 to 2.0)"], ["[z]", "-0.25, p < 0.001"], ["*", ""]],
    note="Said & done.",
)


def test_markdown() -> None:
    assert to_markdown(TABLE) == (
        "Means, 95 % intervals\n\n| group | a_b, % |\n|---|---|\n| x\\|y | 1.5 (1.0 to 2.0) |\n"
        "| [z] | -0.25, p < 0.001 |\n| * |  |\n\nSaid & done.\n"
    )


def test_a_cell_of_two_lines_stays_a_row() -> None:
    table = Table(name="t", title="T", head=["a"], rows=[["one\ntwo"]])
    assert "| one two |" in to_markdown(table)
    assert "one two \\\\" in to_latex(table)


def test_csv_is_read_back() -> None:
    rows = list(csv.reader(io.StringIO(to_csv(TABLE))))
    assert rows == [list(TABLE.head), *map(list, TABLE.rows)]


def test_latex_by_hand() -> None:
    assert to_latex(TABLE) == (
        "% Means, 95 % intervals\n"
        "\\begin{tabular}{lr}\n"
        "\\hline\n"
        "group & a\\_b, \\% \\\\\n"
        "\\hline\n"
        "x$|$y & 1.5 (1.0 to 2.0) \\\\\n"
        # After \\ a bracket would be a length and a star an order.
        "{}[z] & $-$0.25, p $<$ 0.001 \\\\\n"
        "{}* &  \\\\\n"
        "\\hline\n"
        "\\end{tabular}\n"
        "% Said & done.\n"
    )


def test_latex_escapes_each_of_its_own_characters() -> None:
    assert escape_latex("\\ { } % & # $ _ ~ ^") == (
        "\\textbackslash{} \\{ \\} \\% \\& \\# \\$ \\_ \\textasciitilde{} \\textasciicircum{}"
    )
    assert escape_latex("run-2, top-1, (-3 to -2), 1e-5") == "run-2, top-1, ($-$3 to $-$2), 1e-5"
