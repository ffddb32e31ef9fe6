"""What a report is made of: tables and pictures, in sections; who prints, saves or shows it needs no more."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of text.

    Attributes:
        name: of its files, such as "means". title: one line above it.
        head: titles of the columns; the first column names the rows.
        rows: as many cells each as the head has; plain text, an empty cell where there is nothing to say.
        note: what a reader must know to read it, below it.
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
        name: of its files, such as "learning_curves". title: one line above it.
        svg: a whole SVG document. png: the same picture's bytes.
        description: what it shows, for who cannot see it. note: what a reader must know, below it.
    """

    name: str
    title: str
    svg: str
    png: bytes
    description: str
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of a report: a heading, a few sentences, then tables and pictures in their order."""

    title: str
    text: str = ""
    parts: Sequence[Table | Picture] = field(default_factory=tuple)


@dataclass(frozen=True, kw_only=True)
class Report:
    """A whole report.

    Attributes:
        title: one line. facts: (name, value) pairs about all that is in it, such as ("trials", "85").
        warnings: what must be said before anything is believed, a sentence each.
        sections: in the order of reading.
    """

    title: str
    facts: Sequence[tuple[str, str]]
    warnings: Sequence[str]
    sections: Sequence[Section]
