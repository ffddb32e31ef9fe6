"""Opens data sets of torchvision, with the errors of this package if they are missing or damaged."""

import inspect
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alframe.core.errors import DataError
from alframe.data.damaged_data import LIBRARY_ERRORS, damage_as_data_error, damaged, short_reason
from alframe.data.other_layouts import other_layout

# What torchvision says of files that are not there; "not found or corrupted" may also mean damage.
_ABSENT = ("not found", "not present in the root directory", "does not exist or is corrupted")


class UnknownSplit(Exception):
    """A data set has no such split; the text lists those that it has."""


@dataclass(frozen=True, kw_only=True)
class Opener:
    """Opens the splits of a data set of torchvision.

    Attributes:
        name: for messages.
        dataset: the class, or a function like it.
        root: the folder of all data sets; a folder in it with the name of the class is also looked into.
        download: True downloads missing files, with a progress bar.
    """

    name: str
    dataset: Callable[..., Any]
    root: Path
    download: bool

    def open(self, **arguments: Any) -> Any:
        """Return the data set for some arguments of its class.

        Raises:
            UnknownSplit: its class does not know the split.
            DataError: it is damaged, or it is missing and cannot or must not be downloaded.
        """
        own = getattr(self.dataset, "__name__", "")
        inner = [self.root / each for each in dict.fromkeys((own, own.lower())) if each]
        unclear = False
        for place in (self.root, *(each for each in inner if each.is_dir())):
            try:
                return self._made(place, arguments, download=False)
            except PermissionError as error:
                raise DataError(
                    f"data_dir: expected a readable {self.name} under {self.root}, got: {error.strerror} "
                    f"({error.filename})."
                ) from error
            except LIBRARY_ERRORS as error:
                if not self._is_absence(error, place):
                    raise damaged(self.name, self.root, error) from error
                unclear |= "corrupted" in str(error)
        with damage_as_data_error(self.name, self.root):
            other = other_layout(self.dataset, self.root, arguments)
        return self._fetched(arguments, unclear) if other is None else other

    def _fetched(self, arguments: Mapping[str, Any], unclear: bool) -> Any:
        where, can = self.root.absolute(), "download" in parameters(self.dataset)
        if not (self.download and can):
            way_out = ", or data.download=true to download it" if can else "; torchvision cannot download it"
            raise DataError(
                f"data_dir: expected {self.name} under {where}, found none{', or damaged files' * unclear}. "
                f"Set data_dir=FOLDER or ALFRAME_DATA_DIR to its folder{way_out}."
            )
        try:
            return self._made(self.root, arguments, download=True)
        except LIBRARY_ERRORS as error:
            raise DataError(
                f"data.download: {self.name} is not under {where} and could not be downloaded: "
                f"{short_reason(error)}. Check the network, or set data_dir=FOLDER or ALFRAME_DATA_DIR to "
                "its folder."
            ) from error

    def _made(self, place: Path, arguments: Mapping[str, Any], *, download: bool) -> Any:
        known = parameters(self.dataset)
        common = {"root": str(place), "download": download}
        common = {key: each for key, each in common.items() if key in known}
        with _patient_sockets(20.0):
            try:
                return self.dataset(**common, **arguments)
            except ValueError as error:
                if "Unknown value" in str(error) and "split" in str(error):
                    raise UnknownSplit(str(error).partition("Valid values are ")[2].strip("{}.")) from error
                raise
            except RuntimeError as error:
                if "needs to have" in str(error):  # a package that torchvision does not depend on
                    raise DataError(f"data.dataset: {short_reason(error)}") from error
                raise

    def _is_absence(self, error: Exception, place: Path) -> bool:
        if isinstance(error, FileNotFoundError) and error.filename:
            return Path(error.filename).parent == place
        # CIFAR's "not found or corrupted" means damage if the files exist.
        there = (place / getattr(self.dataset, "base_folder", "no such folder")).is_dir()
        return any(text in str(error) for text in _ABSENT) and (self.download or not there)


def parameters(dataset: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """Return the parameters of a class or function, those of its base classes included."""
    found: dict[str, inspect.Parameter] = {}
    makers = [dataset]
    if inspect.isclass(dataset):
        makers = [vars(each)["__init__"] for each in inspect.getmro(dataset) if "__init__" in vars(each)]
    for make in makers:
        own = inspect.signature(make).parameters
        found = {**own, **found}
        if all(each.kind is not inspect.Parameter.VAR_KEYWORD for each in own.values()):
            break
    plain = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {name: each for name, each in found.items() if each.kind in plain and name != "self"}


@contextmanager
def _patient_sockets(seconds: float) -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
