"""Labels in the forms that people have, as class numbers: whole numbers, names, True and False.

Axes: N the samples, C the classes.
"""

import math
import warnings
from collections.abc import Mapping, Sequence, Set
from typing import Any

import numpy as np

from alframe._text import natural, nfc
from alframe.core.errors import DataError, DataWarning
from alframe.data.array_values import as_array

MAX_CLASSES = 10_000  # more classes count as a mistake unless they are named
SHOWN = 6  # names in a message

Array = np.ndarray[Any, Any]


def read_labels(name: str, what: str, labels: Any, length: int) -> Array | None:
    """Return (N,) labels, all int64, all bool or all text; or None if no label is known.

    A label is unknown if it is None, NaN, -1 or an empty text.

    Args:
        name, what: of the data set and the labels, for messages. labels: array-like. length: N.

    Raises:
        DataError: another shape or type; some labels are known and others are not.
    """
    if isinstance(labels, (list, tuple)) and any(isinstance(label, (str, bytes)) for label in labels):
        labels = np.array([*labels, None], dtype=object)[:-1]  # NumPy would turn numbers and NaN into text
    array = as_array(name, what, labels)
    if array.shape == (length, 1):
        array = array[:, 0]
    if array.shape != (length,):
        key = what.replace(" ", "_")
        hint = f" Give {key}.argmax(1)." if array.ndim == 2 and array.shape[0] == length else ""
        raise DataError(
            f"{name}: expected {what} of shape ({length},), one per image, got {array.shape}.{hint}"
        )
    if array.dtype.kind not in "biu":
        values = [_plain(name, what, value) for value in array.tolist()]
        array = _one_type(name, what, [-1 if value is None else value for value in values])
    if array.dtype.kind in "bU":
        return array
    return _known(name, what, array)


def _known(name: str, what: str, array: Array) -> Array | None:
    """Return whole numbers as int64, None if all are unknown."""
    if array.max() > np.iinfo(np.int64).max // 2:
        raise DataError(f"{name}: expected {what} from 0 to the number of classes, got {array.max()}.")
    if array.min() < -1:
        raise DataError(
            f"{name}: expected {what} of at least 0, got {array.min()}. Number the classes from 0, or give "
            "their names as text."
        )
    unknown = np.flatnonzero(array == -1)
    if len(unknown) == len(array):
        return None
    if len(unknown):
        raise _partly_unknown(name, what, unknown, len(array))
    return array.astype(np.int64)


def _partly_unknown(name: str, what: str, unknown: Array, length: int) -> DataError:
    return DataError(
        f"{name}: expected {what} for every image or for none, but {len(unknown)} of {length} are unknown "
        f"(-1, None, NaN or empty; the first is sample {unknown[0]}). Leave these images out; or leave out "
        "labels, and give class_names and an oracle: people (oracle=files), or in Python a function that "
        "returns the labels you know. If -1 is a class, number the classes from 0."
    )


def _one_type(name: str, what: str, values: list[int | str]) -> Array:
    """Return values as int64 or as text; -1 stands for an unknown one among texts."""
    texts = [value for value in values if isinstance(value, str)]
    if not texts:
        are_bool = all(isinstance(value, bool) for value in values)
        return np.array(values, dtype=bool if are_bool else object)
    numbers = [value for value in values if not isinstance(value, str) and value != -1]
    if numbers:
        raise DataError(
            f"{name}: expected {what} that are all numbers or all text, got {numbers[0]} and {texts[0]!r}."
        )
    unknown = np.array([sample for sample, value in enumerate(values) if value == -1])
    if len(unknown):
        raise _partly_unknown(name, what, unknown, len(values))
    return np.array(values)


def _plain(name: str, what: str, value: Any) -> int | str | None:
    """Return a label as a whole number or a text, None if it is unknown."""
    if getattr(value, "ndim", None) == 0:  # a scalar of NumPy or torch
        value = value.item()
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return None
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, str):
        return normal_name(value) or None
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer() and abs(value) < 2**53):
        return value if isinstance(value, bool) else int(value)
    raise DataError(f"{name}: expected whole numbers or names as {what}, got {value!r}.")


def normal_name(text: str) -> str:
    """Return a class name without outer spaces and with composed characters (NFC), for comparisons.

    >>> normal_name(" Ka\\u0308se ") == "K\\u00e4se"
    True
    """
    return nfc(text).replace("\0", "").strip()


