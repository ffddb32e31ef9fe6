"""Array-likes as NumPy arrays: tensors on any device, lists of arrays, columns of tables."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from alframe._text import one_line
from alframe.core.errors import DataError


def as_array(name: str, what: str, values: Any) -> np.ndarray[Any, Any]:
    """Return array-like values as an array.

    Args:
        name, what: of the data set and the values, for messages.
        values: an array, a tensor on any device, or a sequence of such, all of one shape.

    Raises:
        DataError: they are a path, or have several shapes, or cannot be read.
    """
    if isinstance(values, (str, bytes, Path)):
        raise DataError(f"{name}: expected {what} as an array, got {str(values)!r}. {_FILES}")
    try:
        if isinstance(values, Tensor):
            return _of_tensor(values)
        if isinstance(values, (list, tuple)) and values and isinstance(values[0], Tensor):
            return np.stack([_of_tensor(torch.as_tensor(value)) for value in values])
        array = np.asarray(values)
    except (ValueError, TypeError, RuntimeError, NotImplementedError) as error:
        reason = one_line(error).rstrip(".")
        raise DataError(f"{name}: expected {what} as one array, of one shape: {reason}.") from error
    if array.dtype == object and array.ndim == 0:
        raise DataError(f"{name}: expected {what} in an array or a list, got {type(values).__name__}.")
    return array


_FILES = (
    "For a folder of images run alframe data=folder data.path=FOLDER; from an array file, give the arrays of "
    "numpy.load."
)


def _of_tensor(tensor: Tensor) -> np.ndarray[Any, Any]:
    tensor = tensor.detach().cpu().resolve_conj().resolve_neg()
    if tensor.dtype == torch.bfloat16:  # unknown to NumPy
        tensor = tensor.float()
    return tensor.numpy()
