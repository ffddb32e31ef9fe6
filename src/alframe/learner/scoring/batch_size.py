"""Batches that become smaller if memory runs out."""

import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import torch
from torch import Tensor

from alframe.core.errors import EngineWarning

Batch = TypeVar("Batch")


class BatchSize:
    """The number of images in a forward pass; halved permanently if memory runs out."""

    def __init__(self, n: int) -> None:
        """Begin with n images."""
        self.n = n

    def halve(self, error: Exception) -> None:
        """Halve the number; raise `error` if it is 1."""
        if self.n == 1:
            raise error
        self.n //= 2
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        warnings.warn(
            f"learner.scoring_batch_size: out of memory; continuing with {self.n} images at a time.",
            EngineWarning,
            stacklevel=2,
        )


def fitting_batches(
    batches: Callable[[Tensor, int], Iterable[Batch]],
    index_P: Tensor,
    size: BatchSize,
    length: Callable[[Batch], int],
) -> Iterator[Batch]:
    """Yield the batches of `index_P`; after memory runs out, the rest in smaller batches.

    Args:
        batches: makes the batches from (the remaining part of index_P, images per batch), in order.
        index_P: int64. size: images per batch, halved if memory runs out.
        length: returns the number of images in a batch.
    """
    done = 0
    while done < len(index_P):
        try:
            for batch in batches(index_P[done:], size.n):
                yield batch
                done += length(batch)
        except RuntimeError as error:
            if not _out_of_memory(error):
                raise
            size.halve(error)


def _out_of_memory(error: RuntimeError) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)
