"""Labels with their provenance as rows of a table, and as CSV and JSON Lines."""

import csv
import io
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

from alframe.exchange.records import LabelRow

# The columns and what they hold; the reference lists them. There is one column of paths and one of labels, so
# that other programs, and `data=table`, find each.
COLUMNS: Mapping[str, str] = {
    "file_name": "the image: an absolute path, or a path relative to the table if images are exported too",
    "label": "the name of the class; empty without a label",
    "label_number": "the number of the class",
    "kind": "`hand`, `auto`, `given`, `cannot_tell` (`?`), `no_class` (`-`) or `none`",
    "source": "the origin of the label, as in labels.csv",
    "by": "the name of the person, if known; for an auto-label, the trial and the round of the classifier",
    "at": "when a person answered, in UTC; empty in simulations",
    "way": "how the answer was given, such as `to_label.csv`, or the simulated oracle",
    "answers": "all that people have answered, as JSON: `by`, `at`, `way` and `label` of each (`?`, `-`, or "
    "empty if it takes the one before back); empty in simulations",
    "confidence": "the predicted probability of an auto-label or a given label",
    "log_odds": "log(p / (1 - p)) of that probability",
    "round": "the round in which the label was given",
    "index": "the position in the data set, as in labels.csv",
    "name": "the name of the file in the data set's folder",
}


def cells(row: LabelRow, file_name: str) -> dict[str, Any]:
    """Return the cells of a row by column; None for what is unknown.

    Args:
        file_name: the path of the image, empty without one.
    """
    odds = row.log_odds if row.log_odds is not None and math.isfinite(row.log_odds) else None
    return {
        "file_name": utf8(file_name) or None,
        "label": row.class_name or None,
        "label_number": row.label if row.label >= 0 else None,
        "kind": row.kind,
        "source": row.source,
        "by": row.by or None,
        "at": row.at or None,
        "way": row.way or None,
        "answers": json.dumps([asdict(each) for each in row.answers], ensure_ascii=False)
        if row.answers
        else None,
        "confidence": row.confidence,
        "log_odds": odds,
        "round": row.round,
        "index": row.index,
        "name": row.name or None,
    }


def utf8(path: str) -> str:
    r"""Return a path as text that UTF-8 can hold; bytes that are no UTF-8 are escaped.

    >>> utf8("caf\udce9.png")
    'caf\\xe9.png'
    """
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def csv_lines(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield rows as CSV with a header."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow(row)
        yield text.getvalue()
        text.seek(0)
        text.truncate()
    yield text.getvalue()  # the header of a table without rows


def json_lines(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield rows as JSON Lines, one object each."""
    for row in rows:
        yield json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n"
