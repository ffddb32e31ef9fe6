"""The images, labels and class names that an opened data set of torchvision holds.

Data sets of torchvision have no common interface for this. The images are an array, files of their own, or
the items that the data set returns one by one.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from alframe.core.errors import DataError
from alframe.data.labelled_pairs import Columns, unpacked

_PAIRS = ("samples", "_samples", "imgs")  # lists of (file, class)
_FILES = ("_image_files", "_images", "data")
_LABELS = ("_labels", "targets", "labels")


def content_of(name: str, dataset: Any) -> Columns:
    """Return images, labels and class names; the images are an array-like or a list of paths.

    Raises:
        DataError: the data set has no single class for each image.
    """
    files = _files(dataset)
    columns = _in_memory(name, dataset) if files is None else files
    names = _class_names(dataset)
    labels = None if columns.labels is None else np.asarray(columns.labels)
    if labels is not None and labels.ndim == 2 and type(dataset).__name__ == "QMNIST":
        labels = labels[:, 0]  # the class is the first of eight numbers
    if type(dataset).__name__ == "EMNIST":
        return _upright(columns.images, labels, names)
    return Columns(images=columns.images, labels=labels, class_names=names)


def is_files(columns: Columns) -> bool:
    """Return True if the images are a list of paths."""
    return isinstance(columns.images, list) and isinstance(next(iter(columns.images), None), Path)


def _files(dataset: Any) -> Columns | None:
    """Return the files and classes of a data set of files, or None."""
    special = _SPECIAL.get(type(dataset).__name__)
    if special is not None:
        return _columns(special(dataset))
    for key in _PAIRS:
        pairs = getattr(dataset, key, None)
        if pairs and isinstance(pairs, list) and isinstance(pairs[0][0], (str, Path)):
            return _columns(pairs)
    labels = _first(dataset, _LABELS)
    for key in _FILES:
        files: Any = getattr(dataset, key, None)
        if isinstance(files, list) and files and isinstance(files[0], (str, Path)) and labels is not None:
            return Columns(images=[Path(file) for file in files], labels=labels)
    return None


def _columns(pairs: Sequence[tuple[str | Path, int]]) -> Columns:
    return Columns(images=[Path(file) for file, _ in pairs], labels=[label for _, label in pairs])


# Data sets that compose the path of a file when it is read.
_SPECIAL = {
    "Caltech101": lambda data: [
        (Path(data.root, "101_ObjectCategories", data.categories[y], f"image_{n:04d}.jpg"), y)
        for n, y in zip(data.index, data.y, strict=True)
    ],
    "Caltech256": lambda data: [
        (Path(data.root, "256_ObjectCategories", data.categories[y], f"{y + 1:03d}_{n:04d}.jpg"), y)
        for n, y in zip(data.index, data.y, strict=True)
    ],
    # The next two list files in the order of the disk.
    "INaturalist": lambda data: sorted(
        (Path(data.root, data.all_categories[y], n), y) for y, n in data.index
    ),
    "SUN397": lambda data: sorted(zip(data._image_files, data._labels, strict=True)),
}


def _in_memory(name: str, dataset: Any) -> Columns:
    """Return the array of a data set, or all of its items."""
    if getattr(getattr(dataset, "data", None), "ndim", 0) < 3:
        item = dataset[0] if len(dataset) else None
        if not isinstance(item, tuple) or len(item) != 2 or not isinstance(item[1], int):
            raise DataError(
                f"data.dataset: expected a data set of images with one class each, got "
                f"{type(dataset).__name__}. Choose another one."
            )
    return unpacked(name, "images", dataset)


def _class_names(dataset: Any) -> tuple[str, ...] | None:
    """Return the names of the classes, made different from each other, or None if there are none."""
    found = _first(dataset, ("classes", "categories", "all_categories"))
    found = list(found) if isinstance(found, (list, tuple)) and found else None
    numbers = getattr(dataset, "class_to_idx", None)
    if found is None and numbers and sorted(numbers.values()) == list(range(len(numbers))):
        found = sorted(numbers, key=numbers.get)
    if found is None:
        return None
    names = [", ".join(each) if isinstance(each, tuple) else str(each) for each in found]
    again = {name for name in names if names.count(name) > 1}  # such as "crane" in ImageNet
    return tuple(f"{name} ({k})" if name in again else name for k, name in enumerate(names))


def _first(dataset: Any, keys: Sequence[str]) -> Any:
    """Return the first of some attributes that is there, or None."""
    return next((getattr(dataset, key) for key in keys if getattr(dataset, key, None) is not None), None)


def _upright(images: Any, labels: Any, names: Sequence[str] | None) -> Columns:
    """Return EMNIST's images, whose files hold rows and columns exchanged, without its class N/A."""
    images = np.asarray(images).transpose(0, 2, 1)
    if names and names[0] == "N/A":
        return Columns(images=images, labels=labels - 1, class_names=tuple(names[1:]))
    return Columns(images=images, labels=labels, class_names=tuple(names) if names else None)
