"""The columns of a split of Hugging Face's `datasets`: images as files, as bytes or as arrays, and labels."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np

from alframe.core.errors import DataError
from alframe.data.labelled_pairs import NONE, Columns, feature_columns


class Embedded(Sequence[bytes]):
    """The content of image files, read one by one from the rows of a split.

    Attributes:
        fingerprint: changes if the content changes.
    """

    def __init__(self, rows: Any, column: str) -> None:
        """Take a split whose column of images is not decoded."""
        self._rows, self._column, self.fingerprint = rows, column, str(rows._fingerprint)

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, row: int) -> bytes: ...
    @overload
    def __getitem__(self, row: slice) -> list[bytes]: ...
    def __getitem__(self, row: Any) -> Any:
        """Return the bytes of a row, or those of several rows."""
        if isinstance(row, slice):
            return [self[k] for k in range(*row.indices(len(self)))]
        return _content(self._rows[row][self._column], row)

    def __iter__(self) -> Iterator[bytes]:
        return (_content(each[self._column], row) for row, each in enumerate(self._rows))


def content_of(split: Any, image_column: str | None, label_column: str | None) -> Columns:
    """Return the images, labels and class names of a split.

    The images are `Embedded`, a list of paths, or an array; labels are None if none is known.

    Raises:
        DataError: it has no such columns, or no image in a row.
    """
    from datasets import Image

    features = dict(split.features)
    found = feature_columns(features)
    image = _chosen("image", image_column, found[0], features)
    label = None if label_column == NONE else _chosen("label", label_column, found[1], features)
    if image is None:
        raise DataError(
            f"data.image_column: expected a column of images, got {', '.join(features)}. Write "
            "data.image_column=NAME."
        )
    labels = None if label is None else list(split[label])
    if labels is not None and all(each in (None, -1) for each in labels):
        labels = None
    names = getattr(features.get(label), "names", None)
    if type(features[image]).__name__ == "Image":
        rows = split.select_columns([image]).cast_column(image, Image(decode=False))
        images: Any = _files_or_bytes(rows, image)
    else:
        images = np.asarray(split.with_format("numpy")[image][:])
    return Columns(images=images, labels=labels, class_names=tuple(names) if names else None)


def _chosen(kind: str, given: str | None, found: Sequence[str], features: Mapping[str, Any]) -> str | None:
    """Return the name of a column, or None if there is none."""
    key = f"data.{kind}_column"
    if given is not None and given not in features:
        raise DataError(f"{key}: expected one of {', '.join(features)}, got {given!r}.")
    if given is None and len(found) > 1:
        raise DataError(f"{key}: expected one of {', '.join(found)}. Write {key}={found[0]}.")
    return given or next(iter(found), None)


def _files_or_bytes(rows: Any, column: str) -> list[Path] | Embedded:
    first = rows[0][column] if len(rows) else None
    if first is None or first["bytes"] is not None:
        return Embedded(rows, column)
    return [Path(each[column]["path"]) for each in rows]


def _content(cell: Any, row: int) -> bytes:
    if cell is None or cell["bytes"] is None:
        raise DataError(f"data.image_column: expected an image in each row, got none in row {row}.")
    return bytes(cell["bytes"])
