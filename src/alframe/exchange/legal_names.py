"""Names of classes and files as names that every file system takes, and that differ from each other."""

import os
import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from alframe._text import nfc

MOST_BYTES = 200  # of a name; file systems take 255
# Signs that some system does not take in a name, a percent sign that would read as such a sign, and a dot or
# a space at an end.
_ILLEGAL = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*\ud800-\udfff]|%(?=[0-9A-Fa-f]{2})|^[. ]|[. ]$')
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # names of devices on Windows


def legal_name(name: str) -> str:
    """Return a name in which signs that are not legal are percent-encoded; `urllib.parse.unquote` undoes it.

    >>> legal_name("cat"), legal_name("a/b"), legal_name("50 % grey"), legal_name(".."), legal_name("con")
    ('cat', 'a%2Fb', '50 % grey', '%2E%2E', '%63on')
    """
    legal = _ILLEGAL.sub(lambda found: _encoded(found[0]), name)
    if set(name) == {"."} or _RESERVED.fullmatch(name):
        legal = "".join(map(_encoded, name)) if set(name) == {"."} else _encoded(name[0]) + name[1:]
    return _shortened(legal) or "%"


def folder_names(class_names: Iterable[str]) -> list[str]:
    """Return a legal name for each class; names that some systems take for the same one are made different.

    >>> folder_names(["cat", "Cat", "a:b"])
    ['cat', '%43at', 'a%3Ab']
    """
    taken = set[str]()
    found = []
    for name in class_names:
        legal = legal_name(name)
        if _same(legal) in taken:
            legal = _encoded(name[0]) + legal_name(name[1:]) if name[1:] else _encoded(name)
        found.append(_free(legal, "", taken))
        taken.add(_same(found[-1]))
    return found


class FileNames:
    """Gives each image of a folder a legal name that no other one there has."""

    def __init__(self) -> None:
        self._taken = set[str]()

    def name(self, file: str, index: int) -> str:
        """Return the name of a file without its folders; with its index if that name is taken.

        Args:
            file: the name of the image, with folders. index: of the image.
        """
        legal = legal_name(PurePosixPath(file).name)
        if _same(legal) in self._taken:
            stem, suffix = os.path.splitext(legal)
            legal = _free(f"{stem}_{index}", suffix, self._taken)
        self._taken.add(_same(legal))
        return legal


def _free(stem: str, suffix: str, taken: set[str]) -> str:
    name, number = f"{stem}{suffix}", 2
    while _same(name) in taken:
        name, number = f"{stem}_{number}{suffix}", number + 1
    return name


def _same(name: str) -> str:
    """Return a name as systems compare names: without regard to case and to the form of accents."""
    return nfc(nfc(name).casefold())


def _encoded(sign: str) -> str:
    return "".join(f"%{byte:02X}" for byte in os.fsencode(sign))


def _shortened(name: str) -> str:
    """Return a name of at most `MOST_BYTES`; its suffix stays."""
    if len(name.encode()) <= MOST_BYTES:
        return name
    stem, suffix = os.path.splitext(name)
    suffix = suffix if len(suffix.encode()) <= 20 else ""
    return stem.encode()[: MOST_BYTES - len(suffix.encode())].decode("utf-8", "ignore").rstrip(". ") + suffix
