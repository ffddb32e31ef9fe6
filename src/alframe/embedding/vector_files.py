"""Vectors that the user has, instead of an encoder.

Axes: N the samples, T the test images, D the features.
"""

import hashlib
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from alframe._text import count, one_line
from alframe.core.errors import ConfigError
from alframe.embedding.segment import Array
from alframe.embedding.vectors import Vectors

_SAMPLED = 2048  # rows that the identity is computed of


@dataclass(frozen=True, kw_only=True, eq=False)
class GivenVectors:
    """Vectors in files, one row for each image, in the order of the data set.

    Attributes:
        stored_ND: (N, D) float16, float32 or float64 in either byte order, a memory map.
        test_TD: the same of the test set, or None.
        names_N: the image file of each row, or None.
    """

    stored_ND: Array
    test_TD: Array | None
    names_N: list[str] | None

    @property
    def n_features(self) -> int:
        """D."""
        return self.stored_ND.shape[1]

    @cached_property
    def identity(self) -> str:
        """Hexadecimal digest of the sizes and of some rows, evenly spread."""
        digest = hashlib.blake2b(digest_size=8)
        for stored in (self.stored_ND, self.test_TD):
            if stored is not None:
                rows = np.linspace(0, len(stored) - 1, min(len(stored), _SAMPLED)).astype(np.int64)
                digest.update(f"{stored.shape} {stored.dtype}".encode() + stored[rows].tobytes())
        return digest.hexdigest()

    def vectors(self, n: int, *, is_test: bool, files_N: Sequence[str] | None = None) -> Vectors:
        """Return the vectors of a data set or of its test set. Values are checked when they are read.

        Args:
            n: the number of images. is_test: True for the test set.
            files_N: the file of each image, for messages and to compare with `names_N`; None for arrays.

        Raises:
            ConfigError: there are none, their number differs, or they are of other files.
        """
        key = "encoder.test_path" if is_test else "encoder.path"
        stored = self.test_TD if is_test else self.stored_ND
        if stored is None:
            raise ConfigError(key, f"the vectors of the {count(n)} test images", "null")
        if len(stored) != n:
            hint = "The vectors are of another data set, or of a part of it."
            raise ConfigError(key, f"{count(n)} vectors, one for each image", count(len(stored)), hint)
        if self.names_N is not None and not is_test:
            _compare(self.names_N, files_N)
        return Vectors(stored, named=lambda row: files_N[row] if files_N else f"{key}, row {row}")


def given_vectors(*, path: str, test_path: str | None, names: str | None) -> GivenVectors:
    """Return the vectors of .npy files.

    Args:
        path: a file with (N, D) float16, float32 or float64, one row for each image in the data set's order.
        test_path: the same for the test set, or None.
        names: a text file with the image file of each row, one a line, which is compared with the data set;
            None compares nothing.

    Raises:
        ConfigError: a file is missing or holds no such array, or the features differ.
    """
    stored_ND = _mapped("encoder.path", path)
    test_TD = None if test_path is None else _mapped("encoder.test_path", test_path)
    if test_TD is not None and test_TD.shape[1] != stored_ND.shape[1]:
        expected = f"{stored_ND.shape[1]} features, as in encoder.path"
        raise ConfigError("encoder.test_path", expected, test_TD.shape[1])
    names_N = None if names is None else _lines(names)
    return GivenVectors(stored_ND=stored_ND, test_TD=test_TD, names_N=names_N)


def _mapped(key: str, path: str) -> Array:
    file = Path(path).expanduser()
    try:
        if file.is_file() and not zipfile.is_zipfile(file):
            with file.open("rb") as opened:
                np.lib.format.read_magic(opened)  # np.load takes any other file for a pickle
        stored = np.load(file, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise ConfigError(key, f"a .npy file of vectors: {one_line(error)}", path) from error
    is_table = isinstance(stored, np.ndarray) and stored.ndim == 2 and bool(stored.size)
    if not is_table or stored.dtype.newbyteorder("=") not in (np.float16, np.float32, np.float64):
        shape = " x ".join(map(str, getattr(stored, "shape", ())))
        expected = "(images, features) of float16, float32 or float64"
        raise ConfigError(key, expected, f"{shape} {getattr(stored, 'dtype', 'in an .npz file')}".strip())
    return stored


def _lines(path: str) -> list[str]:
    try:
        return Path(path).expanduser().read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError("encoder.names", f"a text file: {one_line(error)}", path) from error


def _compare(names_N: Sequence[str], files_N: Sequence[str] | None) -> None:
    """Raise `ConfigError` for the first row whose file is not that of the data set."""
    if files_N is None:
        raise ConfigError("encoder.names", "null, since the images of this data set have no names", "a file")
    if len(names_N) != len(files_N):
        raise ConfigError("encoder.names", f"{count(len(files_N))} lines", count(len(names_N)))
    for row, (name, file) in enumerate(zip(names_N, files_N, strict=True)):
        if name != file:
            hint = "files.csv of a trial lists the order."
            raise ConfigError("encoder.names", f"{file} in line {row + 1}", name, hint)
