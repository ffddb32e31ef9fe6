"""The parts of a report: tables and pictures, in sections. Every output format is made from them."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of text.

    Attributes:
        name: of its files, such as "means".
        title: one line above it.
        head: titles of the columns; the first column names the rows.
        rows: plain text, one cell for each column; a cell may be empty.
        note: explanation below it.
    """

    name: str
    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A drawn picture.

    Attributes:
        name: of its files, such as "learning_curves".
        title: one line above it.
        svg, png: the picture as an SVG document and as PNG bytes.
        description: its content in words, for people who cannot see it.
        note: explanation below it.
    """

    name: str
    title: str
    svg: str
    png: bytes
    description: str
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of a report: a heading, a few sentences, then tables and pictures."""

    title: str
    text: str = ""
    parts: Sequence[Table | Picture] = field(default_factory=tuple)


@dataclass(frozen=True, kw_only=True)
class Report:
    """A whole report.

    Attributes:
        title: one line.
        facts: (name, value) pairs about the whole report, such as ("trials", "85").
        warnings: sentences to read before the figures.
        sections: in the order of reading.
    """

    title: str
    facts: Sequence[tuple[str, str]]
    warnings: Sequence[str]
    sections: Sequence[Section]
