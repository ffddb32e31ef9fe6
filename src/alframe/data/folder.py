"""Images in a directory: one file for each image, in subfolders by class or all in one folder."""

import os
import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from alframe._text import nfc
from alframe.core.errors import DataError, DataWarning
from alframe.data.dataset import ImageDataset
from alframe.data.decoded import DecodedImages, unreadable_line
from alframe.data.image_tree import Tree, read_tree
from alframe.data.path_text import shown_path
from alframe.data.shared_range import SharedRange
from alframe.data.splits import depth_notes, divided, wrapped_line
from alframe.data.survey import Survey, survey


def folder(
    *,
    name: str,
    path: str,
    data_dir: str,
    download: bool,
    size: Sequence[int] | None,
    channels: int | None,
    class_names: Sequence[str] | None,
    test_path: str | None,
) -> ImageDataset:
    """Return the images of a directory; each subfolder is a class, and its name is the label.

    Indices count the files in natural order of their paths (img2 before img10). A directory without
    subfolders has no labels; then `class_names` are needed. Files that cannot be read are left out. Each
    thing that is left out or changed on the way is told in a `DataWarning`. The images are decoded when
    they are needed.

    Args:
        name: the name of the data set.
        path: the directory, looked up in `data_dir` first, then in the current directory; one that begins
            with a dot is looked up in the current directory only.
        data_dir: the folder of the data sets. download: ignored.
        size: (height, width) to which images are scaled, in pixels; None takes images of one size up to 128
            pixels a side as they are, and scales others to 96 pixels on the longer side.
        channels: 1 for grey, 3 for colour, None for grey if every image is grey.
        class_names: names in the order of the class numbers; None takes the subfolders in natural order.
        test_path: a directory of test images with the same subfolders, or None.

    Raises:
        DataError: there are no images, or the folders do not name their classes.
    """
    root = _found(path, data_dir, "data.path")
    test_root = None if test_path is None else _found(test_path, data_dir, "data.test_path")
    tree, test_root, notes = divided(read_tree(root), test_root, class_names)
    test = None if test_root is None else read_tree(test_root, "data.test_path")
    classes = _classes(tree, class_names)
    if test is not None and test.class_N is None:
        raise DataError(f"data.test_path: expected subfolders by class in {shown_path(test.root)}, got none.")
    paths, test_paths = tree.paths, [] if test is None else test.paths
    seen = survey([*paths, *test_paths])
    chosen, line = seen.size() if size is None else ((size[0], size[1]), "")
    _warn([*notes, *_notes(tree, classes, seen), *([line] if line else [])])
    shared = SharedRange(seen.deep(paths))

    def images(paths: Sequence[Path], name: str, *, is_test: bool) -> DecodedImages:
        n_channels, n_levels = channels or seen.channels(), seen.levels_wanted()
        return DecodedImages(paths, chosen, n_channels, shared, is_test, n_levels, name=name)

    whole = ImageDataset(
        name=name,
        images_N=images(paths, "images", is_test=False),
        truth_N=None if tree.class_N is None else _numbers(tree.class_N, classes, "data.path"),
        class_names=tuple(classes),
        test_images_T=None if test is None else images(test_paths, "test_images", is_test=True),
        test_truth_T=None if test is None else _numbers(test.class_N or [], classes, "data.test_path"),
        files_N=tuple(tree.names),
        paths_N=tuple(paths),
    )
    return _checked(without_files(whole, seen.reasons), tree)


def _notes(tree: Tree, classes: Sequence[str], seen: Survey) -> list[str]:
    """Return a line for each thing in a directory that is left out or changed."""
    notes = [*tree.notes, *tree.empty_note(classes), *depth_notes(tree)]
    if seen.reasons:
        notes.append(unreadable_line(seen.reasons, seen.n_files))
    return [f"data.path: {note}" for note in (*notes, *seen.notes())]


def _warn(notes: Sequence[str]) -> None:
    for note in notes:
        warnings.warn(note, DataWarning, stacklevel=3)


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


def _found(path: str, data_dir: str, key: str) -> Path:
    places = [Path(data_dir).expanduser() / path, Path(path).expanduser()]
    candidates = places[1:] if path.startswith(".") else places
    where = next((candidate for candidate in candidates if candidate.is_dir()), None)
    if where is None:
        tried = " or ".join(dict.fromkeys(shown_path(os.path.abspath(each)) for each in candidates))
        raise DataError(f"{key}: expected a directory of images at {tried}, found none. Give {key}.")
    return where


def _classes(tree: Tree, given: Sequence[str] | None) -> list[str]:
    """Return the names of the classes; names are compared with their accents joined to the letters."""
    root = shown_path(tree.root)
    if given is None:
        if tree.class_N is None:
            raise DataError(
                f"data.class_names: expected the classes' names, since {root} has no subfolders. Write "
                "data.class_names=[cat,dog]."
            )
        return tree.classes
    names = [str(name) for name in given]
    known = {nfc(name) for name in names}
    unknown = [name for name in tree.classes if nfc(name) not in known and name not in tree.empty]
    if unknown:
        raise DataError(
            f"data.class_names: expected the subfolders of {root} among {', '.join(names)}, got "
            f"{shown_path(unknown[0])}. If the subfolders are not classes, put all images into one folder."
        )
    return names


def _numbers(names: Sequence[str], classes: Sequence[str], key: str) -> Tensor:
    number: Mapping[str, int] = {nfc(name): k for k, name in enumerate(classes)}
    unknown = [name for name in names if nfc(name) not in number]
    if unknown:
        raise DataError(f"{key}: expected the subfolders {', '.join(classes)}, got {shown_path(unknown[0])}.")
    return torch.tensor([number[nfc(name)] for name in names], dtype=torch.int64)


def _checked(dataset: ImageDataset, tree: Tree) -> ImageDataset:
    n_classes = dataset.n_classes if dataset.truth_N is None else len(dataset.truth_N.unique())
    if len(dataset) < 2 or min(dataset.n_classes, n_classes) < 2:
        raise DataError(
            f"data.path: expected at least two images, of at least two classes, in {shown_path(tree.root)}, "
            f"got {len(dataset)} of {n_classes}.{wrapped_line(tree)}"
        )
    return dataset
