"""A report as one HTML page that needs no network and no other file.

Pictures are embedded as SVG images: sharp at any size, with text, and isolated from each other, so that ids
and styles do not collide. A Content-Security-Policy forbids the browser to load or run anything else. The one
script, allowed by its hash, sorts tables, marks tables that scroll, and unfolds tables for printing. Jinja
escapes all text.
"""

import base64
import hashlib
import re
from collections.abc import Sequence
from functools import cache
from importlib import resources
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from alframe.report.document import Report, Table
from alframe.report.formatting import is_numeric

MOST_ROWS = 30  # longer tables are folded
MOST_CARDS = 12  # rows and columns of a table that a phone shows as a card for each row
SHORT = 22  # letters of a row's name that stay on one line
LONG = 10  # letters of a column's title: longer titles get room for two lines instead of four
MOST_LISTED = 15  # sections; a longer list of contents is folded
_LINE_END = re.compile(r"\s*\n\s*")  # URLs drop line ends
_BREAK = re.compile(r" (?=\()|(?<=,) ")  # where a number may wrap: "0.5 (0.1 to 0.9), p 0.02"


def page(report: Report) -> str:
    """Return a report as a whole HTML document."""
    script = _file("page.js")
    return _template().render(report=report, script=script, style=_file("page.css"), policy=_policy(script))


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("alframe.report", "output"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.globals.update(
        numeric_columns=_numeric_columns,
        table_class=_table_class,
        classes=_classes,
        pieces=_BREAK.split,
        data_uri=data_uri,
        most_rows=MOST_ROWS,
        most_listed=MOST_LISTED,
        long=LONG,
    )
    return environment.get_template("page.html.jinja")


@cache
def _file(name: str) -> str:
    return resources.files("alframe.report.output").joinpath(name).read_text(encoding="utf-8")


def _policy(script: str) -> str:
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"


def data_uri(svg: str) -> str:
    """Return an SVG document as a data URI, a tenth longer than the document; base64 would add a third.

    >>> data_uri('<svg id="a"/>')
    'data:image/svg+xml,%3Csvg id=%22a%22/%3E'
    """
    return "data:image/svg+xml," + quote(_LINE_END.sub(" ", svg), safe=" =:;,/'()")


def _numeric_columns(table: Table) -> Sequence[bool]:
    return [k > 0 and is_numeric([row[k] for row in table.rows]) for k in range(len(table.head))]


def _table_class(table: Table) -> str:
    short = "short" if all(len(row[0]) <= SHORT for row in table.rows) else "wordy"
    cards = len(table.rows) <= MOST_CARDS and 3 < len(table.head) <= MOST_CARDS
    return f"{short} cards" if cards else short


def _classes(**chosen: bool) -> Markup:
    names = " ".join(name for name, is_chosen in chosen.items() if is_chosen)
    return Markup(' class="{}"').format(names) if names else Markup()
