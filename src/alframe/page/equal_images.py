"""Groups of equal images: files with the same bytes, or arrays with the same values."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from alframe.data import ImageDataset
from alframe.data.decoded import UnreadableImages
from alframe.data.identity import content_digest


def equal_images(dataset: ImageDataset) -> dict[int, int]:
    """Return the number of its group for each image that has equal ones; groups are numbered from 0.

    Files are read only if another one has the same size. Files that cannot be read have no equal ones.
    """
    candidates: Iterable[Sequence[int]] = [range(len(dataset))]
    if dataset.paths_N is not None:
        by_size: dict[int, list[int]] = {}
        for index, path in enumerate(dataset.paths_N):
            by_size.setdefault(_size(path), []).append(index)
        candidates = (each for size, each in by_size.items() if len(each) > 1 and size >= 0)
    by_content: dict[str, list[int]] = {}
    for same_size in candidates:
        for index in same_size:
            digest = _digest(dataset, index)
            if digest is not None:
                by_content.setdefault(digest, []).append(index)
    groups = sorted(each for each in by_content.values() if len(each) > 1)
    return {index: number for number, each in enumerate(groups) for index in each}


def _size(path: Path) -> int:
    """Return the size of a file in bytes, -1 if it is not there."""
    try:
        return path.stat().st_size
    except OSError:
        return -1


def _digest(dataset: ImageDataset, index: int) -> str | None:
    try:
        return content_digest(dataset, index)
    except UnreadableImages:
        return None
