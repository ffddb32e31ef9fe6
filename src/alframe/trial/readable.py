"""A data set of image files without those that turn out to be unreadable."""

import warnings
from collections.abc import Mapping
from pathlib import Path

from alframe.core.errors import DataWarning
from alframe.core.file_names import STATE
from alframe.data import DecodedImages, ImageDataset
from alframe.data.decoded import Progress, UnreadableImages, unreadable_line
from alframe.data.image_files import without_files
from alframe.data.unreadable_files import identity_of, known_unreadable, n_bytes, remember_unreadable

SMALL_BYTES = 2**25  # files of together fewer bytes are decoded in about a second


def readable(
    dataset: ImageDataset,
    directory: Path,
    progress: Progress,
    *,
    at_once: bool,
    left_out: Mapping[Path, str] | None = None,
    decode: bool = True,
) -> ImageDataset:
    """Return a data set without the files that cannot be read, and keep decoded images in the trial's state.

    Args:
        dataset: of any kind. directory: of the trial, which remembers unreadable files.
        progress: called with ("read", done, total).
        at_once: decode all images now. Otherwise only a small data set is decoded; an unreadable file of a
            larger one is found by the first fit.
        decode: False decodes no image: an encoder will read the files.
        left_out: the reasons of files that were found unreadable since the command began.

    Raises:
        UnreadableImages: too few images are left.
    """
    if not isinstance(dataset.images_N, DecodedImages):
        return dataset
    for images in _decoded(dataset):
        images.keep_in(directory / STATE)
    paths = {path for images in _decoded(dataset) for path in images.paths}
    found = {**known_unreadable(directory / STATE), **(left_out or {})}
    known = {path: reason for path, reason in found.items() if path in paths}
    if known:
        if len(known) > len(paths) - 2:
            raise UnreadableImages(known, len(paths))
        warnings.warn(f"data: {unreadable_line(known, len(paths))}", DataWarning, stacklevel=2)
        dataset = without_files(dataset, known)
    if decode and (at_once or _n_bytes(dataset) <= SMALL_BYTES):
        for n in range(len(_decoded(dataset))):
            dataset = _without_unreadable(dataset, n, progress)
    return dataset


def remember(directory: Path, reasons: Mapping[Path, str]) -> None:
    """Remember files of a trial that turned out to be damaged, with the reasons."""
    found = {identity: reason for path, reason in reasons.items() if (identity := identity_of(path))}
    remember_unreadable(directory / STATE, found)


def _without_unreadable(dataset: ImageDataset, n: int, progress: Progress) -> ImageDataset:
    try:
        _decoded(dataset)[n].pixels(progress)
    except UnreadableImages as error:
        if len(error.reasons) > len(dataset) - 2:
            raise
        warnings.warn(f"data: {error}", DataWarning, stacklevel=2)
        dataset = without_files(dataset, error.reasons)
        if n < len(_decoded(dataset)):
            _decoded(dataset)[n].pixels(progress)
    return dataset


def _decoded(dataset: ImageDataset) -> list[DecodedImages]:
    both = dataset.images_N, dataset.test_images_T
    return [images for images in both if isinstance(images, DecodedImages)]


def _n_bytes(dataset: ImageDataset) -> int:
    return sum(n_bytes(path) for images in _decoded(dataset) for path in images.paths)
