"""Published data sets that torchvision reads: those with an option of their own, and any other by name."""

import difflib
import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from alframe.core.errors import ConfigError
from alframe.data.damaged_data import damage_as_data_error
from alframe.data.dataset import ImageDataset, numbered
from alframe.data.image_files import FileList, Reading, dataset_of_files
from alframe.data.labelled_pairs import NONE, Columns
from alframe.data.torchvision_content import content_of, is_files
from alframe.data.torchvision_opener import Opener, UnknownSplit, parameters

POOL_SPLITS = ("trainval", "train", "train-standard")  # the first one there is labelled
TEST_SPLITS = ("test", "val", "valid")  # the first one there, with labels, is the test set
# Arguments of torchvision's classes that other keys give, or that change what an item is.
_TAKEN = ("root", "train", "split", "download", "transform", "target_transform", "transforms", "loader",
          "target_type", "target_types", "is_valid_file", "allow_empty")  # fmt: skip
_NOT_BY_NAME = ("ImageFolder", "DatasetFolder", "VisionDataset")


def torchvision_dataset(
    *, name: str, dataset: Callable[..., Any], data_dir: str, download: bool
) -> ImageDataset:
    """Return a torchvision data set: the training split is the data to label, the test split is the test set.

    Args:
        name: the name of the data set.
        dataset: a class like `torchvision.datasets.MNIST` with `.data`, `.targets` and `.classes`.
        data_dir: the root folder of torchvision, such as the one that contains `MNIST/raw/`. CIFAR-10 is also
            read from sprites in `cifar10/`, and Fashion-MNIST from the files of Debian's package.
        download: True downloads missing files, with a progress bar.

    Raises:
        DataError: it is damaged, or it is missing and cannot or must not be downloaded.
    """
    if not callable(dataset):
        raise ConfigError(
            "data.dataset", "a class", dataset, f"Write data=torchvision data.dataset={dataset}."
        )
    root = Path(data_dir).expanduser()
    opener = Opener(name=name, dataset=dataset, root=root, download=download)
    train, test = opener.open(train=True), opener.open(train=False)
    with damage_as_data_error(name, root):
        return ImageDataset.from_arrays(
            name,
            train.data,
            np.asarray(train.targets),
            test_images=test.data,
            test_labels=np.asarray(test.targets),
            class_names=train.classes,
        )


def torchvision_by_name(
    *,
    name: str,
    dataset: str,
    split: str | Sequence[str] | None,
    test_split: str | None,
    options: Mapping[str, Any],
    size: Sequence[int] | None,
    channels: int | None,
    max_megapixels: float | None,
    data_dir: str,
    download: bool,
) -> ImageDataset:
    """Return any data set of torchvision that has one class for each image.

    Images in files of their own are read as those of `folder`, in torchvision's order.

    Args:
        name: the name of the data set in messages.
        dataset: the name of the class in `torchvision.datasets`, in capitals or not.
        split: the split to label, or several that are joined; None takes trainval or train. For EMNIST the
            kind of its classes, such as "letters"; None takes "balanced".
        test_split: the split of the test set; None takes test or val, "none" takes none.
        options: further arguments of the class.
        size, channels, max_megapixels: as in `Reading`; they have no effect if the images are one array.
        data_dir: the root folder of torchvision. download: True downloads missing files.

    Raises:
        ConfigError: there is no such data set, split or argument.
        DataError: it is damaged or missing, or has no single class for each image.
    """
    made, root = _class_named(dataset), Path(data_dir).expanduser()
    _check_arguments(made, options, split, test_split)
    opener = Opener(name=name, dataset=made, root=root, download=download)
    pool, test = _splits(opener, split, test_split, options)
    class_names = pool.class_names
    with damage_as_data_error(name, root):
        if not is_files(pool):
            return ImageDataset.from_arrays(
                name,
                pool.images,
                pool.labels,
                test_images=None if test is None else test.images,
                test_labels=None if test is None else test.labels,
                class_names=class_names,
            )
        sizes = len(pool.images), 0 if test is None else len(test.images)
        truths = numbered(name, pool.labels, None if test is None else test.labels, class_names, sizes)
    return dataset_of_files(
        name,
        _listed(pool, root, truths[0]),
        None if test is None else _listed(test, root, truths[1]),
        truths[2],
        Reading(size=size, channels=channels, max_megapixels=max_megapixels),
        key="data.dataset",
        where=f"{made.__name__} under {root}",
    )


