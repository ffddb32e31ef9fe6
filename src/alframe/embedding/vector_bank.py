"""The bank of a learner that works on vectors: each one is an image of D channels and one pixel."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import torch
from torch import Tensor

from alframe.core.errors import ConfigError
from alframe.data.image_bank import Bank, ImageBank
from alframe.data.memory_map import MappedBank
from alframe.embedding.vectors import BLOCK, Vectors, fits_memory

MOST_MEASURED = 16_384  # vectors that mean and standard deviation are computed of


@dataclass(frozen=True, eq=False)
class VectorBank:
    """A bank of vectors, which are made when the first batch is wanted.

    Attributes:
        vectors: returns the vectors of all samples.
        n, n_features: their number and that of their features. device: of the batches.
    """

    vectors: Callable[[], Vectors]
    n: int
    n_features: int
    device: torch.device

    @cached_property
    def _bank(self) -> Bank:
        vectors = self.vectors()
        if vectors.table is None:
            return MappedBank(vectors, self.device)
        return ImageBank(vectors.table[:, :, None, None].to(self.device))

    def __len__(self) -> int:
        return self.n

    def fill(self) -> None:
        """Make the vectors now, if they are not made yet; raises what `vectors` raises."""
        _ = self._bank

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(D, 1, 1)."""
        return self.n_features, 1, 1

    @property
    def resident(self) -> bool:
        """True if `take` is a gather on the device."""
        return fits_memory(self.n, self.n_features)

    @property
    def index_device(self) -> torch.device:
        """The device of the indices for `take`."""
        return self.device if self.resident else torch.device("cpu")

    def take(self, index_B: Tensor) -> Tensor:
        """Return (B, D, 1, 1) float16 on the device: the vectors of `index_B` (int64, on `index_device`)."""
        return self._bank.take(index_B)

    def stream(self, index_P: Tensor, batch_size: int) -> Iterator[Tensor]:
        """Yield the vectors of `index_P` (int64, CPU) in order, `batch_size` at a time, on the device."""
        return self._bank.stream(index_P, batch_size)

    def cropped(self, pixels: int) -> Self:
        """Return the bank itself.

        Raises:
            ConfigError: `pixels` is not 0.
        """
        if pixels:
            raise ConfigError("learner.crop", "0, since an encoder sees the whole image", pixels)
        return self

    def channel_statistics(self, index_N: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return (mean, std), each (D,) float32, of all or some vectors.

        They are those of at most 16,384 vectors, evenly spread over the given ones.
        """
        n = self.n if index_N is None else len(index_N)
        some = torch.arange(min(n, MOST_MEASURED)) * n // min(n, MOST_MEASURED)
        some = some if index_N is None else index_N[some]
        total = torch.zeros(2, self.n_features, dtype=torch.float64, device="cpu")
        # Sums about the first vector: they lose no digits if the mean is far from zero.
        first = self.take(some[:1].to(self.index_device)).flatten().cpu().double()
        for vector_B in self.stream(some, BLOCK):
            apart_B = vector_B.flatten(1).cpu().double() - first
            total += torch.stack([apart_B.sum(0), apart_B.square().sum(0)])
        apart, square = total / len(some)
        variance = (square - apart.square()).clamp_min(0)
        return (first + apart).float(), variance.sqrt().float()
