"""The bank of a learner that trains the encoder: images as the encoder gets them, before normalisation.

Axes: B a batch, P the wanted samples.
"""

from collections.abc import Iterator, Sequence
from typing import Self

import torch
from torch import Tensor

from alframe.core.errors import ConfigError
from alframe.data.banks import Images
from alframe.data.damage import Unreadable
from alframe.data.decoded import IN_MEMORY_BYTES, DecodedImages, UnreadableImages
from alframe.data.image_bank import channel_statistics
from alframe.data.reading_threads import in_threads
from alframe.embedding.array_source import some_of
from alframe.embedding.encoder import Preprocessing
from alframe.embedding.file_source import MOST_THREADS, read_visible
from alframe.embedding.prepare import scale

BATCH = 64  # images that are scaled at once for the statistics


class InputBank:
    """Images that are read, scaled and cropped by an encoder's own preprocessing when they are wanted.

    Those that `take` returns, which a fit wants again, are kept in memory up to 1 GiB. `stream` keeps none.
    """

    resident = False
    index_device = torch.device("cpu")

    def __init__(self, images_N: Images, preprocessing: Preprocessing, device: torch.device) -> None:
        """Take the images of all samples; `device` is that of the batches."""
        self._images_N, self._preprocessing, self._device = images_N, preprocessing, device
        height, width = preprocessing.size
        self._most_kept = IN_MEMORY_BYTES // (3 * height * width)
        self._kept: dict[int, Tensor] = {}

    def __len__(self) -> int:
        return len(self._images_N)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(3, height, width) of the encoder's input."""
        return 3, *self._preprocessing.size

    @property
    def device(self) -> torch.device:
        """The device of the batches."""
        return self._device

    def take(self, index_B: Tensor) -> Tensor:
        """Return (B, 3, height, width) uint8 on the device: the images of `index_B` (int64, CPU).

        Raises:
            UnreadableImages: a file cannot be read.
        """
        wanted = [index for index in dict.fromkeys(index_B.tolist()) if index not in self._kept]
        new = dict(zip(wanted, self._read(torch.tensor(wanted)), strict=True)) if wanted else {}
        there = self._kept | new
        image_B = torch.stack([there[index] for index in index_B.tolist()])
        self._kept |= dict(list(new.items())[: self._most_kept - len(self._kept)])
        return image_B.to(self._device)

    def stream(self, index_P: Tensor, batch_size: int) -> Iterator[Tensor]:
        """Yield the images of `index_P` (int64, CPU) in order, `batch_size` at a time, on the device.

        A thread reads the next batches in the meantime.

        Raises:
            UnreadableImages: a file cannot be read.
        """
        for _, image_B in in_threads(self._read, index_P.split(batch_size) if len(index_P) else (), 1):
            yield image_B.to(self._device)

    def cropped(self, pixels: int) -> Self:
        """Return the bank itself.

        Raises:
            ConfigError: `pixels` is not 0.
        """
        if pixels:
            raise ConfigError("learner.crop", "0, since an encoder crops by itself", pixels)
        return self

    def channel_statistics(self, index_N: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return (mean, std), each (3,) float32 in units of 0 to 255, of all or some images."""
        index_N = torch.arange(len(self)) if index_N is None else index_N
        return channel_statistics(self.stream(index_N, BATCH), 3)

    def _read(self, index_B: Tensor) -> Tensor:
        """Return the images on the CPU."""
        if not isinstance(self._images_N, DecodedImages):
            return scale(some_of(self._images_N, index_B), self._preprocessing).contiguous()
        image_B = torch.empty(len(index_B), *self.image_shape, dtype=torch.uint8)
        positions: Sequence[int] = index_B.tolist()
        n_threads = min(MOST_THREADS, max(1, torch.get_num_threads()))
        for row, (_, image) in enumerate(in_threads(self._read_file, positions, n_threads)):
            image_B[row] = image
        return image_B

    def _read_file(self, index: int) -> Tensor:
        """Return (1 or 3, height, width) uint8; zeros for a file that is no longer there."""
        assert isinstance(self._images_N, DecodedImages)
        images, path = self._images_N, self._images_N.paths[index]
        if path is None:
            return torch.zeros(self.image_shape, dtype=torch.uint8)
        try:
            pixels = read_visible(path, self._preprocessing, images.channels, images.grey_range)
        except Unreadable as error:
            raise UnreadableImages({path: str(error)}, len(images)) from error
        return torch.from_numpy(pixels.image_CHW)
