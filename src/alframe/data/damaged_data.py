"""The errors of libraries that read damaged data sets, as errors of this package."""

import pickle
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alframe.core.errors import DataError

# Exceptions that torchvision, NumPy and their decoders raise for damaged files; those of images are in
# `damage.DAMAGE`.
LIBRARY_ERRORS = (
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


@contextmanager
def damage_as_data_error(name: str, where: Path, way_out: str = "") -> Iterator[None]:
    """Raise `DataError` for each error of a damaged file that the block raises."""
    try:
        yield
    except DataError:
        raise
    except LIBRARY_ERRORS as error:
        raise damaged(name, where, error, way_out) from error


def damaged(name: str, where: Path, error: Exception, way_out: str = "") -> DataError:
    """Return the error for damaged files of a data set."""
    way_out = way_out or "Delete them and run again with data.download=true, or copy them again."
    return DataError(
        f"data_dir: expected the files of {name} under {where} to be whole, but reading them failed: "
        f"{short_reason(error)}. {way_out}"
    )


def short_reason(error: Exception) -> str:
    """Return the first and the last line of an error, or the name of its class if it has no text."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(dict.fromkeys([lines[0], lines[-1]])).rstrip(".") if lines else type(error).__name__
