"""The encoder of a trial, and the banks of its vectors.

With an encoder, the learner's bank holds one vector for each image. Everything else works on images.
"""

from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path

import torch
from torch import Tensor

from alframe.core.errors import ConfigError
from alframe.data import Bank, ImageDataset, Images, make_bank
from alframe.data.decoded import Progress
from alframe.embedding import Encoder, GivenVectors, VectorBank
from alframe.embedding.embed import embedded
from alframe.learner.heads import StandardVectors
from alframe.trial.instantiate import instantiate
from alframe.trial.settings import Node, TrialSettings, encoder_settings

ROWS = 4096  # vectors that are standardised at once


def build_encoder(settings: TrialSettings) -> Encoder | GivenVectors | None:
    """Return the encoder of a trial, or None; its network is not loaded yet.

    Raises:
        ConfigError: it is not available; the message says what it needs.
    """
    if settings.encoder is None:
        return None
    return make_encoder(settings.encoder, settings)


def check_encoder(settings: TrialSettings) -> None:
    """Raise `ConfigError` if the encoder of a trial or of its network is not available."""
    node = settings.encoder or settings.learner.network.get("encoder")
    if node is not None:
        make_encoder(node, settings)


def make_encoder(node: Node, settings: TrialSettings) -> Encoder | GivenVectors:
    """Return the encoder of a node of the config; its network is not loaded yet.

    Raises:
        ConfigError: as `build_encoder`.
    """
    encoder = instantiate("encoder", encoder_settings(node), settings.trusted)
    if not isinstance(encoder, Encoder | GivenVectors):
        raise ConfigError("encoder._target_", "a function that returns an Encoder", type(encoder).__name__)
    return encoder


def encoder_identity(encoder: Encoder | GivenVectors | None, *, may_grow: bool) -> str | None:
    """Return what must be the same if a trial is resumed, or None without an encoder.

    Args:
        may_grow: images can be added, and with them rows of given vectors; only the number of their features
            must then be the same.
    """
    if encoder is None:
        return None
    is_table = isinstance(encoder, GivenVectors)
    return f"{encoder.n_features} features" if may_grow and is_table else encoder.identity


def banks_of(
    settings: TrialSettings,
    dataset: ImageDataset,
    member_N: Tensor,
    encoder: Encoder | GivenVectors | None,
    device: torch.device,
    progress: Progress,
) -> tuple[Bank, Bank | None]:
    """Return the banks that the learner reads: of the samples, and of the test set or None.

    They hold images, or vectors that are computed when they are first needed.

    Args:
        member_N: bool, the samples that take part; only these are encoded.
        encoder: as `build_encoder` returns it.
        device: of the banks. progress: told about reading and encoding.

    Raises:
        ConfigError: vectors are given that are not those of the data set.
    """
    read = partial(_bank, settings, encoder, device, progress)
    samples = read(dataset.images_N, member_N.nonzero().flatten(), dataset.files_N, is_test=False)
    test_T = dataset.test_images_T
    if test_T is None:
        _check_no_test_vectors(encoder)
        return samples, None
    return samples, read(test_T, torch.arange(len(test_T)), None, is_test=True)


def _check_no_test_vectors(encoder: Encoder | GivenVectors | None) -> None:
    if isinstance(encoder, GivenVectors) and encoder.test_TD is not None:
        hint = "Write encoder.test_path=null, or give the test set too, such as data.test_path for a folder."
        got = f"{len(encoder.test_TD):,} vectors"
        raise ConfigError("encoder.test_path", "null, since the data set has no test set", got, hint)


def _bank(
    settings: TrialSettings,
    encoder: Encoder | GivenVectors | None,
    device: torch.device,
    progress: Progress,
    images_N: Images,
    index: Tensor,
    files_N: Sequence[str] | None,
    *,
    is_test: bool,
) -> Bank:
    if encoder is None:
        return make_bank(images_N, device, progress).cropped(settings.learner.crop)
    if isinstance(encoder, GivenVectors):
        given = encoder.vectors(len(images_N), is_test=is_test, files_N=files_N)
        return VectorBank(lambda: given, len(images_N), encoder.n_features, device)
    vectors = partial(
        embedded,
        images_N,
        encoder,
        folder=Path(settings.embeddings_dir).expanduser(),
        index=index,
        device=device,
        runtime=(settings.encoder or {}).get("runtime", "auto"),
        progress=progress,
    )
    return VectorBank(vectors, len(images_N), encoder.n_features, device)


def encode_now(*banks: Bank | None) -> None:
    """Make the vectors of banks that would make them when they are first read.

    Raises:
        UnreadableImages: some files cannot be read.
    """
    for bank in banks:
        if isinstance(bank, VectorBank):
            bank.fill()


def standard_vectors(bank: Bank, member_N: Tensor) -> Callable[[Tensor], Tensor]:
    """Return a function that maps n int64 indices to their standardised vectors, (n, D) float32, CPU.

    Args:
        bank: of vectors. member_N: bool, the samples whose mean and standard deviation are used.
    """

    @cache
    def scale() -> StandardVectors:
        return StandardVectors(*bank.channel_statistics(member_N.nonzero().flatten()))

    def vectors(index: Tensor) -> Tensor:
        parts = [scale()(vector_B.cpu().float()) for vector_B in bank.stream(index, ROWS)]
        return torch.cat(parts) if parts else torch.empty(0, bank.image_shape[0])

    return vectors
