"""A data set: checked uint8 images, true labels if they are known, and an optional test set."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from alframe.core.errors import DataError
from alframe.data.arrange import arranged_images, arranged_truth
from alframe.data.banks import Images
from alframe.data.image_values import as_uint8, check_shape, stacked
from alframe.data.label_values import class_numbers, found_names, read_class_names, read_labels
from alframe.data.labelled_pairs import Columns, unpacked
from alframe.data.memory_map import MappedImages, channels_first


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageDataset:
    """Images with their labels. The indices of a trial refer to their order.

    Attributes:
        name: for messages and file names.
        images_N: (N, channels, height, width) uint8: a tensor, or images that stay in one file or in files of
            their own.
        truth_N: (N,) int64 in [0, C), the true classes, or None if they are unknown; -1 for a sample that is
            no longer there.
        test_images_T, test_truth_T: a test set in the same form, or None.
        class_names: C names.
        files_N: the file of each image as text for people, relative to the data set's folder, or None.
        paths_N: the absolute path of each file, or None.
    """

    name: str
    images_N: Images
    truth_N: Tensor | None
    class_names: tuple[str, ...]
    test_images_T: Images | None = None
    test_truth_T: Tensor | None = None
    files_N: tuple[str, ...] | None = None
    paths_N: tuple[Path, ...] | None = None

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
            images: (N, height, width), (N, height, width, channels) with 1 or 3 channels, or (N, channels,
                height, width): uint8; other types are scaled to 0 to 255 if their range is clear. They are
                copied unless they are `MappedImages`. Also a list of images, or a data set of pairs (image,
                label) of torch, torchvision or Hugging Face.
            labels: (N,) class names or whole numbers, or None if they are unknown (then `class_names` is
                needed). With `class_names`, whole numbers are positions in them.
            test_images, test_labels: a test set in the same form, or neither.
            class_names: one name per class; by default the different labels, in order.

        Raises:
            DataError: wrong shapes, lengths, types or ranges; NaN; a single class; labels known for a part.
        """
        given, test = _columns(name, images, labels), None
        if test_images is not None or test_labels is not None:
            test = _columns(name, test_images, test_labels, "test ")
        if class_names is None:
            class_names = given.class_names
            if test is not None and test.class_names not in (None, class_names):
                raise DataError(
                    f"{name}: expected a test set with the class names of the data. Give class_names."
                )
        truth_N, test_truth_T, names = _classes(name, given, test, class_names)
        images_N, test_images_T = _images(name, given.images, None if test is None else test.images)
        if test_images_T is not None and test_images_T.shape[1:] != images_N.shape[1:]:
            raise DataError(
                f"{name}: expected test images of shape {tuple(images_N.shape[1:])}, "
                f"got {tuple(test_images_T.shape[1:])}."
            )
        return cls(
            name=name,
            images_N=images_N,
            truth_N=truth_N,
            class_names=names,
            test_images_T=test_images_T,
            test_truth_T=test_truth_T,
        )

    def arranged(
        self,
        position_N: Sequence[int],
        class_names: Sequence[str],
        lost: Sequence[tuple[str, Path]] = (),
    ) -> Self:
        """Return the data set in another order, with lost samples in between.

        Args:
            position_N: for each new sample its index here, or -1 for a sample that is no longer there: its
                image is zeros and its truth -1.
            class_names: the names of all classes here, perhaps in another order and with more.
            lost: name and path of each file that is no longer there, in the order of the -1.

        Raises:
            ValueError: a class is missing from `class_names`, or a lost sample of a folder from `lost`.
        """
        gone = iter(lost)
        names_N, paths_N = self.files_N or (), self.paths_N or ()
        named_N = [
            (names_N[at], paths_N[at] if paths_N else Path()) if at >= 0 else next(gone, None)
            for at in (position_N if names_N else ())
        ]
        if None in named_N or not set(self.class_names) <= set(class_names):
            raise ValueError("Expected all classes and a file for each lost sample, but some are missing.")
        return replace(
            self,
            images_N=arranged_images(self.images_N, position_N),
            truth_N=arranged_truth(self.truth_N, position_N, self.class_names, class_names),
            class_names=tuple(class_names),
            test_truth_T=arranged_truth(self.test_truth_T, None, self.class_names, class_names),
            files_N=None if self.files_N is None else tuple(each[0] for each in named_N if each),
            paths_N=None if self.paths_N is None else tuple(each[1] for each in named_N if each),
        )


