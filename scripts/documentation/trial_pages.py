"""Pages about whole trials, made from the headers of the files in conf/experiment/ and conf/sweep/."""

import re
from pathlib import Path
from typing import NamedTuple

from conf_files import read
from page_text import plain, table

_FIELD = re.compile(r"(command|needs|result|time|hardware|claim)\s{2,}(\S.*)")


class HeaderParts(NamedTuple):
    """The comment at the top of an experiment or a sweep: paragraphs, then (field, lines) in order."""

    paragraphs: list[str]
    fields: list[tuple[str, list[str]]]


def header_of(head: tuple[str, ...]) -> HeaderParts:
    """Return the parts of a header; a line that is indented continues the field above it."""
    text: list[str] = []
    fields: list[tuple[str, list[str]]] = []
    for line in head:
        if found := _FIELD.match(line):
            fields.append((found.group(1), [found.group(2)]))
        elif fields and line.startswith("    "):
            fields[-1][1].append(line.strip())
        else:
            text.append(line)
    paragraphs = [" ".join(part.split()) for part in "\n".join(text).split("\n\n")]
    return HeaderParts([paragraph for paragraph in paragraphs if paragraph], fields)


def trials(folder: Path) -> str:
    """Return a section for each file of a folder: purpose, command, result and settings."""
    return "\n\n".join(_section(path) for path in sorted(folder.glob("*.yaml")))


def policies(folder: Path) -> str:
    """Return a table of the policies that the comparison of policies runs."""
    rows = [
        (f"`{path.stem}`", plain(" ".join(read(path).paragraphs))) for path in sorted(folder.glob("*.yaml"))
    ]
    return table(("policy", "what it accepts"), rows)


def _section(path: Path) -> str:
    header = header_of(read(path).head)
    commands = [line for name, lines in header.fields if name == "command" for line in lines]
    facts = [
        (name, plain(" ".join(lines))) for name, lines in header.fields if name not in ("command", "claim")
    ]
    claims = [plain(" ".join(lines)) for name, lines in header.fields if name == "claim"]
    if claims:
        facts.append(("expected of one new trial", "; ".join(claims)))
    settings = re.sub(r"\A(#.*\n)+", "", path.read_text()).strip()
    return "\n\n".join(
        [
            f"## {path.stem}",
            *(plain(paragraph) for paragraph in header.paragraphs),
            "```\n" + "\n".join(commands) + "\n```",
            *(f"{name}\n:   {_with_pages(text)}" for name, text in facts),
            *([_collapsed(settings)] if settings else []),
        ]
    )


def _with_pages(text: str) -> str:
    """Return a text in which the names of pages are links, as seen from a page in docs/reference/."""
    return re.sub(r"docs/([\w/.-]+\.md(?:#[\w-]+)?)", r"[more](../\1)", text)


def _collapsed(settings: str) -> str:
    lines = ["```yaml", *settings.splitlines(), "```"]
    return '??? note "Settings"\n\n' + "\n".join(f"    {line}".rstrip() for line in lines)
