"""Names of files as text that can be written as UTF-8, and a part of many files."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def utf8_name(name: str) -> str:
    r"""Return a file's name with the bytes that are no UTF-8 escaped by a backslash.

    >>> utf8_name("caf\udce9.png")
    'caf\\xe9.png'
    """
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def shown_path(path: Path | str) -> str:
    r"""Return a path for a message of one line: bytes that are no UTF-8 and line ends are escaped.

    >>> shown_path("two\nlines.png")
    'two\\nlines.png'
    """
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), utf8_name(str(path)))


_CONTROL = re.compile("[\\x00-\\x1f\\x7f-\\x9f\u2028\u2029]")


def spread(files: Sequence[Any], most: int) -> list[Any]:
    """Return at most `most` files, evenly spread, or all.

    >>> spread([1, 2, 3, 4, 5], 2)
    [1, 3]
    """
    if len(files) <= most:
        return list(files)
    return [files[k * len(files) // most] for k in range(most)]