def read_class_names(name: str, class_names: Any) -> tuple[str, ...]:
    """Return class names as text, checked.

    Raises:
        DataError: they are no list of names, or a name is empty or appears twice.
    """
    hint = 'Give class_names=["cat", "dog"].'
    class_names = class_names.tolist() if hasattr(class_names, "tolist") else class_names
    unordered = (str, bytes, Mapping, Set)
    if isinstance(class_names, unordered) or not hasattr(class_names, "__iter__"):
        raise DataError(f"{name}: expected class names in a list, one per class, got {class_names!r}. {hint}")
    names = tuple(each.decode() if isinstance(each, bytes) else str(each) for each in class_names)
    seen: set[str] = set()
    for each in names:
        normal = normal_name(each)
        if not normal or normal in seen:
            problem = f"{each!r} twice. Rename one" if normal else f"the name {each!r}. {hint[:-1]}"
            raise DataError(f"{name}: expected class names that differ and have text, got {problem}.")
        seen.add(normal)
    return names


def found_names(name: str, labels: Array) -> tuple[str, ...]:
    """Return the names of the classes that occur in labels: numbers by value, texts in natural order.

    Warns `DataWarning` if whole numbers are not the class numbers.

    Raises:
        DataError: there are more than `MAX_CLASSES`.

    >>> found_names("toy", np.array(["b10", "b9", "b10"]))
    ('b9', 'b10')
    """
    distinct = np.unique(labels).tolist()
    if len(distinct) > MAX_CLASSES:
        raise DataError(
            f"{name}: expected labels of at most {MAX_CLASSES} classes, got {len(distinct)} different ones. "
            "If they are classes, give class_names."
        )
    if labels.dtype.kind == "U":
        return tuple(sorted(distinct, key=lambda text: (natural(text), text)))
    names = tuple(str(label) for label in distinct)
    if labels.dtype.kind == "i" and distinct != list(range(len(distinct))):
        warnings.warn(
            f"{name}: the labels {_listed(names)} are {len(names)} classes, numbered from 0 in this order "
            "and named by their labels.",
            DataWarning,
            stacklevel=2,
        )
    return names


def class_numbers(
    name: str, what: str, labels: Array, class_names: Sequence[str], *, by_name: bool = False
) -> Array:
    """Return (N,) int64 in [0, C), the class of each label.

    Args:
        name, what: for messages. labels: as `read_labels` returns them. class_names: C names.
        by_name: True takes whole numbers as names of classes. False takes them as positions in
            `class_names`, or as names if they are no positions.

    Raises:
        DataError: a label is no class, or could be one of two.
    """
    number = {normal_name(each): k for k, each in enumerate(class_names)}
    distinct, inverse_N = np.unique(labels, return_inverse=True)
    are_numbers = labels.dtype.kind != "U"
    if are_numbers and not by_name and _are_positions(name, what, distinct.tolist(), number):
        return labels.astype(np.int64)
    unknown = [label for label in distinct.tolist() if str(label) not in number]
    if unknown and are_numbers:
        raise DataError(
            f"{name}: expected {what} below {len(class_names)}, the number of class names, got {unknown[-1]}."
        )
    if unknown:
        raise DataError(
            f"{name}: expected {what} among the class names {_listed(class_names)}, got {unknown[0]!r}."
        )
    return np.array([number[str(label)] for label in distinct.tolist()], dtype=np.int64)[inverse_N]


def _are_positions(name: str, what: str, distinct: Sequence[int], number: Mapping[str, int]) -> bool:
    """Return True if whole numbers are positions of class names, False if they can only be names."""
    fit = distinct[-1] < len(number)
    named = [number.get(str(label)) for label in distinct]
    if not fit or None in named or named == list(distinct):
        return fit
    label = next(label for label, k in zip(distinct, named, strict=True) if label != k)
    raise DataError(
        f"{name}: expected {what} that can be read in one way, but {label} is the name of a class and the "
        f"position of another. Give {what} as text if they are names; else give class_names that are no "
        "numbers."
    )


def _listed(names: Sequence[str]) -> str:
    shown = [name if name.isprintable() else repr(name) for name in names]
    return ", ".join(shown) if len(shown) <= SHOWN else f"{', '.join(shown[: SHOWN - 1])} ... {shown[-1]}"
