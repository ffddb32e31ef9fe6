"""Published data sets in files unknown to torchvision: CIFAR-10 as sprites, Debian's Fashion-MNIST."""

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

DEBIAN = Path("/usr/share/datasets/fashion-mnist")  # where the package dataset-fashion-mnist puts its files
SIDE = 32  # pixels of an image of CIFAR-10
CIFAR10_CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Layout:
    """The arrays of a split, with the names that torchvision's data sets give them."""

    data: Array
    targets: Array
    classes: list[str]


def other_layout(dataset: Any, root: Path, arguments: Mapping[str, Any]) -> Layout | None:
    """Return the split of a data set from files of another layout, or None if there are none.

    Args:
        dataset: torchvision's class. root: the folder of all data sets.
        arguments: of torchvision's class.

    Raises:
        OSError, ValueError: the files are damaged.
    """
    name = getattr(dataset, "__name__", "")
    if name == "CIFAR10" and (root / "cifar10" / "train_labels.txt").is_file():
        return _sprites(root / "cifar10", "train" if arguments["train"] else "test")
    for folder in (root / "fashion-mnist", DEBIAN):
        if name == "FashionMNIST" and (folder / "train-images-idx3-ubyte.gz").is_file():
            return _gzipped(folder, "train" if arguments["train"] else "t10k", dataset.classes)
    return None


def _sprites(folder: Path, split: str) -> Layout:
    """Return the images of train_00.png, train_01.png ..., each of whose rows is an image of 1,024 pixels."""
    from PIL import Image

    files = sorted(folder.glob(f"{split}_[0-9][0-9].png"))
    if [file.name for file in files] != [f"{split}_{k:02d}.png" for k in range(len(files))] or not files:
        raise ValueError(f"files of {split}_00.png, {split}_01.png and so on are missing")
    rows = []
    for file in files:
        with Image.open(file) as sprite:
            rows.append(np.asarray(sprite.convert("RGB")).reshape(-1, SIDE, SIDE, 3))
    images = np.concatenate(rows)
    labels = np.loadtxt(folder / f"{split}_labels.txt", dtype=np.int64, ndmin=1)[: len(images)]
    return Layout(data=images, targets=labels, classes=CIFAR10_CLASSES)


def _gzipped(folder: Path, split: str, classes: list[str]) -> Layout:
    """Return the images of compressed files in the format of MNIST."""
    raw = gzip.decompress((folder / f"{split}-images-idx3-ubyte.gz").read_bytes())
    n, height, width = np.frombuffer(raw, ">i4", 3, offset=4)
    images = np.frombuffer(raw, np.uint8, offset=16).reshape(n, height, width)
    raw = gzip.decompress((folder / f"{split}-labels-idx1-ubyte.gz").read_bytes())
    return Layout(data=images, targets=np.frombuffer(raw, np.uint8, offset=8), classes=classes)
