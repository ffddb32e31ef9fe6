"""The images of an array, in memory or in a file, as input of an encoder.

Axes: N all samples, Q the wanted ones, B a batch.
"""

from collections.abc import Generator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from alframe.data.identity import array_digest
from alframe.data.memory_map import MappedImages
from alframe.data.reading_threads import in_threads
from alframe.embedding.encoder import Preprocessing
from alframe.embedding.prepare import normalise, scale
from alframe.embedding.segment import DIGEST, Array
from alframe.embedding.source import Batch
from alframe.embedding.store_writer import StoreWriter

BLOCK_BYTES = 2**25  # images that are read or prepared at a time


class ArraySource:
    """Images of one array."""

    def __init__(
        self,
        images_N: Tensor | MappedImages,
        index_Q: Tensor,
        preprocessing: Preprocessing,
        device: torch.device,
    ) -> None:
        """Take the images of `index_Q` (int64); `device` is that of the batches."""
        self._images_N, self._index_Q = images_N, index_Q
        self._preprocessing, self._device = preprocessing, device
        self.reasons: dict[Path, str] = {}
        self._block = max(1, BLOCK_BYTES // int(np.prod(images_N.shape[1:])))
        images = (image for index_B in index_Q.split(self._block) for image in self._some(index_B).numpy())
        self._digest_Q = np.fromiter(map(array_digest, images), DIGEST, len(index_Q))

    def digests(self) -> Array:
        """Return the digests of the images."""
        return self._digest_Q

    def can_be_read(self) -> Array:
        """Return True for all samples."""
        return np.full(len(self._index_Q), True)

    def batches(self, wanted: Sequence[int], size: int, writer: StoreWriter) -> Generator[Batch]:
        """Yield the prepared images."""
        done = 0
        # A thread prepares the next batches while a GPU encodes.
        parts = torch.tensor(wanted).split(min(size, self._block))
        for position_B, pixel_B in in_threads(self._pixels, parts, 1):
            done += len(position_B)
            yield Batch(
                input_B=normalise(pixel_B.to(self._device), self._preprocessing),
                digest_B=self._digest_Q[position_B.numpy()].tolist(),
                position_B=position_B.tolist(),
                n_done=done,
            )

    def name(self, position: int) -> str:
        """Return the index of a sample."""
        return f"image {int(self._index_Q[position])}"

    def _pixels(self, position_B: Tensor) -> Tensor:
        return scale(self._some(self._index_Q[position_B]), self._preprocessing)

    def _some(self, index_B: Tensor) -> Tensor:
        return some_of(self._images_N, index_B)


def some_of(images_N: Tensor | MappedImages, index_B: Tensor) -> Tensor:
    """Return the images of `index_B` (int64): (B, channels, height, width) uint8 on the CPU."""
    if isinstance(images_N, Tensor):
        return images_N[index_B]
    image_B = torch.empty(len(index_B), *images_N.shape[1:], dtype=torch.uint8)
    images_N.read_into(image_B, index_B)
    return image_B
