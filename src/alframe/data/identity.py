"""What people see of an image, and digests that tell whether an image is the same as before."""

import hashlib
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from alframe.core.errors import TrialError
from alframe.data.damage import Unreadable, failure
from alframe.data.decoded import DecodedImages, UnreadableImages
from alframe.data.photograph import read_whole

if TYPE_CHECKING:
    from PIL.Image import Image

    from alframe.data.dataset import ImageDataset

LONGEST = 1600  # pixels of the longer side of a picture
SIDE = 112  # pixels: smaller arrays are enlarged by a whole factor until their shorter side has this size
DIGEST_BYTES = 16


def picture(dataset: "ImageDataset", index: int, longest: int = LONGEST) -> "Image":
    """Return an image, mode L or RGB, as people should see it.

    For a file it is the original photograph, turned by its EXIF tag, with at most `longest` pixels on the
    longer side. For an array it is the stored image, enlarged by a whole factor if a side has less than 112
    pixels.

    Raises:
        UnreadableImages: the file cannot be read.
    """
    from PIL import Image

    images_N, path = dataset.images_N, dataset.paths_N[index] if dataset.paths_N else None
    if isinstance(images_N, DecodedImages) and path is not None:
        try:
            return read_whole(path, longest, images_N.grey_range)
        except Unreadable as error:
            raise UnreadableImages({path: str(error)}, len(dataset)) from error
    image = torch.as_tensor(images_N[index])
    factor = max(1, math.ceil(SIDE / min(image.shape[1:])))
    large = image.repeat_interleave(factor, 1).repeat_interleave(factor, 2).numpy()
    return Image.fromarray(large[0] if len(large) == 1 else np.ascontiguousarray(large.transpose(1, 2, 0)))


def content_digest(dataset: "ImageDataset", index: int) -> str:
    """Return the hexadecimal digest (BLAKE2b, 16 bytes) of an image's file, or of an array's shape and bytes.

    Raises:
        UnreadableImages: the file is gone or closed to the user.
        TrialError: the disk has failed.
    """
    if dataset.paths_N is None:
        return array_digest(torch.as_tensor(dataset.images_N[index]).numpy()).hex()
    path = dataset.paths_N[index]
    try:
        return file_digest(path).hex()
    except OSError as error:
        raise unread(path, error, len(dataset)) from error


def file_digest(path: Path) -> bytes:
    """Return the digest (BLAKE2b, 16 bytes) of a file's bytes.

    Raises:
        OSError: the file cannot be read.
    """
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    with path.open("rb") as file:
        while part := file.read(2**20):
            digest.update(part)
    return digest.digest()


def array_digest(image_CHW: np.ndarray[Any, Any]) -> bytes:
    """Return the digest (BLAKE2b, 16 bytes) of an array's shape and bytes."""
    content = repr(image_CHW.shape).encode() + image_CHW.tobytes()
    return hashlib.blake2b(content, digest_size=DIGEST_BYTES).digest()


def unread(path: Path, error: OSError, n: int) -> UnreadableImages | TrialError:
    """Return the error to raise for one of n files: it cannot be read, or the disk has failed."""
    found = failure(path, error)
    return UnreadableImages({path: str(found)}, n) if isinstance(found, Unreadable) else found


def content_digests(dataset: "ImageDataset") -> list[str]:
    """Return `content_digest` of all images; for files, each of them is read."""
    return [content_digest(dataset, index) for index in range(len(dataset))]
