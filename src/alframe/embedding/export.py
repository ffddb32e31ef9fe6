"""A copy of the vectors of a data set as an array, for other programs.

Axes: Q the samples of the copy.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from torch import Tensor

from alframe._files import write_whole
from alframe.core.errors import ConfigError, TrialError
from alframe.embedding.vectors import BLOCK, Vectors


def check_target(out: str) -> Path:
    """Return the file of an array.

    Raises:
        ConfigError: its name does not end with .npy, or its folder is not there.
    """
    file = Path(out).expanduser()
    if file.suffix != ".npy" or not file.parent.is_dir():
        raise ConfigError("out", "a file whose name ends with .npy, in a folder that exists", out)
    return file


def export(vectors: Vectors, index_Q: Tensor, file: Path, name: Callable[[int], str]) -> None:
    """Write vectors as (Q, D) float16 and, beside it, the name of each row.

    Args:
        vectors: of all samples. index_Q: int64, those to write, in order.
        file: ends with .npy; the names are in a file that ends with .txt, one a line.
        name: returns the name of a sample.

    Raises:
        TrialError: the disk is full or cannot be written.
    """
    part = file.with_name(f".{file.name}.part")
    try:
        array = np.lib.format.open_memmap(part, "w+", np.float16, (len(index_Q), vectors.n_features))
        for n, index_B in enumerate(index_Q.split(BLOCK)):
            array[n * BLOCK :][: len(index_B)] = vectors.take(index_B).numpy()
        array.flush()
        part.replace(file)
        names = (f"{name(index)}\n" for index in index_Q.tolist())
        write_whole(file.with_suffix(".txt"), names, to_disk=False)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise TrialError(f"{file}: could not be written ({error.strerror or error}).") from error
