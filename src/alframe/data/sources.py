"""Sources of images; each function is the `_target_` of a file in conf/data/.

A function takes `data_dir` and `download` and returns an `ImageDataset`.
"""

import pickle
import socket
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from alframe.core.errors import DataError
from alframe.data.array_files import load_arrays
from alframe.data.dataset import ImageDataset

# Exceptions that torchvision, NumPy and their decoders raise for damaged files.
_DAMAGE = (
    OSError,
    ValueError,
    RuntimeError,
    AssertionError,
    EOFError,
    KeyError,
    IndexError,
    TypeError,
    OverflowError,
    MemoryError,
    tokenize.TokenError,  # from NumPy's header parser, for a damaged header
    pickle.UnpicklingError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)


def torchvision_dataset(
    *, name: str, dataset: Callable[..., Any], data_dir: str, download: bool
) -> ImageDataset:
    """Return a torchvision data set: the training split is the data to label, the test split is the test set.

    Args:
        name: the name of the data set.
        dataset: a class like `torchvision.datasets.MNIST` with `.data`, `.targets` and `.classes`.
        data_dir: the root folder of torchvision, such as the one that contains `MNIST/raw/`.
        download: True downloads missing files, with a progress bar.

    Raises:
        DataError: it is damaged, or it is missing and cannot or must not be downloaded.
    """
    root = Path(data_dir).expanduser()
    train = _open(name, dataset, root, train=True, download=download)
    test = _open(name, dataset, root, train=False, download=download)
    with _damage_as_data_error(name, root):
        return ImageDataset.from_arrays(
            name,
            train.data,
            np.asarray(train.targets),
            test_images=test.data,
            test_labels=np.asarray(test.targets),
            class_names=train.classes,
        )


def digits(*, name: str, data_dir: str, download: bool) -> ImageDataset:
    """Return the 1,797 handwritten digits of 8 x 8 pixels in scikit-learn; there is no test set.

    Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI, 1998.
    """
    from sklearn.datasets import load_digits

    bundle = load_digits()
    images = np.round(bundle.images * (255 / 16)).astype(np.uint8)
    return ImageDataset.from_arrays(name, images, bundle.target)


def arrays(
    *,
    name: str,
    path: str,
    data_dir: str,
    download: bool,
    in_memory: bool,
    class_names: Sequence[str] | None,
) -> ImageDataset:
    """Return the data set of an `.npz` file or of a folder of `.npy` files.

    The arrays are `images` and, optionally, `labels`, `test_images`, `test_labels` and `class_names`; in a
    folder they are `images.npy` and so on. Shapes and types are as in `ImageDataset.from_arrays`. Without
    `labels` the truth is unknown, and class names are needed, as an argument or among the arrays.

    Args:
        name: the name of the data set.
        path: the file or folder, looked up in `data_dir` first, then in the current directory.
        data_dir: the folder of the data sets. download: ignored.
        in_memory: True reads the images; False leaves them in the file, which must be uncompressed.
        class_names: one name per class, or None.

    Raises:
        DataError: there are no arrays, they are damaged, or they cannot be labelled or mapped.
    """
    candidates = [Path(data_dir).expanduser() / path, Path(path).expanduser()]
    where = next((candidate for candidate in candidates if candidate.exists()), None)
    if where is None:
        tried = " or ".join(dict.fromkeys(str(each.absolute()) for each in candidates))
        raise DataError(
            f"data.path: expected an .npz file or a folder of .npy files at {tried}, found none. "
            "Give data.path."
        )
    with _damage_as_data_error(name, where, "Save it again with numpy."):
        content = load_arrays(name, where, in_memory)
    return ImageDataset.from_arrays(
        name,
        content["images"],
        content.get("labels"),
        test_images=content.get("test_images"),
        test_labels=content.get("test_labels"),
        class_names=content.get("class_names") if class_names is None else class_names,
    )


def _open(name: str, dataset: Callable[..., Any], root: Path, *, train: bool, download: bool) -> Any:
    try:
        with _patient_sockets(20.0):
            return dataset(root=str(root), train=train, download=False)
    except PermissionError as error:
        raise DataError(
            f"data_dir: expected a readable {name} under {root}, got: {error.strerror} ({error.filename})."
        ) from error
    except _DAMAGE as error:
        # CIFAR's "not found or corrupted" means damage if the files exist.
        there = (root / getattr(dataset, "base_folder", "no such folder")).is_dir()
        if "not found" not in str(error) or (there and not download):
            raise _damaged(name, root, error) from error
    if not download:
        raise DataError(
            f"data_dir: expected {name} under {root.absolute()}, found none. Set data_dir=FOLDER or "
            "ALFRAME_DATA_DIR to its folder, or data.download=true to download it."
        )
    try:
        with _patient_sockets(20.0):
            return dataset(root=str(root), train=train, download=True)
    except _DAMAGE as error:
        reason = _in_one_line(error)
        raise DataError(
            f"data.download: {name} is not under {root.absolute()} and could not be downloaded: {reason}. "
            "Check the network, or set data_dir=FOLDER or ALFRAME_DATA_DIR to its folder."
        ) from error


@contextmanager
def _damage_as_data_error(name: str, where: Path, way_out: str = "") -> Iterator[None]:
    try:
        yield
    except DataError:
        raise
    except _DAMAGE as error:
        raise _damaged(name, where, error, way_out) from error


def _damaged(name: str, where: Path, error: Exception, way_out: str = "") -> DataError:
    way_out = way_out or "Delete them and run again with data.download=true, or copy them again."
    return DataError(
        f"data_dir: expected the files of {name} under {where} to be whole, but reading them failed: "
        f"{_in_one_line(error)}. {way_out}"
    )


def _in_one_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(dict.fromkeys([lines[0], lines[-1]])) if lines else type(error).__name__


@contextmanager
def _patient_sockets(seconds: float) -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