def _listed(columns: Columns, root: Path, truth: Tensor | None) -> FileList:
    paths = [Path(os.path.abspath(path)) for path in columns.images]
    names = [os.path.relpath(path, root.absolute()) for path in paths]
    return FileList(paths=paths, names=names, truth=truth)


def _class_named(dataset: str) -> Any:
    """Return the class of torchvision with a name, whatever its capitals and hyphens."""
    from torchvision import datasets

    def plain(name: str) -> str:
        return name.lower().replace("-", "").replace("_", "")

    known = {plain(each): each for each in datasets.__all__ if each[0].isupper() and each not in _NOT_BY_NAME}
    if plain(dataset) not in known:
        close = [known[each] for each in difflib.get_close_matches(plain(dataset), known, cutoff=0.5)]
        hint = f"Perhaps {' or '.join(close)}." if close else "See the documentation of torchvision."
        if dataset in _NOT_BY_NAME:
            hint = "For class folders of your own write data=folder data.path=FOLDER."
        raise ConfigError("data.dataset", "the name of a data set of torchvision such as SVHN", dataset, hint)
    return getattr(datasets, known[plain(dataset)])


def _check_arguments(
    made: Any, options: Mapping[str, Any], split: str | Sequence[str] | None, test_split: str | None
) -> None:
    known = parameters(made)
    free = [key for key in known if key not in _TAKEN]
    for key in options:
        if key not in free:
            expected = f"arguments of {made.__name__}: {', '.join(free) or 'none'}"
            raise ConfigError("data.options", expected, key)
    given = {*options, *_TAKEN}
    missing = [k for k, each in known.items() if each.default is inspect.Parameter.empty and k not in given]
    if missing:
        hint = f"Write +data.options.{missing[0]}=VALUE."
        raise ConfigError("data.options", f"the arguments {', '.join(missing)} of {made.__name__}", hint=hint)
    if split is not None and "split" not in known:
        raise ConfigError("data.split", f"null, since {made.__name__} has no splits by name", split)
    if test_split not in (None, NONE) and ("split" not in known or "train" in known):
        expected = f"null or none, since {made.__name__} has no splits by name"
        raise ConfigError("data.test_split", expected, test_split)


def _splits(
    opener: Opener, split: str | Sequence[str] | None, test_split: str | None, options: Mapping[str, Any]
) -> tuple[Columns, Columns | None]:
    """Return the images to label and those of the test set."""
    known, with_test = parameters(opener.dataset), test_split != NONE
    wanted = [split] if isinstance(split, str) else list(split or ())

    def content(key: str, **arguments: Any) -> Columns:
        try:
            return content_of(opener.name, opener.open(**arguments, **options))
        except UnknownSplit as error:
            raise ConfigError(key, f"one of {error}", arguments["split"]) from error

    if "train" in known:
        kind = {"split": " and ".join(wanted) or "balanced"} if "split" in known else {}
        test = content("data.split", train=False, **kind) if with_test else None
        return content("data.split", train=True, **kind), test
    if "split" not in known:
        return content("data.split"), None
    pool = (
        _joined([content("data.split", split=each) for each in wanted])
        if wanted
        else _first(opener, POOL_SPLITS, options)
    )
    if pool is None:
        raise ConfigError("data.split", f"the name of a split, since none is one of {', '.join(POOL_SPLITS)}")
    if not with_test:
        return pool, None
    if test_split is not None:
        return pool, content("data.test_split", split=test_split)
    return pool, _first(opener, [each for each in TEST_SPLITS if each not in wanted], options)


def _first(opener: Opener, names: Sequence[str], options: Mapping[str, Any]) -> Columns | None:
    """Return the first split that the data set has and whose labels are known, or None."""
    for name in names:
        with suppress(UnknownSplit):
            found = content_of(opener.name, opener.open(split=name, **options))
            if found.labels is not None and not all(each in (None, -1) for each in found.labels[:1]):
                return found
    return None


def _joined(parts: Sequence[Columns]) -> Columns:
    if is_files(parts[0]):
        together: Any = [path for part in parts for path in part.images]
    else:
        together = np.concatenate([np.asarray(part.images) for part in parts])
    labels = np.concatenate([np.asarray(part.labels) for part in parts])
    return Columns(images=together, labels=labels, class_names=parts[0].class_names)
