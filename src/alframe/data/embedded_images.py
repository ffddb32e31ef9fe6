"""Images that are bytes inside a table: small ones of one size as they are, others written to files once."""

import io
import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from alframe.core.errors import TrialError
from alframe.data.damage import DAMAGE
from alframe.data.decoded import IN_MEMORY_BYTES
from alframe.data.path_text import spread
from alframe.data.patient_pillow import patient_pillow
from alframe.data.survey import SMALL

LOOKED_AT = 100  # images whose size is looked at before all are decoded
LIST = "files.json"


def small_images(images: Sequence[bytes]) -> list[Any] | None:
    """Return decoded images if all have one size of at most 128 pixels a side, else None.

    Args:
        images: the content of image files.
    """
    some = _alike(spread(images, LOOKED_AT))
    if not some:
        return None
    n_bytes = len(images) * some[0].width * some[0].height * len(some[0].getbands())
    return _alike(images) if n_bytes <= IN_MEMORY_BYTES else None


def _alike(images: Sequence[bytes]) -> list[Any] | None:
    from PIL import Image

    found: list[Any] = []
    with patient_pillow():
        for content in images:
            try:
                with Image.open(io.BytesIO(content)) as image:
                    found.append(image.copy())
            except DAMAGE:  # it is named when the files are read
                return None
            kind = found[-1].size, found[-1].mode
            if kind != (found[0].size, found[0].mode) or max(kind[0]) > SMALL or kind[1] not in ("L", "RGB"):
                return None
    return found


def written_files(images: Sequence[bytes], folder: Path) -> list[Path]:
    """Return a file for each image in a folder, which is made once and as a whole.

    Raises:
        TrialError: the folder cannot be written.
    """
    try:
        if not (folder / LIST).is_file():
            _write(images, folder)
        return [folder / name for name in json.loads((folder / LIST).read_text())]
    except OSError as error:
        raise TrialError(
            f"{folder}: the images could not be written ({error.strerror or error}). Make room on the disk, "
            "or set data_dir=FOLDER."
        ) from error


def _write(images: Sequence[bytes], folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder.parent, prefix=".part-", ignore_cleanup_errors=True) as place:
        part, names = Path(place, "part"), []
        part.mkdir()
        for k, content in enumerate(images):
            names.append(f"{k:06d}{_suffix(content)}")
            (part / names[-1]).write_bytes(content)
        (part / LIST).write_text(json.dumps(names))
        with suppress(OSError):  # another trial has made it
            part.rename(folder)


def _suffix(content: bytes) -> str:
    kinds = {b"\xff\xd8": ".jpg", b"\x89P": ".png", b"RI": ".webp", b"GI": ".gif", b"BM": ".bmp"}
    return kinds.get(content[:2], ".image")
