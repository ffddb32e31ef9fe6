"""Tables on a terminal, letter by letter."""

import pytest

from alframe.report.document import Table
from alframe.report.formatting import width_of
from alframe.report.output.terminal import MOST_BLOCKS, MOST_ROWS, to_text


def table(n_rows: int, n_columns: int, name: str = "means") -> Table:
    head = ["group", *(f"column {k}" for k in range(n_columns))]
    rows = [[f"r{r}", *(f"{r}.5 (1.0 to 2.0)" for _ in range(n_columns))] for r in range(n_rows)]
    return Table(name=name, title="Means", head=head, rows=rows, note="Said.")


def test_columns_are_aligned_figures_to_the_right() -> None:
    rows = [["random", "1,234", "slow"], ["猫", "5", ""]]
    text = to_text(Table(name="t", title="T", head=["group", "hand labels", "how"], rows=rows))
    assert text == (
        "T\n\n"
        "  group   hand labels  how\n"
        "  random        1,234  slow\n"
        "  猫                5\n"
    )  # fmt: skip


def test_a_wide_table_has_blocks_that_repeat_the_names_of_rows() -> None:
    text = to_text(table(2, 4), width=60)
    lines = text.splitlines()
    assert max(map(width_of, lines)) <= 60
    assert [line.split()[0] for line in lines if line.startswith("  ")] == ["group", "r0", "r1"] * 2
    assert all(f"column {k}" in text for k in range(4))
    assert "more" not in text


@pytest.mark.parametrize(
    ("n_rows", "n_columns", "result"),
    [
        (MOST_ROWS + 4, 2, "... 4 more rows in tables/means.md"),
        (2, 2 * MOST_BLOCKS + 1, "... 1 more column in tables/means.md"),
        (MOST_ROWS + 1, 2 * MOST_BLOCKS + 2, "... 1 more row and 2 more columns in tables/means.md"),
    ],
)
def test_left_out_rows_and_columns_are_counted_with_their_file(
    n_rows: int, n_columns: int, result: str
) -> None:
    lines = to_text(table(n_rows, n_columns), width=60).splitlines()
    assert lines[-3:] == [f"  {result}", "", "Said."]
    assert not any(f"r{MOST_ROWS} " in line for line in lines)


def test_the_facts_of_a_trial_are_whole() -> None:
    assert f"r{MOST_ROWS + 3} " in to_text(table(MOST_ROWS + 4, 1, "facts"))


def test_long_texts_are_wrapped_and_paths_stay_whole() -> None:
    path = "/a/path/that/is/longer/than/half/of/a/line"
    result = to_text(Table(name="t", title="T", head=["trial", "why"], rows=[["x", "word " * 30]]))
    assert max(map(len, result.splitlines())) <= 80
    assert result.count("word") == 30
    head = ["trial", "status", "why"]
    result = to_text(Table(name="t", title="T", head=head, rows=[[path, "failed", "word " * 9]]))
    assert result.splitlines()[2:] == [f"  {path}", "    status: failed", f"    why: {'word ' * 9}"]
