"""All images of a data set as uint8 on one device, batches by index.

A batch is a gather instead of a DataLoader: no workers, no per-sample transforms, one byte per pixel.
"""

from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class ImageBank:
    """Images on a device.

    Attributes:
        images_N: (N, channels, height, width) uint8.
    """

    images_N: Tensor

    def __len__(self) -> int:
        return len(self.images_N)

    @property
    def device(self) -> torch.device:
        """Where the images are."""
        return self.images_N.device

    def take(self, index_B: Tensor) -> Tensor:
        """Return (B, channels, height, width) uint8, the images of `index_B` (int64, on the device)."""
        return self.images_N.index_select(0, index_B)

    def cropped(self, pixels: int) -> Self:
        """Return a bank of the images without `pixels` rows and columns at each side."""
        if pixels == 0:
            return self
        return replace(self, images_N=self.images_N[:, :, pixels:-pixels, pixels:-pixels].contiguous())

    def channel_statistics(self, index_N: Tensor | None = None, chunk: int = 8192) -> tuple[Tensor, Tensor]:
        """Return (mean, std), each (channels,) float32 in units of 0 to 255, of all or some images."""
        images_N = self.images_N if index_N is None else self.images_N[index_N.to(self.device)]
        n_channels = images_N.shape[1]
        # A histogram of bytes is exact and needs no floating-point copy of the images.
        counts = torch.zeros(n_channels, 256, dtype=torch.float64)
        for part in images_N.split(chunk):
            for channel in range(n_channels):
                histogram = torch.bincount(part[:, channel].reshape(-1).int(), minlength=256)
                counts[channel] += histogram.cpu()
        values = torch.arange(256, dtype=torch.float64)
        share = counts / counts.sum(1, keepdim=True)
        mean = share @ values
        variance = share @ values.square() - mean.square()
        return mean.float(), variance.clamp_min(0).sqrt().float()
