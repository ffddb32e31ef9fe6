"""The images of a folder and their classes, and a line for each thing that is left out."""

import os
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from alframe._text import counted, nfc
from alframe.core.errors import DataError
from alframe.data.damage import Unreadable
from alframe.data.directory_walk import Parts, Walk, walk
from alframe.data.path_text import shown_path, spread, utf8_name
from alframe.data.photograph import read_header

# Formats that Pillow opens but that are drawings, documents, films or need another program.
NO_PHOTOGRAPHS = {"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "PDF", "WMF", "FLI"}
# Files that go with images and are none; left out without a word.
BESIDE = frozenset(
    f".{kind}"
    for kind in (
        *("txt", "md", "rst", "json", "jsonl", "csv", "tsv", "xml", "yaml", "yml", "toml", "html", "log"),
        *("py", "ipynb", "sh", "xmp", "aae", "db", "ini", "lst", "names", "xlsx", "parquet"),
        *("sqlite", "sqlite-wal", "sqlite-shm"),
        *("zip", "tgz", "gz", "tar"),
    )
)
SNIFFED = 20  # files of an unknown suffix that are opened; all files of it count as images if these are
MAX_SNIFFED = 400


@dataclass(frozen=True, kw_only=True)
class Tree:
    """The images of a folder.

    Attributes:
        root: the folder. files: the parts of each image, in the order of the indices.
        classes: the names of all class folders in natural order, also of those without an image.
        empty: those without an image, with the formats that they hold.
        class_N: the class of each file, or None if they have none.
        notes: lines on what is left out or may not be meant.
        left_out: the number of entries that are left out, by the reason.
    """

    root: Path
    files: list[Parts]
    classes: list[str]
    empty: dict[str, str]
    class_N: list[str] | None
    notes: list[str]
    left_out: dict[str, int]

    def empty_note(self, known: Collection[str]) -> list[str]:
        """Return a line on the class folders without an image that are among the `known` classes."""
        some = [
            f"{shown_path(name)} ({kinds or 'empty'})" for name, kinds in self.empty.items() if name in known
        ]
        if not some:
            return []
        return [f"class folders without an image that can be read: {_shown(some)}. They stay classes."]

    @property
    def paths(self) -> list[Path]:
        """The absolute path of each file."""
        root = os.path.abspath(self.root)
        return [Path(root, *parts) for parts in self.files]

    @property
    def names(self) -> list[str]:
        """The name of each file, relative to the folder, for people."""
        return [utf8_name("/".join(parts)) for parts in self.files]


def read_tree(root: Path, key: str = "data.path", *, by_class: bool = True) -> Tree:
    """Return the images of a folder and their classes.

    Args:
        root: the folder. key: what names it, for messages.
        by_class: subfolders are classes; False takes the images of all subfolders without a class.

    Raises:
        DataError: there are no images, or some are beside the class folders.
    """
    found = walk(root)
    images, others = _divided(found)
    notes = [*found.notes(), *_left_out(others)]
    if not images:
        raise DataError(f"{key}: expected images in {shown_path(root)}, found none.{_because(notes)}")
    loose = [parts for parts in images if len(parts) == 1]
    if by_class and loose and len(loose) < len(images):
        n_folders = len({parts[0] for parts in images} - {parts[0] for parts in loose})
        raise DataError(
            f"{key}: expected every image of {shown_path(root)} in a subfolder by class, or none, but "
            f"{counted(len(loose), 'image')} ({shown_path(loose[0][0])}) "
            f"{'is' if len(loose) == 1 else 'are'} beside {counted(n_folders, 'subfolder')} with images. "
            "Move them, or write data.subfolders_are_classes=false."
        )
    if loose or not by_class:
        return Tree(
            root=root,
            files=images,
            classes=[],
            empty={},
            class_N=None,
            notes=notes,
            left_out=_counts(found, others),
        )
    return _by_class(found, images, others, notes)


def _by_class(found: Walk, images: list[Parts], others: list[Parts], notes: list[str]) -> Tree:
    names: dict[str, str] = {}  # by the name as it is compared
    merged = []
    for folder in found.folders:
        name = utf8_name(folder)
        if names.setdefault(nfc(name), name) != name:
            merged.append(name)
    if merged:
        notes.append(
            f"{counted(len(merged), 'folder')} whose name differs from another one only in the encoding of "
            "its accents; the images of both are one class: "
            f"{', '.join(shown_path(name) for name in merged)}."
        )
    class_N = [names[nfc(utf8_name(parts[0]))] for parts in images]
    there = set(class_N)
    content: dict[str, Counter[str]] = {name: Counter() for name in names.values()}
    for parts in others:
        if len(parts) > 1:
            content[names[nfc(utf8_name(parts[0]))]][_suffix(parts)] += 1
    # A folder of texts only, such as labels/, is no class.
    texts = [
        name
        for name in names.values()
        if name not in there and content[name] and set(content[name]) <= BESIDE
    ]
    classes = [name for name in names.values() if name not in texts]
    empty = {name: _formats(content[name]) for name in classes if name not in there}
    if texts:
        notes.append(f"folders that are no class, since they hold no images: {_shown(texts)}.")
    return Tree(
        root=found.root,
        files=images,
        classes=classes,
        empty=empty,
        class_N=class_N,
        notes=notes,
        left_out=_counts(found, others),
    )


def _divided(found: Walk) -> tuple[list[Parts], list[Parts]]:
    """Return the images and the other files."""
    known = image_suffixes()
    groups: dict[str, list[Parts]] = {}
    for parts in found.files:
        groups.setdefault(_suffix(parts), []).append(parts)
    left, images = MAX_SNIFFED, set[str]()
    for suffix, files in groups.items():
        if suffix in known:
            images.add(suffix)
        elif suffix not in BESIDE and left > 0:
            some = spread(files, min(SNIFFED, left))
            left -= len(some)
            if all(_is_image(Path(found.root, *parts)) for parts in some):
                images.add(suffix)
    files = list(found.files)
    return [f for f in files if _suffix(f) in images], [f for f in files if _suffix(f) not in images]


@cache
def image_suffixes() -> frozenset[str]:
    """Return the suffixes of all pictures that Pillow can open here."""
    from PIL import Image

    Image.init()
    return frozenset(
        suffix
        for suffix, kind in Image.registered_extensions().items()
        if kind in Image.OPEN and kind not in NO_PHOTOGRAPHS
    )


def _is_image(file: Path) -> bool:
    try:
        read_header(file)
    except Unreadable:
        return False
    return True


def _kinds(others: Sequence[Parts]) -> "Counter[str]":
    """Return the number of files of each suffix, without those that go with images."""
    kinds = Counter(_suffix(parts) for parts in others)
    for suffix in BESIDE:
        kinds.pop(suffix, None)
    return kinds


def _counts(found: Walk, others: Sequence[Parts]) -> dict[str, int]:
    """Return how many entries are left out, by the reason."""
    kinds = {
        f"a format that is not read here ({suffix or 'no suffix'})": n
        for suffix, n in _kinds(others).most_common()
    }
    entries = {
        "a link to a file or folder that does not exist": len(found.broken),
        "a link back to a folder above": len(found.loops),
        "a folder that cannot be opened": len(found.closed),
    }
    return {**kinds, **{reason: n for reason, n in entries.items() if n}}


def _left_out(others: Sequence[Parts]) -> list[str]:
    kinds = _kinds(others)
    if not kinds:
        return []
    return [
        f"{counted(kinds.total(), 'file')} in formats that are not read here, left out: {_formats(kinds)}."
    ]


def _formats(kinds: "Counter[str]") -> str:
    parts = [f"{n:,} {shown_path(suffix) or 'without suffix'}" for suffix, n in kinds.most_common(8)]
    return ", ".join(parts) + (f" and {len(kinds) - 8} more formats" if len(kinds) > 8 else "")


def _because(notes: Sequence[str]) -> str:
    return "".join(f" {note}" for note in notes)


def _shown(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def _suffix(parts: Parts) -> str:
    return os.path.splitext(parts[-1])[1].lower()
