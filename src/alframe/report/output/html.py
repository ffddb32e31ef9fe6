"""A report as one HTML page that needs nothing beside it: no network, no other file, no script.

Pictures are images of SVG inside the page: sharp at any size, with text, and each apart from the others, so
that neither their ids nor their styles meet. A Content-Security-Policy lets the browser refuse whatever else
a page could fetch or run. The script, which that policy names by its hash, sorts tables and unfolds them for
paper.
"""

import base64
import hashlib
import re
from collections.abc import Iterator, Sequence
from functools import cache
from html import escape
from importlib import resources
from urllib.parse import quote

from alframe.report.document import Picture, Report, Section, Table
from alframe.report.numbers import is_numeric

MOST_ROWS = 30  # of a table that is shown unfolded
SHORT = 22  # letters of a row's name that are kept on one line
LONG = 10  # letters of a column's title: longer ones get room for two lines, not four
MOST_LISTED = 15  # sections of a list of contents that is shown unfolded
_LINE_END = re.compile(r"\s*\n\s*")  # a URL would lose it


def page(report: Report) -> str:
    """Return a report as a whole HTML document, all of whose text is escaped."""
    script, style = _file("page.js"), _file("page.css")
    body = "\n".join(_body(report))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_policy(script)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(report.title)}</title>
<style>
{style}</style>
</head>
<body>
{body}
<script>{script}</script>
</body>
</html>
"""


@cache
def _file(name: str) -> str:
    return resources.files("alframe.report.output").joinpath(name).read_text(encoding="utf-8")


def _policy(script: str) -> str:
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"


def _body(report: Report) -> Iterator[str]:
    yield f"<header>\n<h1>{escape(report.title)}</h1>"
    if report.facts:
        pairs = (f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in report.facts)
        yield f"<dl>{''.join(pairs)}</dl>"
    if report.warnings:
        yield '<section class="warnings" aria-labelledby="warnings">'
        yield '<h2 id="warnings">Before you believe it</h2><ul>'
        yield from (f"<li>{escape(warning)}</li>" for warning in report.warnings)
        yield "</ul></section>"
    yield from _contents(report.sections)
    yield "</header>\n<main>"
    for number, section in enumerate(report.sections, 1):
        yield from _section(section, number)
    yield "</main>"


def _contents(sections: Sequence[Section]) -> Iterator[str]:
    if len(sections) < 2:
        return
    items = (f'<li><a href="#s{k}">{escape(each.title)}</a></li>' for k, each in enumerate(sections, 1))
    shut = "" if len(sections) > MOST_LISTED else " open"
    listed = f"<summary>Contents</summary><ol>{''.join(items)}</ol>"
    yield f'<nav aria-label="Contents"><details{shut}>{listed}</details></nav>'


def _section(section: Section, number: int) -> Iterator[str]:
    yield f'<section id="s{number}">\n<h2>{escape(section.title)}</h2>'
    yield from (f"<p>{escape(text)}</p>" for text in section.text.split("\n\n") if text.strip())
    yield '<div class="parts">'
    for part in section.parts:
        yield _table(part) if isinstance(part, Table) else _picture(part)
    yield "</div>\n</section>"


def _picture(picture: Picture) -> str:
    source = data_uri(picture.svg)
    return (
        f"<figure><figcaption>{escape(picture.title)}</figcaption>"
        f'<div class="card"><img src="{source}" alt="{escape(picture.description)}"></div>'
        f"{_note(picture.note)}</figure>"
    )


def data_uri(svg: str) -> str:
    """Return an SVG document as a data URI, a tenth longer than it was, where base64 would make it a third.

    >>> data_uri('<svg id="a"/>')
    'data:image/svg+xml,%3Csvg id=%22a%22/%3E'
    """
    return "data:image/svg+xml," + quote(_LINE_END.sub(" ", svg), safe=" =:;,/'()")


def _table(table: Table) -> str:
    title = escape(table.title)
    numeric = [k > 0 and is_numeric([row[k] for row in table.rows]) for k in range(len(table.head))]
    head = "".join(_cell("th", text, "col", n) for text, n in zip(table.head, numeric, strict=True))
    rows = "\n".join(_row(row, numeric) for row in table.rows)
    short = ' class="short"' if all(len(row[0]) <= SHORT for row in table.rows) else ""
    whole = (
        f'<div class="scroll" role="region" aria-label="{title}" tabindex="0"><table{short}>'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody></table></div>"
    )
    if len(table.rows) > MOST_ROWS:
        whole = f"<details><summary>{title} ({len(table.rows):,} rows)</summary>{whole}</details>"
    else:  # the title beside what scrolls, not in it
        whole = f'<p class="title">{title}</p>{whole}'
    return f'<div class="table">{whole}{_note(table.note)}</div>'


def _row(row: Sequence[str], numeric: Sequence[bool]) -> str:
    others = (_cell("td", text, "", n) for text, n in zip(row[1:], numeric[1:], strict=True))
    return f"<tr>{_cell('th', row[0], 'row', False)}{''.join(others)}</tr>"


def _cell(tag: str, text: str, scope: str, numeric: bool) -> str:
    long = scope == "col" and len(text) > LONG
    classes = " ".join(name for name, has in (("n", numeric), ("long", long)) if has)
    attributes = (f' scope="{scope}"' if scope else "") + (f' class="{classes}"' if classes else "")
    return f"<{tag}{attributes}>{escape(text)}</{tag}>"


def _note(note: str) -> str:
    return f'<p class="note">{escape(note)}</p>' if note else ""
