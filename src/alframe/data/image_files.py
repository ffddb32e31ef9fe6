"""A data set of image files of any size: one set of rules for folders, tables and published data sets."""

import warnings
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor

from alframe.core.errors import DataError, DataWarning
from alframe.data.dataset import ImageDataset
from alframe.data.decoded import DecodedImages, unreadable_line
from alframe.data.shared_range import SharedRange
from alframe.data.survey import survey


@dataclass(frozen=True, kw_only=True, eq=False)
class FileList:
    """Image files in the order of their indices.

    Attributes:
        paths: absolute. names: for people. truth: (N,) int64, the class of each, or None if it is unknown.
    """

    paths: Sequence[Path]
    names: Sequence[str]
    truth: Tensor | None


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How image files are read: the keys that all sources of files share.

    Attributes:
        size: (height, width) to which images are scaled, in pixels; None takes images of one size up to 128
            pixels a side as they are, and scales others to 96 pixels on the longer side.
        channels: 1 for grey, 3 for colour, None for grey if every image is grey.
        max_megapixels: images with more millions of pixels are left out; None leaves out those that take
            more than 1 GB.
    """

    size: Sequence[int] | None
    channels: int | None
    max_megapixels: float | None

    @property
    def max_pixels(self) -> int | None:
        """`max_megapixels` in pixels."""
        return None if self.max_megapixels is None else int(self.max_megapixels * 1e6)


def dataset_of_files(
    name: str,
    files: FileList,
    test: FileList | None,
    class_names: Sequence[str],
    reading: Reading,
    *,
    key: str,
    where: str,
    notes: Sequence[str] = (),
    hint: str = "",
) -> ImageDataset:
    """Return the images of files; they are decoded when they are needed.

    Files that cannot be read are left out. Each thing that is left out or changed is told in a `DataWarning`.

    Args:
        name: the name of the data set.
        files: the images. test: those of the test set, or None. class_names: of all classes.
        key: the setting that names the files, where: their place, and hint: a sentence, all for messages.
        notes: what is to be told about the files.

    Raises:
        DataError: fewer than two images can be read, or all are of one class.
    """
    paths, test_paths = list(files.paths), [] if test is None else list(test.paths)
    seen = survey([*paths, *test_paths], key, reading.max_pixels)
    size, line = seen.size() if reading.size is None else ((reading.size[0], reading.size[1]), "")
    left_out = [unreadable_line(seen.reasons, seen.n_files)] if seen.reasons else []
    lines = [f"{key}: {note}" for note in (*notes, *left_out, *seen.notes())]
    for each in (*lines, *([line] if line else [])):
        warnings.warn(each, DataWarning, stacklevel=3)
    shared = SharedRange(seen.deep(paths))

    def images(paths: Sequence[Path], name: str, *, is_test: bool) -> DecodedImages:
        n_channels, n_levels = reading.channels or seen.channels(), seen.levels_wanted()
        return DecodedImages(paths, size, n_channels, shared, is_test, n_levels, name=name)

    whole = ImageDataset(
        name=name,
        images_N=images(paths, "images", is_test=False),
        truth_N=files.truth,
        class_names=tuple(class_names),
        test_images_T=None if test is None else images(test_paths, "test_images", is_test=True),
        test_truth_T=None if test is None else test.truth,
        files_N=tuple(files.names),
        paths_N=tuple(paths),
    )
    return _checked(without_files(whole, seen.reasons), key, where, hint)


def without_files(dataset: ImageDataset, left_out: Collection[Path]) -> ImageDataset:
    """Return a data set without the images and test images of some files."""
    if not left_out:
        return dataset
    kept = [n for n, path in enumerate(dataset.paths_N or ()) if path not in left_out]
    dataset = dataset.arranged(kept, dataset.class_names)
    test_T = dataset.test_images_T
    if not isinstance(test_T, DecodedImages) or dataset.test_truth_T is None:
        return dataset
    kept = [n for n, path in enumerate(test_T.paths) if path not in left_out]
    if not kept:
        return replace(dataset, test_images_T=None, test_truth_T=None)
    return replace(dataset, test_images_T=test_T.arranged(kept), test_truth_T=dataset.test_truth_T[kept])


def _checked(dataset: ImageDataset, key: str, where: str, hint: str) -> ImageDataset:
    n_classes = dataset.n_classes if dataset.truth_N is None else len(dataset.truth_N.unique())
    if len(dataset) < 2 or min(dataset.n_classes, n_classes) < 2:
        raise DataError(
            f"{key}: expected at least two images, of at least two classes, in {where}, "
            f"got {len(dataset)} of {n_classes}.{hint}"
        )
    return dataset