def numbered(
    name: str,
    labels: Any,
    test_labels: Any,
    class_names: Sequence[str] | None,
    sizes: tuple[int, int],
    *,
    hint: str = "Give class_names.",
) -> tuple[Tensor | None, Tensor | None, tuple[str, ...]]:
    """Return the class numbers of samples, int64 or None if unknown, those of a test set, and class names.

    Args:
        name, labels, test_labels, class_names: as in `ImageDataset.from_arrays`.
        sizes: the number of samples and of test samples; 0 if there is no test set.
        hint: what to do if there are neither labels nor class names.

    Raises:
        DataError: as `ImageDataset.from_arrays` does for labels.
    """
    given, test = Columns(images=None), None
    if labels is not None:
        given = replace(given, labels=read_labels(name, "labels", labels, sizes[0]))
    if sizes[1]:
        test = Columns(images=None, labels=read_labels(name, "test labels", test_labels, sizes[1]))
        if test.labels is None:
            raise DataError(f"{name}: expected test labels, got none that is known. Leave out the test set.")
    return _classes(name, given, test, class_names, hint)


def _columns(name: str, images: Any, labels: Any, kind: str = "") -> Columns:
    """Return images with a checked shape, the labels of N samples as `read_labels` does, and class names."""
    if kind and images is None:
        raise _half_a_test_set(name)
    mapped = isinstance(images, MappedImages)
    columns = Columns(images=images) if mapped else unpacked(name, f"{kind}images", images)
    labels = columns.labels if labels is None else labels
    if kind and labels is None:
        raise _half_a_test_set(name)
    images = columns.images if mapped else stacked(name, f"{kind}images", columns.images)
    if labels is not None:
        labels = read_labels(name, f"{kind}labels", labels, len(images))
    if kind and labels is None:
        raise DataError(f"{name}: expected test labels, got none that is known. Leave out the test set.")
    return Columns(images=images, labels=labels, class_names=columns.class_names)


def _half_a_test_set(name: str) -> DataError:
    return DataError(f"{name}: expected test images and test labels together, got only one.")


def _classes(
    name: str, given: Columns, test: Columns | None, class_names: Any, hint: str = "Give class_names."
) -> tuple[Tensor | None, Tensor | None, tuple[str, ...]]:
    """Return the classes of the samples and of the test set, and the class names."""
    by_name = class_names is None
    if class_names is not None:
        names = read_class_names(name, class_names)
    elif given.labels is None:
        raise DataError(f"{name}: expected class names or labels, got neither. {hint}")
    else:
        labels = given.labels if test is None else test.labels
        if labels.dtype.kind != given.labels.dtype.kind:
            raise DataError(
                f"{name}: expected test labels in the form of labels, got {labels[:1].tolist()} and "
                f"{given.labels[:1].tolist()}. Give class_names."
            )
        names = found_names(name, np.concatenate([given.labels, labels]))
    numbers: list[Tensor | None] = [None, None]
    for k, (what, columns) in enumerate((("labels", given), ("test labels", test))):
        if columns is not None and columns.labels is not None:
            values = class_numbers(name, what, columns.labels, names, by_name=by_name)
            numbers[k] = torch.from_numpy(values)
    truth_N, test_truth_T = numbers
    one = truth_N is not None and int(truth_N.min()) == int(truth_N.max())
    if len(names) < 2 or one:
        raise DataError(f"{name}: expected at least two classes, got {1 if one else len(names)}.")
    return truth_N, test_truth_T, names


def _images(name: str, images: Any, test_images: Any) -> tuple[Images, Images | None]:
    """Return the images of the samples and of the test set as they are kept."""
    given = {"images": images, "test images": test_images}
    values = {what: array for what, array in given.items() if isinstance(array, np.ndarray)}
    for what, array in as_uint8(name, values).items():
        copied = np.array(channels_first(array), order="C", copy=True if array is values[what] else None)
        given[what] = torch.from_numpy(copied)
    return given["images"], given["test images"]


def map_images(name: str, what: str, stored: np.memmap[Any, Any]) -> MappedImages:
    """Return images that stay in their file, after a check of type, shape and order.

    Raises:
        DataError: the type, shape or order cannot be read from a file.
    """
    check_shape(name, what, stored)
    if stored.dtype != np.uint8:
        raise DataError(
            f"{name}: expected {what} of uint8 in order to leave them in their file, got {stored.dtype}. "
            "Write data.in_memory=true, or save them again as uint8."
        )
    if not stored.flags.c_contiguous:
        raise DataError(
            f"{name}: expected {what} in C order, one image after the other, got Fortran order. "
            "Save them again after numpy.ascontiguousarray."
        )
    return MappedImages(stored)
