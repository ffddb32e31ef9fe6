"""The pictures of a question: one file for each open sample, drawn from the image that was asked about."""

import io
import json
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

from alframe._files import write_whole
from alframe.core.errors import UserError
from alframe.data import ImageDataset
from alframe.data.identity import picture
from alframe.oracle.answer_store import AnswerStore

_DRAWN = "pictures"  # in the store: name and content of each picture, so that none shows another image
_LARGE = 512  # pixels: larger pictures are JPEG
_THREADS = 4  # the work is in Pillow, outside of Python's lock


def draw_pictures(
    folder: Path, dataset: ImageDataset, store: AnswerStore, missing: Sequence[int]
) -> dict[int, str]:
    """Draw the pictures of samples that are not drawn yet, remove all others, and return their names.

    Raises:
        DataError: an image cannot be read. UserError: the folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"{folder}: expected a folder for the pictures of the question, got a file or a folder that "
            f"cannot be made ({error.strerror}). Move it away and run the same command again."
        ) from error
    digests = {each.number: each.digest or "" for each in store.samples()}
    drawn = json.loads(store.meta(_DRAWN) or "{}")
    names = {}
    for index in missing:
        name, digest = drawn.get(str(index), ("", ""))
        if digest == digests[index] and (folder / name).exists():
            names[index] = name
    wanted = [index for index in missing if index not in names]
    with ThreadPoolExecutor(_THREADS) as threads:
        new = threads.map(partial(_draw, folder, dataset), wanted)
        names |= dict(zip(wanted, new, strict=True))
    store.put_meta(_DRAWN, json.dumps({index: (name, digests[index]) for index, name in names.items()}))
    remove_pictures(folder, keep=set(names.values()))
    return names


def remove_pictures(folder: Path, keep: Collection[str] = ()) -> None:
    """Remove the pictures of a folder, without those to keep and without files of other names."""
    for file in folder.glob("*"):
        if file.name not in keep and _is_picture(file):
            with suppress(OSError):  # a program shows it; it goes the next time
                file.unlink()


def _draw(folder: Path, dataset: ImageDataset, index: int) -> str:
    image, content = picture(dataset, index), io.BytesIO()
    is_photograph = max(image.size) > _LARGE
    name = f"{index}{'.jpg' if is_photograph else '.png'}"
    image.save(content, "JPEG" if is_photograph else "PNG", **({"quality": 92} if is_photograph else {}))
    write_whole(folder / name, content.getvalue(), to_disk=False)
    return name


def _is_picture(file: Path) -> bool:
    """Return True for a picture that `draw_pictures` has written, by its name."""
    is_number = file.stem.isascii() and file.stem.isdecimal()
    return file.suffix in (".png", ".jpg") and is_number and not file.is_dir()
