"""Images in a directory: one file for each image, in subfolders by class or all in one folder."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from alframe._text import natural
from alframe.core.errors import DataError, DataWarning
from alframe.data.dataset import ImageDataset
from alframe.data.decoded import DecodedImages, shown_path, unreadable_line
from alframe.data.survey import Survey, survey

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")


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

    Indices count the files in natural order of their paths (img2 before img10). Hidden files and files that
    are no images are left out. A directory without subfolders has no labels; then `class_names` are needed.

    Args:
        name: the name of the data set.
        path: the directory, looked up in `data_dir` first, then in the current directory.
        data_dir: the folder of the data sets. download: ignored.
        size: (height, width) to which images are scaled, in pixels; None expects images of one size.
        channels: 1 for grey, 3 for colour, None for grey if every image is grey.
        class_names: names in the order of the class numbers; None takes the subfolders in natural order.
        test_path: a directory of test images with the same subfolders, or None.

    Raises:
        DataError: there are no images, images of several sizes, or files that cannot be read.
    """
    root = _found(path, data_dir, "data.path")
    files, names_N = _listed(root)
    classes = _classes(root, names_N, class_names)
    test_root = None if test_path is None else _found(test_path, data_dir, "data.test_path")
    test_files, test_names_T = ([], []) if test_root is None else _listed(test_root)
    if test_root is not None and test_names_T[0] is None:
        raise DataError(f"data.test_path: expected subfolders by class in {test_root}, got none.")
    seen = survey([*files, *test_files])
    if seen.reasons:
        _note("data.path: " + unreadable_line(seen.reasons, len(files) + len(test_files)))
    files, names_N = _without(files, names_N, seen.reasons)
    test_files, test_names_T = _without(test_files, test_names_T, seen.reasons)
    for line in seen.notes():
        _note(f"data.path: {line}")
    height, width = size or _chosen_size(seen)
    channels = channels or seen.channels()

    def images(files: Sequence[Path], name: str) -> DecodedImages:
        return DecodedImages(files, (height, width), channels, seen.deep(), name=name)

    truth_N = None if names_N[0] is None else _numbers(names_N, classes)
    test_truth_T = _numbers(test_names_T, classes) if test_files else None
    if len(classes) < 2 or (truth_N is not None and len(truth_N.unique()) < 2):
        raise DataError(f"data.path: expected images of at least two classes in {root}, got one class.")
    return ImageDataset(
        name=name,
        images_N=images(files, "images"),
        truth_N=truth_N,
        class_names=tuple(classes),
        test_images_T=images(test_files, "test_images") if test_files else None,
        test_truth_T=test_truth_T,
        files_N=tuple(shown_path(file.relative_to(root).as_posix()) for file in files),
        paths_N=tuple(file.absolute() for file in files),
    )


def _chosen_size(seen: Survey) -> tuple[int, int]:
    size, line = seen.size()
    if line:
        _note(line)
    return size


def _note(line: str) -> None:
    warnings.warn(line, DataWarning, stacklevel=4)


def _without(
    files: Sequence[Path], names: Sequence[str | None], reasons: dict[Path, str]
) -> tuple[list[Path], list[str | None]]:
    kept = [n for n, file in enumerate(files) if file not in reasons]
    return [files[n] for n in kept], [names[n] for n in kept]


def image_files(root: Path) -> list[Path]:
    """Return the image files of a directory and its subfolders in natural order, which indices refer to."""
    files = [
        file
        for file in root.rglob("*")
        if file.suffix.lower() in SUFFIXES
        and file.is_file()
        and not any(part.startswith(".") for part in file.relative_to(root).parts)
    ]
    return sorted(files, key=lambda file: [natural(part) for part in file.relative_to(root).parts])


def _found(path: str, data_dir: str, key: str) -> Path:
    candidates = [Path(data_dir).expanduser() / path, Path(path).expanduser()]
    where = next((candidate for candidate in candidates if candidate.is_dir()), None)
    if where is None:
        raise DataError(f"{key}: expected a directory of images at {candidates[0]}, found none. Give {key}.")
    return where


def _listed(root: Path) -> tuple[list[Path], list[str | None]]:
    """Return the files and the class of each; all classes are None if there are no subfolders."""
    files = image_files(root)
    if not files:
        raise DataError(f"data.path: expected images ({', '.join(SUFFIXES)}) in {root}, found none.")
    names = [parts[0] if len(parts := file.relative_to(root).parts) > 1 else None for file in files]
    if None in names and any(names):
        loose = files[names.index(None)]
        raise DataError(
            f"data.path: expected every image of {root} in a subfolder by class, or none, but {loose.name} "
            "is beside the subfolders. Move it."
        )
    return files, names


def _classes(root: Path, names_N: Sequence[str | None], given: Sequence[str] | None) -> list[str]:
    there = sorted({name for name in names_N if name is not None}, key=natural)
    if given is None:
        if not there:
            raise DataError(
                f"data.class_names: expected the classes' names, since {root} has no subfolders. Write "
                "data.class_names=[cat,dog]."
            )
        return there
    names = [str(name) for name in given]
    unknown = [name for name in there if name not in names]
    if unknown:
        raise DataError(
            f"data.class_names: expected the subfolders of {root} among {', '.join(names)}, got {unknown[0]}."
        )
    return names


def _numbers(names: Sequence[str | None], classes: Sequence[str]) -> Tensor:
    number = {name: k for k, name in enumerate(classes)}
    unknown = [name for name in names if name not in number]
    if unknown:
        raise DataError(f"data.test_path: expected the subfolders {', '.join(classes)}, got {unknown[0]}.")
    return torch.tensor([number[str(name)] for name in names], dtype=torch.int64)
