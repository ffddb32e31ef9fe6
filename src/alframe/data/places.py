"""Where the files of a data set are: in `data_dir` or in the current directory."""

import os
from collections.abc import Callable
from pathlib import Path

from alframe.core.errors import DataError
from alframe.data.path_text import shown_path


def find(path: str, data_dir: str, key: str, what: str, is_there: Callable[[Path], bool]) -> Path:
    """Return a path, looked up in `data_dir` first, then in the current directory.

    Args:
        path: one that begins with a dot is looked up in the current directory only.
        key: the setting with the path, such as data.path. what: what it should name, such as "a CSV file".
        is_there: returns True if a path is of this kind.

    Raises:
        DataError: it is in neither place.
    """
    places = [Path(data_dir).expanduser() / path, Path(path).expanduser()]
    candidates = places[1:] if path.startswith(".") else places
    where = next((candidate for candidate in candidates if is_there(candidate)), None)
    if where is None:
        tried = " or ".join(dict.fromkeys(shown_path(os.path.abspath(each)) for each in candidates))
        raise DataError(f"{key}: expected {what} at {tried}, found none. Give {key}.")
    return where
