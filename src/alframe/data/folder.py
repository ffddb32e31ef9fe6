"""Images in a directory: one file for each image, in subfolders by class or all in one folder."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from alframe._text import nfc
from alframe.core.errors import DataError
from alframe.data.dataset import ImageDataset
from alframe.data.image_files import FileList, Reading, dataset_of_files
from alframe.data.image_tree import Tree, read_tree
from alframe.data.path_text import shown_path
from alframe.data.places import find
from alframe.data.splits import depth_notes, divided, wrapped_line


def folder(
    *,
    name: str,
    path: str,
    data_dir: str,
    download: bool,
    size: Sequence[int] | None,
    channels: int | None,
    max_megapixels: float | None,
    subfolders_are_classes: bool,
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
        size, channels, max_megapixels: as in `Reading`.
        subfolders_are_classes: False takes the images of all subfolders without labels.
        class_names: names in the order of the class numbers; None takes the subfolders in natural order.
        test_path: a directory of test images with the same subfolders, or None.

    Raises:
        DataError: there are no images, or the folders do not name their classes.
    """
    root = find(path, data_dir, "data.path", "a directory of images", Path.is_dir)
    test_root = None
    if test_path is not None:
        test_root = find(test_path, data_dir, "data.test_path", "a directory of images", Path.is_dir)
    tree, notes = read_tree(root, by_class=subfolders_are_classes), list[str]()
    if tree.class_N is not None:
        tree, test_root, notes = divided(tree, test_root, class_names)
    test = None if test_root is None else read_tree(test_root, "data.test_path")
    classes = _classes(tree, class_names)
    if test is not None and test.class_N is None:
        raise DataError(f"data.test_path: expected subfolders by class in {shown_path(test.root)}, got none.")
    notes = [*notes, *tree.notes, *tree.empty_note(classes), *depth_notes(tree)]
    labels = None if tree.class_N is None else _numbers(tree.class_N, classes, "data.path")
    test_labels = None if test is None else _numbers(test.class_N or [], classes, "data.test_path")
    return dataset_of_files(
        name,
        FileList(paths=tree.paths, names=tree.names, truth=labels),
        None if test is None else FileList(paths=test.paths, names=test.names, truth=test_labels),
        classes,
        Reading(size=size, channels=channels, max_megapixels=max_megapixels),
        key="data.path",
        where=shown_path(tree.root),
        notes=notes,
        hint=wrapped_line(tree),
    )


def _classes(tree: Tree, given: Sequence[str] | None) -> list[str]:
    """Return the names of the classes; names are compared with their accents joined to the letters."""
    root = shown_path(tree.root)
    if given is None:
        if tree.class_N is None:
            raise DataError(
                f"data.class_names: expected the classes' names, since {root} has no subfolders by class. "
                "Write data.class_names=[cat,dog]."
            )
        return tree.classes
    names = [str(name) for name in given]
    known = {nfc(name) for name in names}
    unknown = [name for name in tree.classes if nfc(name) not in known and name not in tree.empty]
    if unknown:
        raise DataError(
            f"data.class_names: expected the subfolders of {root} among {', '.join(names)}, got "
            f"{shown_path(unknown[0])}. If the subfolders are not classes, write "
            "data.subfolders_are_classes=false."
        )
    return names


def _numbers(names: Sequence[str], classes: Sequence[str], key: str) -> Tensor:
    number: Mapping[str, int] = {nfc(name): k for k, name in enumerate(classes)}
    unknown = [name for name in names if nfc(name) not in number]
    if unknown:
        raise DataError(f"{key}: expected the subfolders {', '.join(classes)}, got {shown_path(unknown[0])}.")
    return torch.tensor([number[nfc(name)] for name in names], dtype=torch.int64)
