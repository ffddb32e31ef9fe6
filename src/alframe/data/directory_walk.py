"""The files below a directory, links included, without hidden files and without alframe's own output."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from alframe._text import counted, natural
from alframe.core.file_names import CONFIG, EXPORT, HYDRA, LOCK, MARKS, QUESTIONS, STATE, TENSORBOARD, WANDB
from alframe.data.path_text import shown_path

# Written by systems, not by people; left out without a word, as hidden files are.
OF_SYSTEMS = {"__macosx", "@eadir", "$recycle.bin", "system volume information", "lost+found", "thumbs.db",
              "desktop.ini", "icon\r", "ehthumbs.db"}  # fmt: skip
OUTPUTS = ("outputs", "multirun")  # Hydra's folders of trials
REPORT = {"report.html", "report.json"}
Parts = tuple[str, ...]  # the names on the way from the directory to a file


@dataclass(kw_only=True)
class Walk:
    """What is below a directory.

    Attributes:
        files: each file by its parts, with its real path.
        folders: the names of the directory's own subfolders, without those that hold only alframe's output.
        broken: links to nothing. loops: links to a folder that they are in. closed: folders that cannot be
            opened. All by their parts.
    """

    root: Path
    files: dict[Parts, str] = field(default_factory=dict)
    folders: list[str] = field(default_factory=list)
    broken: list[Parts] = field(default_factory=list)
    loops: list[Parts] = field(default_factory=list)
    closed: list[Parts] = field(default_factory=list)
    _has_links: bool = False

    def notes(self) -> list[str]:
        """Return a line for each kind of entry that is left out or is there more than once."""
        kinds = [
            (self.broken, "link", "to a file or folder that does not exist", "left out"),
            (self.loops, "link", "back to a folder above", "left out"),
            (self.closed, "folder", "that cannot be opened", "left out"),
        ]
        lines = [
            f"{counted(len(found), noun)} {what} {'is' if len(found) == 1 else 'are'} {end}: {_some(found)}."
            for found, noun, what, end in kinds
            if found
        ]
        return [*lines, *self._twice()]

    def _twice(self) -> list[str]:
        """Return a line on files that links reach a second time."""
        if not self._has_links:
            return []
        first: dict[str, Parts] = {}
        again = {
            parts: first[real] for parts, real in self.files.items() if first.setdefault(real, parts) != parts
        }
        if not again:
            return []
        parts, other = next(iter(again.items()))
        return [
            f"{counted(len(again), 'image')} take part twice, because links lead to the same files: "
            f"{shown_path('/'.join(other))} and {shown_path('/'.join(parts))}"
            f"{' and others' if len(again) > 1 else ''}. Remove the links if you do not want that."
        ]


def walk(root: Path) -> Walk:
    """Return the files below a directory in natural order; links to folders are followed."""
    found = Walk(root=root)
    _enter(found, str(root), (), (os.path.realpath(root),))
    found.files = {parts: found.files[parts] for parts in sorted(found.files, key=order)}
    found.folders.sort(key=natural)
    return found


def order(parts: Parts) -> list[list[tuple[int, int, str]]]:
    """Return the key that puts files into their order: number by number, folder by folder."""
    return [natural(part) for part in parts]


def _enter(found: Walk, directory: str, parts: Parts, above: tuple[str, ...]) -> int:
    """Add what is below a directory; return the number of trials and reports below it.

    Args:
        above: the real paths of the directory and of those above it.
    """
    try:
        with os.scandir(directory) as entries:
            listed = [entry for entry in entries if not _is_hidden(entry.name)]
    except OSError:
        found.closed.append(parts)
        return 0
    # A trial may run in the directory of the images itself.
    own = {QUESTIONS, STATE, WANDB, TENSORBOARD} if not parts and is_output(directory) else set()
    return sum(_take(found, entry, (*parts, entry.name), above) for entry in listed if entry.name not in own)


def _take(found: Walk, entry: "os.DirEntry[str]", parts: Parts, above: tuple[str, ...]) -> int:
    """Add a file, or what is below a folder; return the number of trials and reports there."""
    is_link = entry.is_symlink()
    found._has_links |= is_link
    real = os.path.realpath(entry.path) if is_link else os.path.join(above[-1], entry.name)
    if is_link and not os.path.exists(entry.path):
        found.broken.append(parts)
    elif not entry.is_dir():
        if entry.is_file():
            found.files[parts] = real
    elif real in above:
        found.loops.append(parts)
    elif is_output(entry.path):
        return 1
    else:
        before = len(found.files)
        n_own = _enter(found, entry.path, parts, (*above, real))
        if n_own and (len(found.files) == before or entry.name in OUTPUTS):
            for each in list(found.files)[before:]:  # tables of a sweep, beside its trials
                del found.files[each]
        elif len(parts) == 1:
            found.folders.append(entry.name)
        return n_own
    return 0


def is_output(directory: str) -> bool:
    """Return True for the directory of a trial, of a report or of an export."""
    names = set(_names(directory))
    return (
        HYDRA in names
        or EXPORT in names
        or names >= REPORT
        or (CONFIG in names and not names.isdisjoint(MARKS))
        or (STATE in names and os.path.exists(os.path.join(directory, STATE, LOCK)))
    )


def _names(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except OSError:
        return []


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name.lower() in OF_SYSTEMS


def _some(found: list[Parts]) -> str:
    more = f" and {len(found) - 3:,} more" if len(found) > 3 else ""
    return ", ".join(shown_path("/".join(parts)) for parts in sorted(found)[:3]) + more
