"""data.json: what the indices and the class numbers of a trial's labels mean. Imports no torch."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alframe.core.file_names import DATA
from alframe.trial.read_finished import Damaged, parse_file

if TYPE_CHECKING:
    from alframe.data import ImageDataset


@dataclass(frozen=True, kw_only=True)
class DataFile:
    """The content of data.json.

    Attributes:
        name: of the data set.
        class_names: by class number.
        folder: absolute path of the folder of the image files; None if images are no files of their own.
        paths: absolute path, by index, of each file that is not at `folder`/(its name in files.csv), such as
            one whose name is not UTF-8.
        fingerprint: of the data; if people answer, their store of answers identifies the images instead.
    """

    name: str
    class_names: tuple[str, ...]
    folder: str | None
    paths: Mapping[int, str]
    fingerprint: str

    def path_of(self, index: int, name: str) -> str | None:
        """Return the absolute path of an image file, or None if it has none.

        Args:
            index: of the sample. name: of its file in files.csv.
        """
        if index in self.paths:
            return self.paths[index]
        return (
            None
            if not name or (self.folder is None and not name.startswith("/"))
            else _joined(self.folder, name)
        )


def data_file_text(dataset: "ImageDataset", fingerprint: str) -> str:
    """Return the content of data.json for a data set; `fingerprint` as in `DataFile`."""
    paths = [str(path) for path in dataset.paths_N or ()]
    names = dataset.files_N or ()
    folder = _folder(paths, names)
    others = {
        index: path
        for index, (path, name) in enumerate(zip(paths, names, strict=bool(names)))
        if path != _joined(folder, name) and path.startswith("/")
    }
    content = {
        "name": dataset.name,
        "class_names": list(dataset.class_names),
        "folder": folder,
        "paths": others,
        "fingerprint": fingerprint,
    }
    return json.dumps(content, indent=2) + "\n"  # in ASCII: a path may not be UTF-8


def _joined(folder: str | None, name: str) -> str:
    """Return the path of a name that is relative to a folder, or absolute."""
    return os.path.normpath(os.path.join(folder or "/", name))


def _folder(paths: Sequence[str], names: Sequence[str]) -> str | None:
    """Return the folder to which the names of files are relative, or None if there is none."""
    pairs = zip(paths, names, strict=True) if names else ()
    ends = (path.removesuffix(f"/{name}") for path, name in pairs if path.endswith(f"/{name}"))
    return next((folder for folder in ends if folder.startswith("/")), None)


def read_data_file(directory: Path) -> DataFile | None:
    """Return the content of data.json of a trial, or None without it, as in trials of earlier versions.

    Raises:
        Damaged: the file is cut off or has another form.
    """
    if not (directory / DATA).exists():
        return None
    return parse_file(directory / DATA, lambda text: _data_file(json.loads(text)))


def _data_file(content: Mapping[str, Any]) -> DataFile:
    if not isinstance(content, dict):
        raise Damaged(f"{DATA}: expected an object")
    return DataFile(
        name=str(content["name"]),
        class_names=tuple(map(str, content["class_names"])),
        folder=content["folder"],
        paths={int(index): str(path) for index, path in content["paths"].items()},
        fingerprint=str(content["fingerprint"]),
    )
