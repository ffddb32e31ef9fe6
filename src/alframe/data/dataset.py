"""A data set: checked uint8 images, true labels if they are known, and an optional test set."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from alframe.core.errors import DataError
from alframe.data.memory_map import MappedImages, channels_first

MAX_CLASSES = 10_000  # a larger label counts as a mistake unless the classes are named


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageDataset:
    """Images with their labels. The indices of a trial refer to their order.

    Attributes:
        name: for messages and file names.
        images_N: (N, channels, height, width) uint8, a tensor or images that stay in their file.
        truth_N: (N,) int64 in [0, C), the true classes, or None if they are unknown.
        test_images_T, test_truth_T: a test set in the same form, or None.
        class_names: C names.
        files_N: the file of each image, so that users can find it; or None.
    """

    name: str
    images_N: Tensor | MappedImages
    truth_N: Tensor | None
    class_names: tuple[str, ...]
    test_images_T: Tensor | MappedImages | None = None
    test_truth_T: Tensor | None = None
    files_N: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.images_N)

    @property
    def n_classes(self) -> int:
        """Number of classes, C."""
        return len(self.class_names)

    @classmethod
    def from_arrays(
        cls,
        name: str,
        images: Any,
        labels: Any = None,
        *,
        test_images: Any = None,
        test_labels: Any = None,
        class_names: Sequence[str] | None = None,
    ) -> Self:
        """Return a checked data set from array-likes.

        Args:
            name: the name of the data set.
            images: uint8, (N, height, width), (N, height, width, channels) with 1 or 3 channels, or
                (N, channels, height, width). They are copied unless they are `MappedImages`.
            labels: (N,) integers from 0, or None if they are unknown (then `class_names` is needed).
            test_images, test_labels: a test set in the same form, or neither.
            class_names: one name per class; by default the numbers.

        Raises:
            DataError: wrong shapes, lengths or types; NaN; a single class.
        """
        images_N = _images(name, "images", images)
        truth_N = None if labels is None else _labels(name, "labels", labels, len(images_N))
        if class_names is None:
            if truth_N is None:
                raise DataError(f"{name}: expected class names or labels, got neither. Give class_names.")
            if int(truth_N.max()) >= MAX_CLASSES:
                raise DataError(
                    f"{name}: expected labels from 0 to one less than the number of classes, "
                    f"got {int(truth_N.max())}. Number the classes from 0."
                )
            class_names = [str(label) for label in range(int(truth_N.max()) + 1)]
        _check_classes(name, truth_N, class_names)
        if (test_images is None) != (test_labels is None):
            raise DataError(f"{name}: expected test images and test labels together, got only one.")
        test_images_T = test_truth_T = None
        if test_images is not None:
            test_images_T = _images(name, "test images", test_images)
            test_truth_T = _labels(name, "test labels", test_labels, len(test_images_T))
            _check_classes(name, test_truth_T, class_names, least=1, what="test labels")
            if test_images_T.shape[1:] != images_N.shape[1:]:
                raise DataError(
                    f"{name}: expected test images of shape {tuple(images_N.shape[1:])}, "
                    f"got {tuple(test_images_T.shape[1:])}."
                )
        return cls(
            name=name,
            images_N=images_N,
            truth_N=truth_N,
            class_names=tuple(class_names),
            test_images_T=test_images_T,
            test_truth_T=test_truth_T,
        )


def _images(name: str, what: str, images: Any) -> Tensor | MappedImages:
    if isinstance(images, MappedImages):
        return images
    array = _array(name, what, images)
    if array.dtype.kind == "f" and array.ndim:
        bad = np.flatnonzero(~np.isfinite(array).all(axis=tuple(range(1, array.ndim))))
        if len(bad):
            raise DataError(
                f"{name}: expected finite {what}, but sample {int(bad[0])} has NaN or infinity "
                f"({len(bad)} such samples)."
            )
    check_images(name, what, array)
    return torch.from_numpy(np.array(channels_first(array), dtype=np.uint8, order="C"))


def map_images(name: str, what: str, stored: np.memmap[Any, Any]) -> MappedImages:
    """Return images that stay in their file, after a check of type, shape and order.

    Raises:
        DataError: the type, shape or order cannot be read from a file.
    """
    check_images(name, what, stored)
    if not stored.flags.c_contiguous:
        raise DataError(
            f"{name}: expected {what} in C order, one image after the other, got Fortran order. "
            "Save them again after numpy.ascontiguousarray."
        )
    return MappedImages(stored)


def check_images(name: str, what: str, array: np.ndarray[Any, Any]) -> None:
    """Raise `DataError` unless type and shape are those of images; the values are not read."""
    if array.dtype != np.uint8:
        raise DataError(
            f"{name}: expected {what} of dtype uint8 (0 to 255), got {array.dtype}. "
            "Scale them to 0 to 255 and convert."
        )
    shape = channels_first(array).shape
    if len(shape) != 4 or shape[1] not in (1, 3) or min(shape[2:]) < 4:
        raise DataError(
            f"{name}: expected {what} of shape (N, height, width), (N, height, width, channels) or "
            f"(N, channels, height, width) with 1 or 3 channels and at least 4 x 4 pixels, "
            f"got {array.shape}."
        )
    if len(array) < 2:
        raise DataError(f"{name}: expected at least 2 {what}, got {len(array)}.")


def _labels(name: str, what: str, labels: Any, length: int) -> Tensor:
    array = _array(name, what, labels)
    if array.ndim != 1 or len(array) != length:
        raise DataError(f"{name}: expected {what} of shape ({length},), one per image, got {array.shape}.")
    if array.dtype.kind not in "iu":
        raise DataError(f"{name}: expected whole numbers as {what}, got dtype {array.dtype}.")
    if array.max() > np.iinfo(np.int64).max // 2:
        raise DataError(f"{name}: expected {what} from 0 to the number of classes, got {array.max()}.")
    if array.min() < 0:
        raise DataError(f"{name}: expected {what} of at least 0, got {array.min()}.")
    return torch.from_numpy(array.astype(np.int64))


def _array(name: str, what: str, values: Any) -> np.ndarray[Any, Any]:
    if isinstance(values, Tensor):
        values = values.cpu().numpy()
    try:
        return np.asarray(values)
    except ValueError as error:
        raise DataError(f"{name}: expected {what} of one shape, got {error}.") from error


def _check_classes(
    name: str, truth_N: Tensor | None, class_names: Sequence[str], least: int = 2, what: str = "labels"
) -> None:
    n_classes = len(class_names)
    if truth_N is not None and int(truth_N.min()) == int(truth_N.max()):
        n_classes = 1
    if n_classes < least:
        raise DataError(f"{name}: expected at least two classes, got {n_classes}.")
    if truth_N is not None and int(truth_N.max()) >= len(class_names):
        raise DataError(
            f"{name}: expected {what} below {len(class_names)}, the number of class names, "
            f"got {int(truth_N.max())}."
        )
