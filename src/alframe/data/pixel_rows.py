"""The list of the rows of decoded images: the image file of each row, and the range of its values."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alframe.data.grey_range import GreyRange
from alframe.data.unreadable_files import Identity


@dataclass(frozen=True)
class Row:
    """What is known of a decoded image.

    Attributes:
        identity: of its file. seen: the range of its values, if they have more than 8 bits.
    """

    identity: Identity
    seen: GreyRange


def read_list(file: Path) -> tuple[Path, dict[str, Any]] | None:
    """Return the file of the pixels and the content of a list of rows, or None if either is missing."""
    try:
        content = json.loads(file.read_text())
        pixels = file.with_name(content["file"])
        return (pixels, content) if pixels.is_file() else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def rows_of(content: dict[str, Any]) -> Iterator[Row | None]:
    """Yield the rows of a list."""
    for each in content["rows"]:
        if each is None:
            yield None
        else:
            path, size, time, whole, real = each
            seen = GreyRange(whole=whole and tuple(whole), real=real and tuple(real))
            yield Row((path, size, time), seen)


def plain(row: Row) -> list[Any]:
    """Return a row as it is written into a list."""
    return [*row.identity, row.seen.whole, row.seen.real]
