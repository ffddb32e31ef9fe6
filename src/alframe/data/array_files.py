"""Arrays in files: members of an `.npz` file or the `.npy` files of a folder, read or memory-mapped."""

import math
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from alframe.core.errors import DataError
from alframe.data.dataset import map_images

IMAGES = ("images", "test_images")
NAMES = (*IMAGES, "labels", "test_labels", "class_names")
# The header of a member of a zip file: signature, lengths of its name and of its extra field.
_LOCAL_HEADER = struct.Struct("<4s22xHH")


def load_arrays(name: str, where: Path, in_memory: bool) -> dict[str, Any]:
    """Return the arrays among `NAMES` by name; images as arrays or, unless `in_memory`, as `MappedImages`.

    Mapped images are checked by header and length; flipped bits in them are not detected.

    Args:
        name: of the data set, for messages.
        where: an `.npz` file, or a folder of files such as `images.npy`.
        in_memory: True reads the images, False maps them.

    Raises:
        DataError: images or labels are missing, cut off, or cannot be mapped.
        OSError, ValueError, zipfile.BadZipFile: a file is damaged.
    """
    return (_load_folder if where.is_dir() else _load_npz)(name, where, in_memory)


def _load_folder(name: str, folder: Path, in_memory: bool) -> dict[str, Any]:
    files = {file.stem: file for file in folder.glob("*.npy")}

    def read(array: str) -> Any:
        with files[array].open("rb") as raw:
            return np.lib.format.read_array(raw, allow_pickle=False)

    return _load(name, folder, list(files), read, None if in_memory else lambda array: map_npy(files[array]))


def _load_npz(name: str, file: Path, in_memory: bool) -> dict[str, Any]:
    with file.open("rb") as raw:
        beginning = raw.read(6)
        if beginning and not beginning.startswith((b"PK", b"\x93NUMPY")):
            raise DataError(f"data.path: expected an .npz file, got {file}. Write one with numpy.savez.")
        raw.seek(0)
        loaded = np.load(raw, allow_pickle=False)
        if not isinstance(loaded, np.lib.npyio.NpzFile):
            raise DataError(f"data.path: expected an .npz file, got one array in {file}. Use numpy.savez.")
        with loaded as bundle:

            def map_member(array: str) -> Any:
                assert bundle.zip is not None, "the file is open inside the with block"
                return map_npy(file, *_place(file, bundle.zip.getinfo(f"{array}.npy")))

            return _load(name, file, bundle.files, bundle.__getitem__, None if in_memory else map_member)


def _load(
    name: str,
    where: Path,
    there: list[str],
    read: Callable[[str], Any],
    map_array: Callable[[str], Any] | None,
) -> dict[str, Any]:
    if "images" not in there:
        raise DataError(f"{where}: expected arrays named images and perhaps labels, got {sorted(there)}.")
    content = {}
    for array in sorted(set(there).intersection(NAMES)):
        if map_array is not None and array in IMAGES:
            content[array] = map_images(name, array.replace("_", " "), map_array(array))
        else:
            content[array] = _without_objects(array, where, read)
    return content


def _without_objects(array: str, where: Path, read: Callable[[str], Any]) -> Any:
    """Return an array; raise `DataError` if it holds Python objects, which are not loaded."""
    try:
        return read(array)
    except ValueError as error:
        if "Object arrays" not in str(error):
            raise
        way_out = "numpy.stack" if array in IMAGES else "numpy.asarray(..., dtype=str)"
        raise DataError(
            f"data.path: expected {array} in {where} to be numbers or text, got Python objects. Save it "
            f"again after {way_out}."
        ) from error


def map_npy(file: Path, start: int = 0, length: int | None = None) -> np.ndarray[Any, Any]:
    """Return a read-only memory map of the array in an `.npy` file, or in a part of a file in that format.

    Args:
        file: the file.
        start, length: the part of the file, in bytes; by default all of it.

    Raises:
        DataError: the file has fewer bytes than the header states.
        ValueError: the header is invalid, or the array holds Python objects.
    """
    with file.open("rb") as raw:
        raw.seek(start)
        version = np.lib.format.read_magic(raw)
        if version == (1, 0):
            shape, in_fortran_order, dtype = np.lib.format.read_array_header_1_0(raw)
        else:  # (3, 0) is for named fields, which images do not have
            shape, in_fortran_order, dtype = np.lib.format.read_array_header_2_0(raw)
        offset = raw.tell()
    if dtype.hasobject:
        raise ValueError("it contains Python objects")
    expected, there = math.prod(shape) * dtype.itemsize, file.stat().st_size - offset
    if length is not None:
        there = min(there, start + length - offset)
    if there < expected:
        raise DataError(
            f"data.path: expected {expected} bytes of an array of shape {shape} in {file}, got {there}: "
            "it is cut off. Copy or save it again."
        )
    if expected == 0:
        return np.empty(shape, dtype)  # the system refuses an empty map
    return np.memmap(file, dtype, "r", offset, shape, "F" if in_fortran_order else "C")


def _place(file: Path, member: zipfile.ZipInfo) -> tuple[int, int]:
    """Return (start, length), in bytes, of a member that is stored without compression."""
    if member.compress_type != zipfile.ZIP_STORED:
        raise DataError(
            f"data.in_memory: expected {member.filename} to be uncompressed in {file} in order to map it, "
            "got a compressed one. Save it with numpy.savez or as a folder of .npy files, or write "
            "data.in_memory=true."
        )
    with file.open("rb") as raw:
        raw.seek(member.header_offset)
        signature, n_name, n_extra = _LOCAL_HEADER.unpack(raw.read(_LOCAL_HEADER.size))
    if signature != b"PK\x03\x04":
        raise zipfile.BadZipFile(f"no {member.filename} where the index says")
    return member.header_offset + _LOCAL_HEADER.size + n_name + n_extra, member.file_size
