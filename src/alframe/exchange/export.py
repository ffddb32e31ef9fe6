"""Write the labels of a trial in a format of other programs."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from alframe.core.errors import UserError
from alframe.core.file_names import EXPORT
from alframe.exchange.images import How, Images
from alframe.exchange.label_studio import write_tasks
from alframe.exchange.output_folder import check_room, new_folder, write_json
from alframe.exchange.parquet_files import check_installed, write_data_set, write_parquet
from alframe.exchange.read_trial import read_trial
from alframe.exchange.records import TrialLabels
from alframe.exchange.table_files import write_csv, write_image_folder

FORMATS = ("imagefolder", "csv", "parquet", "label-studio", "huggingface")
_WITH_IMAGES = ("imagefolder", "huggingface")  # exports that always hold the images
_OF_FILES = ("imagefolder", "csv", "label-studio")  # exports with images as files, which may be links
DEFAULT = "export"  # folder in a trial's directory


@dataclass(frozen=True, kw_only=True)
class ExportRequest:
    """What to export.

    Attributes:
        directory: of the trial. to: one of `FORMATS`.
        out: the new folder, None for `DEFAULT`/(the format) in the directory.
        images: write the images also where the format does without. links: to the images instead of copies.
        overwrite: replace an earlier export. data: where the images are now, None if they have not moved.
    """

    directory: Path
    to: str
    out: Path | None = None
    images: bool = False
    links: bool = False
    overwrite: bool = False
    data: Path | None = None


def export(request: ExportRequest) -> tuple[TrialLabels, Path, list[str]]:
    """Write an export, as a whole or not at all.

    Returns:
        the labels, the folder with the export, and sentences for people.

    Raises:
        UserError: there is no trial, the folder is not empty, or the images cannot be read again.
        TrialError: the export could not be written.
    """
    _check(request)
    labels = read_trial(request.directory, request.data)
    how: How = "link" if request.links else "copy"
    images = Images(labels, how, request.data)
    folder = request.out or request.directory / DEFAULT / request.to
    if request.images or request.to in _WITH_IMAGES:
        links = " Or add --links." if request.to in _OF_FILES else ""
        check_room(folder, images.n_bytes(labels.rows), f"Make room, or write --out FOLDER.{links}")
    with new_folder(folder, overwrite=request.overwrite) as part:
        notes = _writer(request, folder)(labels, images, part)
        write_json(part / EXPORT, _facts(request, labels))
    return labels, folder, [*labels.notes, *notes]


def _check(request: ExportRequest) -> None:
    if request.to not in FORMATS:
        raise UserError(f"--to: expected one of {', '.join(FORMATS)}, got {request.to!r}.")
    if request.links and not (request.to == "imagefolder" or (request.to in _OF_FILES and request.images)):
        raise UserError(
            "--links: expected --to imagefolder, or --images with csv or label-studio. Leave it out."
        )
    if request.to in ("parquet", "huggingface"):
        check_installed()


def _writer(request: ExportRequest, home: Path) -> Callable[[TrialLabels, Images, Path], list[str]]:
    wanted = request.images
    writers: dict[str, Callable[[TrialLabels, Images, Path], list[str]]] = {
        "imagefolder": write_image_folder,
        "csv": lambda labels, images, part: write_csv(labels, images, part, with_images=wanted),
        "parquet": lambda labels, images, part: write_parquet(labels, images, part, with_images=wanted),
        "label-studio": lambda labels, images, part: write_tasks(
            labels, images, part, home, with_images=wanted
        ),
        "huggingface": write_data_set,
    }
    return writers[request.to]


def _facts(request: ExportRequest, labels: TrialLabels) -> dict[str, object]:
    return {
        "format": request.to,
        "trial": str(request.directory.resolve()).encode("utf-8", "backslashreplace").decode(),
        "status": labels.status,
        "data": labels.data,
        "class_names": list(labels.class_names),
        "counts": labels.counts(),
        "notes": list(labels.notes),
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "alframe": metadata.version("alframe"),
    }
