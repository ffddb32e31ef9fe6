"""Images in a directory: one file for each image, in subfolders by class or all in one folder."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from alframe._text import natural
from alframe.core.errors import DataError
from alframe.data.dataset import ImageDataset

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")
NAMED = 3  # files that a message names


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
    if channels is None:
        channels = 1 if all(_is_grey(file) for file in [*files, *test_files]) else 3
    images_N = _read(files, size, channels)
    labels_N = None if names_N[0] is None else _numbers(names_N, classes)
    test = {}
    if test_root is not None:
        if test_names_T[0] is None:
            raise DataError(f"data.test_path: expected subfolders by class in {test_root}, got none.")
        test = {
            "test_images": _read(test_files, size, channels),
            "test_labels": _numbers(test_names_T, classes),
        }
    dataset = ImageDataset.from_arrays(name, images_N, labels_N, class_names=classes, **test)
    return replace(dataset, files_N=tuple(file.relative_to(root).as_posix() for file in files))


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


def _numbers(names: Sequence[str | None], classes: Sequence[str]) -> np.ndarray[Any, Any]:
    number = {name: k for k, name in enumerate(classes)}
    unknown = [name for name in names if name not in number]
    if unknown:
        raise DataError(f"data.test_path: expected the subfolders {', '.join(classes)}, got {unknown[0]}.")
    return np.array([number[str(name)] for name in names], dtype=np.int64)


def _is_grey(file: Path) -> bool:
    from PIL import Image

    try:
        with Image.open(file) as image:
            return image.mode in ("1", "L", "LA", "I", "I;16", "F")
    except (OSError, ValueError):  # reading the image raises the error later
        return True


def _read(files: Sequence[Path], size: Sequence[int] | None, channels: int) -> np.ndarray[Any, Any]:
    """Return (n, height, width, channels) uint8; one error counts all files that cannot be read."""
    images: np.ndarray[Any, Any] | None = None
    broken: list[str] = []
    for position, file in enumerate(files):
        try:
            image = _image(file, size, channels)
        except (OSError, ValueError, SyntaxError) as error:
            broken.append(f"{file} ({' '.join(str(error).split()) or type(error).__name__})")
            continue
        if images is None:
            first, images = file, np.empty((len(files), *image.shape), dtype=np.uint8)
        if image.shape != images.shape[1:]:
            theirs, ours = images.shape[1:3], image.shape[:2]
            raise DataError(
                f"data.size: expected images of one size, but {first} is {theirs[0]} x {theirs[1]} and "
                f"{file} is {ours[0]} x {ours[1]} (height x width). Write "
                f"data.size=[{theirs[0]},{theirs[1]}] to scale them."
            )
        images[position] = image
    if broken or images is None:
        more = f" and {len(broken) - NAMED} more" if len(broken) > NAMED else ""
        raise DataError(
            f"data.path: expected images that can be read, but {len(broken)} of {len(files)} cannot: "
            f"{'; '.join(broken[:NAMED])}{more}. Repair or remove them."
        )
    return images


def _image(file: Path, size: Sequence[int] | None, channels: int) -> np.ndarray[Any, Any]:
    """Return (height, width, channels) uint8, rotated by its EXIF tag, with transparent parts white."""
    from PIL import Image, ImageOps

    with Image.open(file) as opened:
        image = ImageOps.exif_transpose(opened)
        if image.mode in ("I", "I;16", "F"):  # 16 bits: keep the upper 8
            image = Image.fromarray((np.asarray(image, dtype=np.float64) / 257).clip(0, 255).astype(np.uint8))
        if image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info:
            image = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
        image = image.convert("L" if channels == 1 else "RGB")
        if size is not None:
            image = image.resize((size[1], size[0]), Image.Resampling.BILINEAR)
        return np.asarray(image).reshape(image.height, image.width, channels)
