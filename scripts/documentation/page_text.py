"""Small pieces of Markdown that the generated pages share."""

import re
from collections.abc import Iterable, Sequence


def plain(text: str) -> str:
    """Return a comment as Markdown: only text in backticks is marked up.

    >>> plain("2 * `a_b` [0, 1)")
    '2 \\\\* `a_b` \\\\[0, 1)'
    """
    parts = text.split("`")
    return "`".join(part if k % 2 else re.sub(r"([*<|\[])", r"\\\1", part) for k, part in enumerate(parts))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; cells are Markdown already."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def page(title: str, *parts: str) -> str:
    """Return a page of parts, the empty ones left out."""
    return "\n\n".join([f"# {title}", *filter(None, parts)]) + "\n"
