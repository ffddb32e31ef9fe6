"""A pool larger than memory: images stay in their file, and batches are read from a memory map.

Only a window of the file is in memory, whose size does not depend on the file. Scoring reads one batch ahead
in its own thread. On CUDA it uses two pinned buffers; a buffer is filled again only after its copy is done.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self, TypeVar

import numpy as np
import torch
from torch import Tensor

from alframe.data.image_bank import channel_statistics
from alframe.data.mapped_rows import MappedRows

CHUNK = 2 * 2**20  # bytes of images in one step of the statistics

Array = TypeVar("Array", np.ndarray[Any, Any], Tensor)


def channels_first(images: Array) -> Array:
    """Return a view (N, channels, height, width) of (N, height, width) or (N, height, width, channels).

    >>> channels_first(np.zeros((5, 28, 28, 3))).shape
    (5, 3, 28, 28)
    """
    if images.ndim == 3:
        return images[:, None]
    if images.ndim == 4 and images.shape[3] in (1, 3) and images.shape[1] not in (1, 3):
        return images.swapaxes(2, 3).swapaxes(1, 2)
    return images


class MappedImages:
    """Images in a file, read on demand through `MappedRows`; they replace the tensor of an `ImageDataset`."""

    dtype = torch.uint8

    def __init__(self, stored: np.memmap[Any, Any], row_N: Sequence[int] | None = None) -> None:
        """Wrap a memory map that is C-contiguous, uint8 and of a shape that `channels_first` accepts.

        Args:
            stored: the memory map.
            row_N: the row of each image, -1 for an image of zeros; None takes the rows as they are.
        """
        self._memmap, self._rows = stored, MappedRows(stored)
        self._row_N = None if row_N is None else torch.tensor(row_N, dtype=torch.int64)
        n = len(self._rows) if row_N is None else len(row_N)
        self.shape = (n, *channels_first(self._rows.stored).shape[1:])

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: int) -> Tensor:
        """Return the (channels, height, width) uint8 image of an index."""
        row = index if self._row_N is None else int(self._row_N[index])
        if row < 0 and self._row_N is not None:
            return torch.zeros(self.shape[1:], dtype=torch.uint8)
        return channels_first(torch.from_numpy(self._rows.stored[[row]]))[0]

    def arranged(self, position_N: Sequence[int]) -> "MappedImages":
        """Return the images in another order; -1 stands for an image of zeros."""
        before_N = range(len(self)) if self._row_N is None else self._row_N.tolist()
        return MappedImages(self._memmap, [before_N[at] if at >= 0 else -1 for at in position_N])

    def read_into(self, out_B: Tensor, index_B: Tensor, pixels: int = 0) -> None:
        """Write the images of `index_B` (int64, CPU), without `pixels` at each side, into `out_B`."""
        row_B = index_B if self._row_N is None else self._row_N[index_B]
        for start, rows in self._rows.read(row_B.clamp(min=0)):
            images = channels_first(torch.from_numpy(rows))
            height, width = images.shape[2] - pixels, images.shape[3] - pixels
            out_B[start : start + len(images)] = images[:, :, pixels:height, pixels:width]
        if self._row_N is not None:
            out_B[row_B < 0] = 0


class Mapped(Protocol):
    """Samples of one shape and type in a file, such as `MappedImages`."""

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, channels, height, width)."""
        ...

    @property
    def dtype(self) -> torch.dtype:
        """Type of the values."""
        ...

    def __len__(self) -> int: ...

    def read_into(self, out_B: Tensor, index_B: Tensor, pixels: int = 0) -> None:
        """Write the samples of `index_B` (int64, CPU), without `pixels` at each side, into `out_B`."""
        ...


@dataclass(frozen=True, eq=False)
class MappedBank:
    """A bank that reads batches from a file.

    Attributes:
        images: of all samples, or their vectors.
        device: of the batches.
        pixels: how many rows and columns are left out at each side.
    """

    images: Mapped
    device: torch.device
    pixels: int = 0
    resident = False
    index_device = torch.device("cpu")

    def __len__(self) -> int:
        return len(self.images)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(channels, height, width)."""
        n_channels, height, width = self.images.shape[1:]
        return n_channels, height - 2 * self.pixels, width - 2 * self.pixels

    def take(self, index_B: Tensor) -> Tensor:
        """Return (B, channels, height, width) on the device, the images of `index_B` (int64, CPU)."""
        # torch reuses a pinned block only after the copies from it are done.
        image_B = self._empty(len(index_B))
        self.images.read_into(image_B, index_B, self.pixels)
        return image_B.to(self.device, non_blocking=self.device.type == "cuda")

    def stream(self, index_P: Tensor, batch_size: int) -> Iterator[Tensor]:
        """Yield the images of `index_P` (int64, CPU) in that order, `batch_size` at a time, on the device.

        A thread reads the next batch in the meantime. It ends with the iterator, also after an error.
        """
        if len(index_P) == 0:
            return
        starts = range(0, len(index_P), batch_size)
        buffers = _Buffer(self, min(batch_size, len(index_P))), _Buffer(self, min(batch_size, len(index_P)))
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="alframe-reader") as reader:
            ahead = reader.submit(buffers[0].fill, index_P[:batch_size])
            for n, start in enumerate(starts, start=1):
                ahead.result()
                if n < len(starts):
                    following = index_P[start + batch_size :][:batch_size]
                    ahead = reader.submit(buffers[n % 2].fill, following)
                yield buffers[(n - 1) % 2].deliver()

    def cropped(self, pixels: int) -> Self:
        """Return a bank of the images without `pixels` rows and columns at each side; nothing is copied."""
        return self if pixels == 0 else replace(self, pixels=self.pixels + pixels)

    def channel_statistics(self, index_N: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return (mean, std), each (channels,) float32 in units of 0 to 255, of all or some images."""
        if index_N is None:
            index_N = torch.arange(len(self))
        n_channels, height, width = self.image_shape
        chunk = max(1, CHUNK // (n_channels * height * width))
        return channel_statistics(self.stream(index_N, chunk), n_channels)

    def _empty(self, n: int) -> Tensor:
        pinned = self.device.type == "cuda"
        # An ordinary tensor even in inference mode: the reader thread, which writes it, is not in that mode.
        with torch.inference_mode(False):
            return torch.empty((n, *self.image_shape), dtype=self.images.dtype, pin_memory=pinned)


class _Buffer:
    """One of the two buffers of a stream: the reader fills it and the consumer delivers it."""

    def __init__(self, bank: MappedBank, batch_size: int) -> None:
        self._bank = bank
        self._on_cuda = bank.device.type == "cuda"
        # Pinned memory is slow to allocate, so it is reused. On other devices each batch is a new tensor.
        self._pinned = bank._empty(batch_size) if self._on_cuda else None
        self._copied = torch.cuda.Event() if self._on_cuda else None
        self._image_B = torch.empty(0)

    def fill(self, index_B: Tensor) -> None:
        """Read a batch, after the copy of the previous batch is done."""
        if self._pinned is not None and self._copied is not None:
            self._copied.synchronize()
            self._image_B = self._pinned[: len(index_B)]
        else:
            self._image_B = self._bank._empty(len(index_B))
        self._bank.images.read_into(self._image_B, index_B, self._bank.pixels)

    def deliver(self) -> Tensor:
        """Return the batch on the device; on CUDA the copy and its event are queued on the current stream."""
        image_B = self._image_B.to(self._bank.device, non_blocking=self._on_cuda)
        if self._copied is not None:
            self._copied.record(torch.cuda.current_stream(self._bank.device))
        return image_B
