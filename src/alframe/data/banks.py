"""The bank for any kind of images, made without decoding one."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import torch
from torch import Tensor

from alframe.data.decoded import DecodedImages, Progress
from alframe.data.image_bank import Bank, ImageBank
from alframe.data.memory_map import MappedBank, MappedImages

Images = Tensor | MappedImages | DecodedImages
"""(N, channels, height, width) uint8: in memory, in a file, or in image files of their own."""


def in_memory(images_N: Images) -> bool:
    """Return True if a bank of these images holds all of them in memory."""
    if isinstance(images_N, DecodedImages):
        return images_N.in_memory
    return isinstance(images_N, Tensor)


def make_bank(
    images_N: Images, device: torch.device, progress: Progress = lambda stage, done, total: None
) -> Bank:
    """Return the bank of a data set's images, on the device or in their file.

    Args:
        images_N: image files are decoded when the bank is first used.
        device: of the batches. progress: called with ("read", done, total) while files are decoded.
    """
    if isinstance(images_N, DecodedImages):
        return DecodedBank(images_N, device, progress)
    if isinstance(images_N, MappedImages):
        return MappedBank(images_N, device)
    return ImageBank(images_N.to(device))


@dataclass(frozen=True, eq=False)
class DecodedBank:
    """A bank of image files, which are decoded when the first batch is wanted.

    Attributes:
        images: of all samples. device: of the batches. progress: told about the decoding.
        pixels: how many rows and columns are left out at each side.
    """

    images: DecodedImages
    device: torch.device
    progress: Progress
    pixels: int = 0

    @cached_property
    def _bank(self) -> Bank:
        return make_bank(self.images.pixels(self.progress), self.device).cropped(self.pixels)

    def __len__(self) -> int:
        return len(self.images)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(channels, height, width)."""
        _, n_channels, height, width = self.images.shape
        return n_channels, height - 2 * self.pixels, width - 2 * self.pixels

    @property
    def resident(self) -> bool:
        """True if `take` will be a gather on the device."""
        return self.images.in_memory

    @property
    def index_device(self) -> torch.device:
        """The device of the indices for `take`."""
        return self.device if self.resident else torch.device("cpu")

    def take(self, index_B: Tensor) -> Tensor:
        """Return (B, channels, height, width) uint8 on the device: the images of `index_B` (int64)."""
        return self._bank.take(index_B)

    def stream(self, index_P: Tensor, batch_size: int) -> Iterator[Tensor]:
        """Yield the images of `index_P` (int64, CPU) in that order, `batch_size` at a time, on the device."""
        return self._bank.stream(index_P, batch_size)

    def cropped(self, pixels: int) -> Self:
        """Return a bank of the images without `pixels` rows and columns at each side."""
        return self if pixels == 0 else replace(self, pixels=self.pixels + pixels)

    def channel_statistics(self, index_N: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return (mean, std), each (channels,) float32 in units of 0 to 255, of all or some images."""
        return self._bank.channel_statistics(index_N)
