"""Where the image files of a trial are now, and which are gone or hold another image."""

import hashlib
import os
from collections.abc import Mapping, Set
from pathlib import Path

from alframe._text import counted
from alframe.core.errors import UserError
from alframe.trial.data_file import DataFile
from alframe.trial.read_answers import StoredSample

_DIGEST_BYTES = 16  # as in `alframe.data.identity`
_NAMED = 3  # files that a sentence names


class PresentFiles:
    """Finds the file of each image; a file that is no longer the labelled image counts as missing.

    Attributes:
        folder: of the files now, None if it is unknown or there are none.
    """

    def __init__(
        self,
        *,
        data: DataFile | None,
        folder: Path | None,
        names: Mapping[int, str],
        samples: Mapping[int, StoredSample],
        gone: Set[int],
    ) -> None:
        """Take what is known of the files.

        Args:
            data: of the trial. folder: given by the user, or None.
            names: the name of each file, relative to the folder. samples: of the store of answers.
            gone: samples whose image was gone when the trial ran last.

        Raises:
            UserError: the folder is not there, or is unknown.
        """
        self._names, self._samples, self._gone = names, samples, gone
        self._missing: list[str] = []
        self._replaced: list[str] = []
        self._data, self._moved = data, None if folder is None else os.path.abspath(folder)
        self.folder = self._moved or (data.folder if data else None)
        relative = [index for index, name in names.items() if not name.startswith("/")]
        if not relative:
            return
        if self.folder is None and not (data and data.paths):
            raise UserError(
                "--data: expected the folder of the images, since this trial has not recorded it. Write "
                "--data FOLDER."
            )
        if self.folder is not None and not os.path.isdir(self.folder):
            raise UserError(
                f"--data: expected the folder of the images at {_shown(self.folder)}, found none. Write "
                "--data FOLDER."
            )

    def path(self, index: int) -> str | None:
        """Return the path of an image's file, or None if it has none or is gone."""
        name = self._names.get(index)
        if name is None:
            return None
        path = None if index in self._gone else self._expected(index, name)
        if path is None or not os.path.isfile(path):
            self._missing.append(name)
            return None
        if self._is_another(path, self._samples.get(index)):
            self._replaced.append(name)
            return None
        return path

    def notes(self) -> list[str]:
        """Return a sentence for each kind of file that `path` did not find."""
        kinds = (
            (self._missing, "no file any more"),
            (self._replaced, "another content than when it was labelled"),
        )
        return [
            f"{counted(len(found), 'image')} with {what}: {', '.join(map(_shown, found[:_NAMED]))}"
            f"{' and others' if len(found) > _NAMED else ''}."
            for found, what in kinds
            if found
        ]

    def _expected(self, index: int, name: str) -> str | None:
        data = self._data
        if self._moved is None:
            return data.path_of(index, name) if data else None
        if data is None or index not in data.paths:
            return os.path.join(self._moved, name)
        if data.folder is not None and data.paths[index].startswith(f"{data.folder}/"):
            return self._moved + data.paths[index].removeprefix(data.folder)
        return data.paths[index]

    @staticmethod
    def _is_another(path: str, sample: StoredSample | None) -> bool:
        """Return True if a file has another size, or another time and another content if that is known."""
        if sample is None or sample.size is None:
            return False
        facts = os.stat(path)
        if facts.st_size != sample.size:
            return True
        return facts.st_mtime_ns != sample.mtime_ns and sample.digest not in (None, _digest(path))


def _digest(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=_DIGEST_BYTES)).hexdigest()


def _shown(name: str) -> str:
    return (
        os.fsencode(name).decode("utf-8", "backslashreplace").encode("unicode_escape").decode()
        if not name.isprintable()
        else name
    )
