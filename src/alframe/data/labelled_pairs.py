"""Data sets of pairs (image, label) as arrays: torch and torchvision data sets, Hugging Face data sets.

Their libraries are not imported: a data set is known by its attributes.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch import Tensor

from alframe.core.errors import DataError, DataWarning

IMAGE_COLUMNS = ("image", "images", "img", "pixel_values")
LABEL_COLUMNS = ("label", "labels", "fine_label", "target", "targets")
NONE = "none"  # the value of a key that takes no column or no split


@dataclass(frozen=True, kw_only=True, eq=False)
class Columns:
    """The images and labels of a data set, array-like; labels and names are None if it has none."""

    images: Any
    labels: Any = None
    class_names: tuple[str, ...] | None = None


def unpacked(name: str, what: str, images: Any) -> Columns:
    """Return the columns of a data set of pairs; anything else is returned as images.

    Args:
        name, what: of the data set and the images, for messages.
        images: a map-style torch data set (also a `Subset`), a torchvision or a Hugging Face data set, a list
            of pairs, or images.

    Raises:
        DataError: it has no length, no images, or several splits.
    """
    if isinstance(images, (list, tuple)):
        return (
            _of_items(name, what, images) if len(images) and _is_item(images[0]) else Columns(images=images)
        )
    if isinstance(images, (Tensor, str, bytes)) or hasattr(images, "__array__"):
        return Columns(images=images)
    if hasattr(images, "batch_sampler"):
        raise DataError(f"{name}: expected {what} or a data set, got a DataLoader. Give loader.dataset.")
    if isinstance(images, Mapping):  # splits of Hugging Face, an .npz file
        raise DataError(
            f"{name}: expected {what} in an array or one data set, got {type(images).__name__} with "
            f"{', '.join(map(repr, images)) or 'nothing'}. Give its parts one by one."
        )
    if not hasattr(images, "__len__") or not hasattr(images, "__getitem__"):
        raise DataError(
            f"{name}: expected {what} in an array or a data set with a length, got {type(images).__name__}. "
            "Give list(...) of it."
        )
    if hasattr(images, "features") and hasattr(images, "column_names"):
        return _of_hugging_face(name, what, images)
    whole, index = getattr(images, "dataset", images), getattr(images, "indices", None)
    stored = _stored(name, what, whole)
    columns = _of_items(name, what, images) if stored is None else stored
    if stored is not None and index is not None:
        index = np.asarray(index, dtype=np.int64)
        columns = Columns(images=columns.images[index], labels=np.asarray(columns.labels)[index])
    names = getattr(whole, "classes", None)
    return replace(columns, class_names=tuple(map(str, names)) if isinstance(names, (list, tuple)) else None)


def _stored(name: str, what: str, dataset: Any) -> Columns | None:
    """Return the arrays that a data set of torchvision holds, or None if they are not its items."""
    data = getattr(dataset, "data", None)
    found = [getattr(dataset, key, None) for key in ("targets", "labels")]
    labels = next((values for values in found if values is not None), None)
    if getattr(data, "ndim", 0) < 3 or labels is None or getattr(dataset, "target_transform", None):
        return None
    if getattr(dataset, "transform", None) is not None:
        warnings.warn(
            f"{name}: {what} are those that the data set holds; its transform is not applied. Give "
            "list(dataset) to apply it.",
            DataWarning,
            stacklevel=2,
        )
    return Columns(images=data, labels=labels)


def _of_hugging_face(name: str, what: str, dataset: Any) -> Columns:
    """Return the column of images and the column of labels, if there is one."""
    features = dict(dataset.features or {})
    image, label = feature_columns(features)
    if len(image) != 1 or len(label) > 1:
        raise DataError(
            f"{name}: expected one column of images and at most one of labels, got {', '.join(features)}. "
            f'Give {what.replace(" ", "_")}=data["COLUMN"] and the labels in the same way.'
        )
    names = getattr(features[label[0]], "names", None) if label else None
    return Columns(
        images=_column(dataset[image[0]]),
        labels=_column(dataset[label[0]]) if label else None,
        class_names=tuple(names) if names else None,
    )


def feature_columns(features: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Return the names of the columns of images and of labels in a data set of Hugging Face."""
    image = [key for key, feature in features.items() if type(feature).__name__ == "Image"]
    label = [key for key, feature in features.items() if type(feature).__name__ == "ClassLabel"]
    return (
        image or [key for key in IMAGE_COLUMNS if key in features],
        label or [key for key in LABEL_COLUMNS if key in features],
    )


def without_labels(columns: Sequence[str]) -> str:
    """Return what to do if no column of labels is found among the columns of a data set."""
    return (
        f"The columns are {', '.join(columns)}. Write data.label_column=NAME; or, if no labels are known, "
        "data.class_names=[cat,dog] oracle=files."
    )


def _column(values: Any) -> Any:
    return values if hasattr(values, "__array__") else list(values)


def _of_items(name: str, what: str, dataset: Any) -> Columns:
    """Return the images and labels of all items: pairs, dictionaries, or images alone."""
    items = [_split(name, what, dataset[sample]) for sample in range(len(dataset))]
    labels = [label for _, label in items]
    return Columns(
        images=[image for image, _ in items],
        labels=None if all(label is None for label in labels) else labels,
    )


def _split(name: str, what: str, item: Any) -> tuple[Any, Any]:
    if isinstance(item, Mapping):
        image = next((item[key] for key in IMAGE_COLUMNS if key in item), None)
        if image is None:
            raise DataError(f"{name}: expected {what} under the key 'image' of each item, got {list(item)}.")
        return image, next((item[key] for key in LABEL_COLUMNS if key in item), None)
    if isinstance(item, (list, tuple)):
        return item[0], item[1] if len(item) > 1 else None
    return item, None


def _is_item(item: Any) -> bool:
    """Return True for a dictionary and for a pair of an image and a label."""
    if isinstance(item, (list, tuple)):
        return len(item) == 2 and hasattr(item[0], "size") and np.ndim(item[1]) == 0
    return isinstance(item, Mapping)
