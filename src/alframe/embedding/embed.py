"""Filling a store with the vectors of a data set's images, and reading them.

Axes: N all samples, Q the wanted ones, B a batch, D the features.
"""

import warnings
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from alframe.core.errors import ConfigError, DataError, DataWarning, TrialError
from alframe.data.banks import Images
from alframe.data.decoded import DecodedImages, Progress, UnreadableImages
from alframe.embedding.array_source import ArraySource
from alframe.embedding.encoder import Encoder
from alframe.embedding.file_source import FileSource
from alframe.embedding.runtime import Runtime, make_runtime
from alframe.embedding.segment import Array
from alframe.embedding.source import Batch, Source
from alframe.embedding.store import Store, store_folder
from alframe.embedding.store_writer import Shard, StoreWriter, writing
from alframe.embedding.vectors import Vectors

BATCH_CPU, BATCH_GPU = 32, 256
MOST_PASSES = 6


@dataclass(frozen=True, kw_only=True, eq=False)
class Filled:
    """A store that has the vectors of some samples.

    Attributes:
        store: of the encoder.
        row_Q: int64, the row of each wanted sample, -1 if its file is lost or cannot be read.
        n_new: vectors that were made now.
        reasons: why some files cannot be read, by file.
    """

    store: Store
    row_Q: Tensor
    n_new: int
    reasons: dict[Path, str]


def embedded(
    images_N: Images,
    encoder: Encoder,
    *,
    folder: Path,
    index: Tensor,
    device: torch.device,
    runtime: str,
    progress: Progress,
) -> Vectors:
    """Return the vectors of all samples. Those of `index` that the store lacks are made now.

    Args:
        images_N: of all samples. encoder: turns them into vectors.
        folder: of the stores of all encoders.
        index: int64, ascending: the samples that are wanted; the vectors of the others are zeros.
        device: of the encoder. runtime: as in `make_runtime`.
        progress: called with ("encode", done, total) while images are encoded.

    Raises:
        UnreadableImages: some files cannot be read. All others are encoded and kept.
        ConfigError: the network's vectors have another number of features than the encoder says.
        DataError: the encoder gives a vector that has NaN or infinity.
        TrialError: the disk is full or has failed; what is encoded is kept.
    """
    filled = fill(
        images_N, encoder, folder=folder, index=index, device=device, runtime=runtime, progress=progress
    )
    if filled.reasons:
        raise UnreadableImages(filled.reasons, len(images_N))
    row_N = torch.full((len(images_N),), -1)
    row_N[index] = filled.row_Q
    return filled.store.vectors(row_N)


def fill(
    images_N: Images,
    encoder: Encoder,
    *,
    folder: Path,
    index: Tensor,
    device: torch.device,
    runtime: str,
    progress: Progress,
    shard: Shard | None = None,
) -> Filled:
    """Make the vectors that a store lacks, as `embedded` does; unreadable files raise no error.

    Args:
        shard: makes only those of this part of `index`, beside other processes.
    """
    store = Store(store_folder(folder, encoder), encoder.n_features)
    index = index if shard is None else index[shard[0] :: shard[1]]
    source = _source(images_N, index, encoder, device, store)
    n_new = 0
    if _missing(store, source):
        _tell_grey(images_N)
        with writing(store, shard) as writer:
            n_new = _encode(store, source, writer, _LazyEncoder(encoder, device, runtime, source), progress)
    _settle(images_N, source)
    return Filled(
        store=store,
        row_Q=store.find(source.digests()),
        n_new=n_new,
        reasons=source.reasons,
    )


def _encode(
    store: Store, source: Source, writer: StoreWriter, vectors_of: "_LazyEncoder", progress: Progress
) -> int:
    """Encode what a store lacks, and return how many vectors were made."""
    n_new = 0
    # Again, because reading files may show that all of them have another range, or that a copy is unreadable.
    for _ in range(MOST_PASSES):
        wanted = _missing(store, source)
        if not wanted:
            return n_new
        with closing(source.batches(wanted, vectors_of.batch_size, writer)) as batches:
            for batch in batches:
                for digest, vector in zip(batch.digest_B, vectors_of(batch), strict=True):
                    writer.add(digest, vector)
                n_new += len(batch.digest_B)
                progress("encode", batch.n_done, len(wanted))
        writer.flush()
        store.refresh()
    raise TrialError(f"{store.folder}: expected the vectors that were just written. Check the disk.")


class _LazyEncoder:
    """The vectors of batches, by an encoder that is loaded with the first batch."""

    def __init__(self, encoder: Encoder, device: torch.device, runtime: str, source: Source) -> None:
        self._encoder, self._device, self._name, self._source = encoder, device, runtime, source
        self.batch_size = BATCH_CPU if device.type == "cpu" else BATCH_GPU

    @cached_property
    def _runtime(self) -> Runtime:
        return make_runtime(self._encoder, self._device, self._name)

    def __call__(self, batch: Batch) -> Array:
        """Return (B, D) float16 on the CPU.

        Raises:
            ConfigError: the network returns something else than one vector of D features for each image.
            DataError: a vector has NaN or infinity.
        """
        shape = (len(batch.digest_B), self._encoder.n_features)
        if not batch.digest_B:
            return np.empty(shape, np.float16)
        vector_BD = self._runtime(batch.input_B)
        if vector_BD.shape != shape:
            expected = f"a network that returns {shape[0]} x {shape[1]} numbers for {shape[0]} images"
            got = f"{' x '.join(map(str, vector_BD.shape))} of {self._encoder.name}"
            raise ConfigError(
                "encoder", expected, got, "n_features of the Encoder must be the number of features."
            )
        if self._encoder.mirrored:
            vector_BD = (vector_BD + self._runtime(batch.input_B.flip(3))) / 2
        half_BD = vector_BD.to(torch.float16).cpu()
        wrong = (~half_BD.isfinite().all(1)).nonzero().flatten().tolist()
        if wrong:
            raise DataError(
                f"encoder: expected finite numbers below 65,504, but {self._encoder.name} gives others for "
                f"{self._source.name(batch.position_B[wrong[0]])}. Leave this image out, or choose another "
                "encoder."
            )
        return half_BD.numpy()


def _source(images_N: Images, index: Tensor, encoder: Encoder, device: torch.device, store: Store) -> Source:
    if isinstance(images_N, DecodedImages):
        return FileSource(images_N, index, encoder.preprocessing, device, store)
    return ArraySource(images_N, index, encoder.preprocessing, device)


def _missing(store: Store, source: Source) -> list[int]:
    """Return the positions of the samples to read: each content once, as far as it is known."""
    digest_Q = source.digests()
    lacking = (store.find(digest_Q).numpy() < 0) & source.can_be_read()
    unknown = lacking & (digest_Q == b"")
    known = np.flatnonzero(lacking & ~unknown)
    first = known[np.unique(digest_Q[known], return_index=True)[1]]
    return sorted([*np.flatnonzero(unknown).tolist(), *first.tolist()])


def _settle(images_N: Images, source: Source) -> None:
    """Scale test images by the range that the images were scaled by."""
    if isinstance(images_N, DecodedImages) and isinstance(source, FileSource) and not images_N.is_test:
        images_N.shared.settle(source.grey_range)


def _tell_grey(images_N: Images) -> None:
    if images_N.shape[1] == 1:
        warnings.warn(
            "encoder: the images are grey. The encoder gets each one as red, green and blue.",
            DataWarning,
            stacklevel=4,
        )
