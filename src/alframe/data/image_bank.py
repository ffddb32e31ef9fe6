"""Batches of uint8 images by index.

A batch is a gather instead of a DataLoader: no workers, no per-sample transforms, one byte per pixel.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol, Self

import torch
from torch import Tensor


class Bank(Protocol):
    """A source of image batches; `ImageBank` holds all images on the device, other banks stream them."""

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(channels, height, width)."""
        ...

    @property
    def device(self) -> torch.device:
        """The device of the batches."""
        ...

    @property
    def index_device(self) -> torch.device:
        """The device of the indices for `take`, so that whole tables of them can be moved at once."""
        ...

    @property
    def resident(self) -> bool:
        """True if `take` is a gather on the device, which a CUDA graph can capture."""
        ...

    def __len__(self) -> int: ...

    def take(self, index_B: Tensor) -> Tensor:
        """Return (B, channels, height, width) uint8 on the device: the images of `index_B` (int64)."""
        ...

    def stream(self, index_P: Tensor, batch_size: int) -> Iterator[Tensor]:
        """Yield the images of `index_P` (int64, CPU) in that order, `batch_size` at a time, on the device."""
        ...

    def cropped(self, pixels: int) -> Self:
        """Return a bank of the images without `pixels` rows and columns at each side."""
        ...

    def channel_statistics(self, index_N: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return (mean, std), each (channels,) float32 in units of 0 to 255, of all or some images."""
        ...


@dataclass(frozen=True, eq=False)
class ImageBank:
    """A bank that holds all images on one device.

    Attributes:
        images_N: (N, channels, height, width) uint8.
    """

    images_N: Tensor
    resident = True

    def __len__(self) -> int:
        return len(self.images_N)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(channels, height, width)."""
        n_channels, height, width = self.images_N.shape[1:]
        return n_channels, height, width

    @property
    def device(self) -> torch.device:
        """The device of the images."""
        return self.images_N.device

    index_device = device

    def take(self, index_B: Tensor) -> Tensor:
        """Return (B, channels, height, width) uint8, the images of `index_B` (int64, on the device)."""
        return self.images_N.index_select(0, index_B)

    def stream(self, index_P: Tensor, batch_size: int) -> Iterator[Tensor]:
        """Yield the images of `index_P` (int64, CPU) in that order, `batch_size` at a time."""
        for index_B in index_P.to(self.device).split(batch_size):
            yield self.take(index_B)

    def cropped(self, pixels: int) -> Self:
        """Return a bank of the images without `pixels` rows and columns at each side."""
        if pixels == 0:
            return self
        return replace(self, images_N=self.images_N[:, :, pixels:-pixels, pixels:-pixels].contiguous())

    def channel_statistics(self, index_N: Tensor | None = None, chunk: int = 8192) -> tuple[Tensor, Tensor]:
        """Return (mean, std), each (channels,) float32 in units of 0 to 255, of all or some images."""
        if index_N is None:
            index_N = torch.arange(len(self))
        return channel_statistics(self.stream(index_N, chunk), self.image_shape[0])


def channel_statistics(batches: Iterator[Tensor], n_channels: int) -> tuple[Tensor, Tensor]:
    """Return (mean, std), each (channels,) float32 in units of 0 to 255, of batches of uint8 images."""
    # A histogram of bytes is exact and needs no floating-point copy of the images.
    counts = torch.zeros(n_channels, 256, dtype=torch.float64)
    for image_B in batches:
        for channel in range(n_channels):
            histogram = torch.bincount(image_B[:, channel].reshape(-1).int(), minlength=256)
            counts[channel] += histogram.cpu()
    values = torch.arange(256, dtype=torch.float64)
    share = counts / counts.sum(1, keepdim=True)
    mean = share @ values
    variance = share @ values.square() - mean.square()
    return mean.float(), variance.clamp_min(0).sqrt().float()
