"""Sources of images in memory; each function is the `_target_` of a file in conf/data/.

A function takes `data_dir` and `download` and returns an `ImageDataset`.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from alframe.core.errors import DataError
from alframe.data.array_files import load_arrays
from alframe.data.damaged_data import damage_as_data_error
from alframe.data.dataset import ImageDataset
from alframe.data.places import find


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
    where = find(path, data_dir, "data.path", "an .npz file or a folder of .npy files", Path.exists)
    with damage_as_data_error(name, where, "Save it again with numpy."):
        content = load_arrays(name, where, in_memory)
    names = content.get("class_names") if class_names is None else class_names
    if names is None and "labels" not in content:
        raise DataError(
            f"{name}: expected class names or labels, got neither in {where}. Write "
            "data.class_names=[cat,dog] oracle=files, or save labels there too."
        )
    return ImageDataset.from_arrays(
        name,
        content["images"],
        content.get("labels"),
        test_images=content.get("test_images"),
        test_labels=content.get("test_labels"),
        class_names=names,
    )
