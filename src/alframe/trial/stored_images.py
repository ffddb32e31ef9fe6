"""The images of a trial whose data set is an array, as PNG files."""

import io
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from alframe.core.errors import UserError
from alframe.core.file_names import ANSWER_STORE
from alframe.data import ImageDataset
from alframe.data.fingerprint import fingerprint
from alframe.oracle.answer_store import AnswerStore
from alframe.oracle.sample_matching import match
from alframe.trial.assemble import load_data, members
from alframe.trial.data_file import read_data_file
from alframe.trial.matched_data import image_now
from alframe.trial.read_finished import read_config
from alframe.trial.settings import read_settings


def png_of_arrays(directory: Path, data: Path | None) -> Callable[[int], bytes]:
    """Return a function from the index of a sample to its image as the bytes of a PNG file.

    Args:
        directory: of the trial. data: where the data are now, instead of `data.path` or `data_dir`.

    Raises:
        UserError: the data are not there, or are not those of the trial.
    """
    config = read_config(directory)
    config = {key: dict(value) if isinstance(value, dict) else value for key, value in config.items()}
    if config["data"].get("path") == "memory":
        raise UserError(
            "--to: expected a data set that can be read again, got arrays of a call from Python. Write --to "
            "csv or --to parquet, whose column index has the positions in the arrays."
        )
    if data is not None and "path" in config["data"]:
        config["data"]["path"] = str(data.absolute())
    elif data is not None:
        config["data_dir"] = str(data.absolute())
    settings = read_settings(config)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the trial has printed them
        dataset = load_data(settings)
        member_N = members(settings, dataset)
    positions = _positions(directory, dataset, member_N)

    def png(index: int) -> bytes:
        image = torch.as_tensor(dataset.images_N[positions[index]]).numpy()
        file = io.BytesIO()
        Image.fromarray(image[0] if len(image) == 1 else image.transpose(1, 2, 0)).save(file, "png")
        return file.getvalue()

    return png


def _positions(directory: Path, dataset: ImageDataset, member_N: Any) -> Sequence[int]:
    """Return the position in the data set of each sample of a trial."""
    if (directory / ANSWER_STORE).exists():
        with AnswerStore(directory) as store:
            samples = store.samples()
        known = [each for each in samples if each.digest is not None]
        images = [image_now(dataset, index) for index in range(len(dataset))]
        if len(known) == len(samples):
            positions = match(samples, images).positions
            if all(at >= 0 for each, at in zip(samples, positions, strict=True) if each.present):
                return positions
        elif all(each.number < len(images) and each.digest == images[each.number].digest() for each in known):
            return range(len(dataset))
    else:
        recorded = read_data_file(directory)
        if recorded is None or recorded.fingerprint == fingerprint(dataset, member_N):
            return range(len(dataset))
    raise UserError(
        "--data: expected the images of the trial, got others. Restore them, or write --data PATH with the "
        "place where they are now."
    )
