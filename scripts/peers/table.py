"""The figures as Markdown tables."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from peers.figures import Run


def job_table(rows: Sequence[Run]) -> str:
    """Return the table of the jobs."""
    lines = [
        "| job | network | precision | contestant | seconds a round | rounds a minute | images/s "
        "| their seconds / ours | of processor time | peak MB | hand labels, % | mislabelled, % "
        "| minus ours, points | n |",
        "|" + "---|" * 14,
    ]
    for row in rows:
        cells = [row["job"], row["network"], row["precision"], row["peer"]]
        cells += [
            number(row["seconds_a_round"]),
            number(row["rounds_a_minute"], 1),
            number(row["images_a_second"], 0),
            with_range(row["ratio"], row["ratio_range"]) if row["n"] else row["note"],
            number(row["cpu_ratio"]),
            number(row["peak_mb"], 0),
            number(row["hand_share"], 2, 100),
            number(row["mislabelled_share"], 2, 100),
            difference(row),
            str(row["n"]),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def auto_label_table(rows: Sequence[Run]) -> str:
    """Return the table of the auto-labels of jobs that leave images without a label; empty without any."""
    lines = [
        "| job | network | contestant | hand labels, % | auto-labels, % | wrong of them, % | n |",
        "|" + "---|" * 7,
    ]
    for row in rows:
        if row["coverage"] is not None and row["hand_share"] + row["coverage"] < 1 - 1e-9:
            shares = [number(row[name], 2, 100) for name in ("hand_share", "coverage", "auto_label_error")]
            cells = [row["job"], row["network"], row["peer"], *shares, str(row["n"])]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) if lines[2:] else ""


def best_peer(row: Run) -> str:
    """Return a line on the fastest peer of a job."""
    default = row["ratio_default"]
    also = "" if default is None else f" ({default:.2f} with its default precision)"
    return (
        f"{row['job']}, {row['network']}, {row['precision']}: the fastest peer is {row['peer']}, "
        f"{row['ratio']:.2f} times alframe's seconds{also}"
    )


def question_table(rows: Sequence[Run]) -> str:
    """Return the table of the questions."""
    lines = [
        "| question | contestant | seconds | CPU seconds | their seconds / ours | of processor time "
        "| peak MB | same samples, % | n |",
        "|" + "---|" * 9,
    ]
    for row in rows:
        cells = [row["job"], row["peer"], number(row["seconds"], 3) if row["n"] else row["note"]]
        cells += [
            number(row["cpu_seconds"], 3),
            with_range(row["ratio"], row["ratio_range"]),
            number(row["cpu_ratio"]),
            number(row["peak_mb"], 0),
            number(row["agreement"], 0, 100),
            str(row["n"]),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def lines_table(counts: dict[str, int]) -> str:
    """Return the table of the lines of user code."""
    lines = ["| file | lines of code |", "|---|---|"]
    return "\n".join([*lines, *(f"| `scripts/peers/{name}` | {n} |" for name, n in counts.items())])


@cache
def code_lines(path: Path) -> int:
    """Return the lines of a Python file without blank lines, comments and docstrings."""
    import ast

    text = path.read_text()
    documented: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        body: Any = getattr(node, "body", None)
        if not isinstance(body, list) or not body or not isinstance(body[0], ast.Expr):
            continue
        if isinstance(body[0].value, ast.Constant) and isinstance(body[0].value.value, str):
            documented |= set(range(body[0].lineno, (body[0].end_lineno or 0) + 1))
    return sum(
        1
        for at, line in enumerate(text.splitlines(), start=1)
        if line.strip() and not line.strip().startswith("#") and at not in documented
    )


def number(value: float | None, digits: int = 2, times: float = 1.0) -> str:
    """Return a number as text, empty for None.

    >>> number(0.0123, 2, 100)
    '1.23'
    """
    return "" if value is None else f"{times * value:,.{digits}f}"


def with_range(value: float | None, ends: Sequence[float] | None) -> str:
    """Return a number with the range of its repeats.

    >>> with_range(2.0, [1.0, 3.0])
    '2.00 (1.00 to 3.00)'
    """
    if value is None or ends is None:
        return ""
    return f"{value:.2f}" if ends[0] == ends[1] else f"{value:.2f} ({ends[0]:.2f} to {ends[1]:.2f})"


def difference(row: Run) -> str:
    """Return a row's difference in mislabelled points with its interval."""
    mean, ends = row["mislabelled_difference"], row["mislabelled_interval"]
    if mean is None:
        return ""
    ends_text = "" if ends is None else f" ({100 * ends[0]:+.2f} to {100 * ends[1]:+.2f})"
    return f"{100 * mean:+.2f}{ends_text}"
