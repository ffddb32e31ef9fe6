"""Exports whose labels are a table beside the images: a CSV file, and a folder by class."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from alframe._text import counted
from alframe.exchange.images import Images
from alframe.exchange.legal_names import FileNames, folder_names
from alframe.exchange.records import TrialLabels
from alframe.exchange.tables import cells, csv_lines, json_lines, utf8

CSV = "metadata.csv"
JSON_LINES = "metadata.jsonl"  # the names that the library `datasets` looks for beside images
IMAGES = "images"


def write_csv(labels: TrialLabels, images: Images, folder: Path, *, with_images: bool) -> list[str]:
    """Write a table of all samples, and their images into a folder if they are wanted.

    Returns:
        sentences for people, as the other writers do.
    """
    names = write_images(labels, images, folder) if with_images else {}
    rows = (cells(row, names.get(row.index, "") if with_images else row.path or "") for row in labels.rows)
    with (folder / CSV).open("w", encoding="utf-8", newline="") as file:
        file.writelines(csv_lines(rows))
    return [] if with_images else escaped_names(labels)


def escaped_names(labels: TrialLabels) -> list[str]:
    """Return a sentence on the paths that text in UTF-8 cannot hold."""
    n = sum(row.path is not None and utf8(row.path) != row.path for row in labels.rows)
    if not n:
        return []
    return [
        f"{counted(n, 'path')} with bytes that are not UTF-8, escaped in file_name. Add --images to copy the "
        "files."
    ]


def write_images(labels: TrialLabels, images: Images, folder: Path) -> dict[int, str]:
    """Write all images into the folder `images` and return the path of each, relative to `folder`."""
    (folder / IMAGES).mkdir()
    names, paths = FileNames(), {}
    for row in labels.rows:
        if images.has(row):
            paths[row.index] = f"{IMAGES}/{names.name(images.file_name(row), row.index)}"
            images.write(row, folder / paths[row.index])
    return paths


def write_image_folder(labels: TrialLabels, images: Images, folder: Path) -> list[str]:
    """Write a folder for each class, also for one without images, and a table of the images."""
    classes = folder_names(labels.class_names)
    names = [FileNames() for _ in classes]
    for each in classes:
        (folder / each).mkdir()

    def rows() -> Iterator[dict[str, Any]]:
        for row in labels.labelled():
            if images.has(row):
                path = f"{classes[row.label]}/{names[row.label].name(images.file_name(row), row.index)}"
                images.write(row, folder / path)
                yield cells(row, path)

    with (folder / JSON_LINES).open("w", encoding="utf-8") as file:
        file.writelines(json_lines(rows()))
    changed = [(new, old) for new, old in zip(classes, labels.class_names, strict=True) if new != old]
    return [*_left_out(labels, images), *_renamed(changed)]


def _left_out(labels: TrialLabels, images: Images) -> list[str]:
    """Return a sentence on the samples that are in no folder."""
    n = sum(row.label < 0 and images.has(row) for row in labels.rows)
    return [f"{counted(n, 'image')} without a class: in no folder."] if n else []


def _renamed(changed: list[tuple[str, str]]) -> list[str]:
    if not changed:
        return []
    some = ", ".join(f"{new} for {old!r}" for new, old in changed[:3])
    return [f"Folders of other names than their classes, which no file system takes: {some}."]
