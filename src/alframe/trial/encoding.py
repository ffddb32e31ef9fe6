"""The encoder of a trial, and the bank of its vectors; which encoder and learner the data call for.

With an encoder, the learner's bank holds one vector for each image. Everything else works on images.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from alframe.config.compose import composed
from alframe.config.validate import ENCODER_NETWORK, ENCODER_OF_AUTO
from alframe.core.errors import ConfigError, TrialNotice
from alframe.data import Bank, ImageDataset, Images, make_bank
from alframe.data.decoded import Progress
from alframe.embedding import Encoder, GivenVectors, VectorBank, Vectors
from alframe.embedding.embed import embedded
from alframe.learner.heads import StandardVectors
from alframe.trial.instantiate import instantiate
from alframe.trial.settings import Node, TrialSettings, encoder_settings, trained_encoder

ROWS = 4096  # vectors that are standardised at once


@dataclass(frozen=True, kw_only=True)
class LearnerChoice:
    """The encoder and the learner of a trial.

    Attributes:
        encoder: the node of the encoder, None without one. learner: the node of the learner.
    """

    encoder: Node | None
    learner: Node


def choose_learner(config: Mapping[str, Any], dataset: ImageDataset) -> LearnerChoice:
    """Return the encoder and the learner that a config and the data call for.

    `encoder=auto` takes its encoder for photographs, if it is installed and the learner is the default one.
    With an encoder, the default learner is replaced by a head.

    Args:
        config: the resolved config.

    Raises:
        ConfigError: the learner and the encoder do not fit each other.
    """
    node, learner = config["encoder"], config["learner"]
    if config["network"]["_target_"] == ENCODER_NETWORK:
        return LearnerChoice(encoder=trained_encoder(node), learner=learner)
    is_default = all(_own(config[part]) == _own(_composed()[part]) for part in ("learner", "network"))
    wanted: Node | None = None if node["_target_"] is None else node
    offered: Node | None = node.get(ENCODER_OF_AUTO)
    if wanted is None and offered and is_default and _are_photographs(dataset, node["least_side"]):
        wanted = offered if _is_installed(offered) else None
    if wanted is not None and is_default:
        learner = _composed("learner=head")["learner"]
    check_fit(wanted, learner)
    return LearnerChoice(encoder=wanted, learner=learner)


def _own(node: Node) -> Node:
    """Return the settings of a learner or network that the data set does not decide."""
    return {key: value for key, value in node.items() if key != "crop"}


def check_fit(encoder: Node | None, learner: Node) -> None:
    """Raise `ConfigError` for a head without an encoder, or an encoder whose vectors nothing learns from."""
    if encoder is None and "network" in learner:
        raise ConfigError(
            "encoder",
            "an encoder, since the learner is a head on its vectors",
            "none",
            "Write encoder=efficientnet_lite0, or learner=fast to learn from pixels.",
        )
    if encoder is not None and "network" not in learner:
        raise ConfigError(
            "learner",
            "a head, since the encoder turns images into vectors",
            learner["_target_"],
            "Write learner=head, or encoder=none to learn from pixels.",
        )


def _are_photographs(dataset: ImageDataset, least_side: int) -> bool:
    _, n_channels, height, width = dataset.images_N.shape
    return n_channels == 3 or max(height, width) >= least_side


def _is_installed(node: Node) -> bool:
    try:
        instantiate("encoder", encoder_settings(node), [])
    except ConfigError:
        warnings.warn(
            "these images look like photographs, and no encoder is installed. Without one, a small network "
            "learns from the pixels: it needs many more hand labels and errs more often. Write "
            "pip install 'alframe[encoder-small]', or encoder=none for no such line.",
            TrialNotice,
            stacklevel=2,
        )
        return False
    return True


@cache
def _composed(*overrides: str) -> dict[str, Any]:
    return composed(list(overrides))


def build_encoder(settings: TrialSettings) -> Encoder | GivenVectors | None:
    """Return the encoder of a trial, or None; its network is not loaded yet.

    Raises:
        ConfigError: it cannot be had; the message says what it needs.
    """
    if settings.encoder is None:
        return None
    return _encoder(settings.encoder, settings)


def check_encoder(settings: TrialSettings) -> None:
    """Raise `ConfigError` if the encoder of a trial or of its network cannot be had."""
    node = settings.encoder or settings.learner.network.get("encoder")
    if node is not None:
        _encoder(node, settings)


def _encoder(node: Node, settings: TrialSettings) -> Encoder | GivenVectors:
    encoder = instantiate("encoder", encoder_settings(node), settings.trusted)
    if not isinstance(encoder, Encoder | GivenVectors):
        raise ConfigError("encoder._target_", "a function that returns an Encoder", type(encoder).__name__)
    return encoder


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
    """
    test_T = dataset.test_images_T

    def bank(images_N: Images, index: Tensor, files_N: Sequence[str] | None, *, is_test: bool) -> Bank:
        vectors: Callable[[], Vectors]
        if encoder is None:
            return make_bank(images_N, device, progress).cropped(settings.learner.crop)
        if isinstance(encoder, GivenVectors):
            given = encoder.vectors(len(images_N), is_test=is_test, files_N=files_N)
            vectors = partial(_itself, given)
        else:
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

    samples = bank(dataset.images_N, member_N.nonzero().flatten(), dataset.files_N, is_test=False)
    if test_T is None:
        return samples, None
    return samples, bank(test_T, torch.arange(len(test_T)), None, is_test=True)


def _itself(vectors: Vectors) -> Vectors:
    return vectors


def standard_vectors(bank: Bank, member_N: Tensor) -> Callable[[Tensor], Tensor]:
    """Return a function that maps n int64 indices to their standardised vectors, (n, D) float32, CPU.

    Args:
        bank: of vectors. member_N: bool, the samples whose mean and standard deviation are used.
    """
    scale: list[StandardVectors] = []

    def vectors(index: Tensor) -> Tensor:
        if not scale:
            scale.append(StandardVectors(*bank.channel_statistics(member_N.nonzero().flatten())))
        parts = [scale[0](vector_B.cpu().float()) for vector_B in bank.stream(index, ROWS)]
        return torch.cat(parts) if parts else torch.empty(0, bank.image_shape[0])

    return vectors
