"""The images of a data set as input of an encoder: the interface of `ArraySource` and `FileSource`.

Axes: Q the wanted samples, B a batch.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from torch import Tensor

from alframe.embedding.segment import Array
from alframe.embedding.store_writer import StoreWriter


@dataclass(frozen=True, kw_only=True, eq=False)
class Batch:
    """Input of an encoder.

    Attributes:
        input_B: (B, 3, height, width) float32 on the device; B may be 0.
        digest_B: of the images. position_B: of the samples among the wanted ones.
        n_done: samples that are done with this batch and those before, also if they needed no encoding.
    """

    input_B: Tensor
    digest_B: Sequence[bytes]
    position_B: Sequence[int]
    n_done: int


class Source(Protocol):
    """The wanted samples of a data set.

    Attributes:
        reasons: why some files cannot be read, by file.
    """

    reasons: dict[Path, str]

    def digests(self) -> Array:
        """Return (Q,) digests under which the vectors are stored; empty if an image's is not known yet."""
        ...

    def can_be_read(self) -> Array:
        """Return (Q,) bool: False for files that are lost or cannot be read."""
        ...

    def batches(self, wanted: Sequence[int], size: int, writer: StoreWriter) -> Generator[Batch]:
        """Yield the input for the samples at some positions, at most `size` at a time."""
        ...

    def name(self, position: int) -> str:
        """Return the name of a sample for an error."""
        ...
