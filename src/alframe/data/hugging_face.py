"""A directory with a data set of Hugging Face's library `datasets`."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from alframe._text import one_line
from alframe.core.errors import ConfigError, DataError
from alframe.core.optional_package import require
from alframe.data.dataset import ImageDataset, numbered
from alframe.data.embedded_images import small_images, written_files
from alframe.data.hugging_face_rows import Embedded, content_of
from alframe.data.image_files import FileList, Reading, dataset_of_files
from alframe.data.labelled_pairs import NONE, Columns, without_labels
from alframe.data.path_text import shown_path
from alframe.data.places import find

TRAIN = ("trainval", "train")
TEST = ("test", "validation", "val", "valid", "dev")


def hugging_face(
    *,
    name: str,
    path: str,
    image_column: str | None,
    label_column: str | None,
    split: str | Sequence[str] | None,
    test_split: str | None,
    class_names: Sequence[str] | None,
    size: Sequence[int] | None,
    channels: int | None,
    max_megapixels: float | None,
    data_dir: str,
    download: bool,
) -> ImageDataset:
    """Return the data set of a directory that `datasets` has saved or can load, such as of Parquet files.

    Small images of one size are held in memory. Others are read as those of `folder`; images inside the data
    set's own files are written once to files in the folder `huggingface` of `data_dir`.

    Args:
        name: the name of the data set.
        path: the directory, looked up in `data_dir` first, then in the current directory.
        image_column, label_column: names of columns; None takes the only one of its kind. "none" takes no
            labels.
        split: the split to label, or several that are joined; None takes train.
        test_split: the split of the test set; None takes test or validation if its labels are known, "none"
            takes none.
        class_names: one name per class; None takes those of the label column, or the different labels.
        size, channels, max_megapixels: as in `Reading`. data_dir: the folder of the data sets.
        download: ignored.

    Raises:
        ConfigError: there is no such split, or `datasets` is not installed or cannot be imported.
        DataError: the directory holds no such data set.
    """
    root = find(path, data_dir, "data.path", "a directory with a data set of Hugging Face", Path.is_dir)
    own = _own_folder(root, data_dir)
    splits = _opened(root, own / "cache")
    wanted = [split] if isinstance(split, str) else list(split or _train(splits))
    pool = content_of(_joined(splits, "data.split", wanted), image_column, label_column)
    test = _test(splits, test_split, wanted, (image_column, label_column))
    names = pool.class_names if class_names is None else class_names
    test_labels = test.labels if test else None
    array, test_array = _array(pool), _array(test) if test else None
    if array is not None and (test is None or test_array is not None):
        return ImageDataset.from_arrays(
            name, array, pool.labels, test_images=test_array, test_labels=test_labels, class_names=names
        )
    sizes = len(pool.images), len(test.images) if test else 0
    hint = without_labels(splits[wanted[0]].column_names)
    truth, test_truth, names = numbered(name, pool.labels, test_labels, names, sizes, hint=hint)
    return dataset_of_files(
        name,
        _listed(pool, own, root, truth),
        _listed(test, own, root, test_truth) if test else None,
        names,
        Reading(size=size, channels=channels, max_megapixels=max_megapixels),
        key="data.path",
        where=shown_path(root),
    )


def _own_folder(root: Path, data_dir: str) -> Path:
    """Return the folder in `data_dir` for the files that are written for a directory."""
    tag = hashlib.blake2b(os.fsencode(root.absolute()), digest_size=4).hexdigest()
    return Path(data_dir).expanduser().absolute() / "huggingface" / f"{root.absolute().name}-{tag}"


def _opened(root: Path, cache: Path) -> dict[str, Any]:
    """Return the splits of a directory by name."""
    datasets = require("datasets", key="data", use="data=huggingface", install="alframe[huggingface]")
    saved = [(root / file).is_file() for file in ("dataset_dict.json", "state.json")]
    try:
        found = datasets.load_from_disk(str(root)) if any(saved) else None
        found = found or datasets.load_dataset(str(root), cache_dir=str(cache))
    except (OSError, ValueError, KeyError, TypeError, datasets.exceptions.DatasetsError) as error:
        raise DataError(
            "data.path: expected what datasets.save_to_disk writes, or a directory of images or Parquet "
            f"files, in {shown_path(root)}, but {one_line(error).rstrip('.')}."
        ) from error
    return dict(found) if isinstance(found, Mapping) else {TRAIN[-1]: found}


def _train(splits: Mapping[str, Any]) -> list[str]:
    train = [name for name in (*TRAIN, *splits) if name in splits and (name in TRAIN or len(splits) == 1)]
    if not train:
        hint = f"Write data.split={next(iter(splits))}."
        raise ConfigError("data.split", f"one of {', '.join(splits)}", hint=hint)
    return train[:1]


def _joined(splits: Mapping[str, Any], key: str, wanted: Sequence[str]) -> Any:
    from datasets import concatenate_datasets

    for each in wanted:
        if each not in splits:
            raise ConfigError(key, f"one of {', '.join(splits)}", each)
    return concatenate_datasets([splits[each] for each in wanted]) if len(wanted) > 1 else splits[wanted[0]]


def _test(
    splits: Mapping[str, Any], given: str | None, wanted: Sequence[str], columns: Sequence[str | None]
) -> Columns | None:
    """Return the test set, or None if there is none with labels."""
    if given == NONE:
        return None
    if given is not None:
        return content_of(_joined(splits, "data.test_split", [given]), columns[0], columns[1])
    names = [each for each in TEST if each in splits and each not in wanted]
    found = (content_of(splits[each], columns[0], columns[1]) for each in names)
    return next((each for each in found if each.labels is not None), None)


def _array(columns: Columns) -> Any:
    """Return images that can be held in memory, or None if they are files or have several sizes."""
    if isinstance(columns.images, Embedded):
        return small_images(columns.images)
    return None if isinstance(columns.images, list) else columns.images


def _listed(columns: Columns, folder: Path, root: Path, truth: Tensor | None) -> FileList:
    if isinstance(columns.images, Embedded):
        paths = written_files(columns.images, folder / columns.images.fingerprint)
        return FileList(paths=paths, names=[path.name for path in paths], truth=truth)
    names = [os.path.relpath(path, root.absolute()) for path in columns.images]
    return FileList(paths=columns.images, names=names, truth=truth)
