"""Which encoder and learner the data of a trial call for, and which keys of the learner the data decide."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from alframe.config.by_data import chosen_by_data
from alframe.config.compose import composed
from alframe.config.validate import ENCODER_NETWORK, ENCODER_OF_AUTO
from alframe.core.errors import ConfigError, TrialNotice
from alframe.core.optional_package import MissingPackage
from alframe.data import ImageDataset
from alframe.trial.data import TrialData
from alframe.trial.instantiate import instantiate
from alframe.trial.settings import Node, encoder_settings, trained_encoder
from alframe.trial.state import TrialState

_CHOSEN = ("encoder", "learner")  # groups whose option the data can decide


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

    `encoder=auto` takes its encoder for photographs if the learner is a head, or if the learner is the
    default one and the encoder is installed. With an encoder, the default learner is replaced by a head.

    Args:
        config: the resolved config.

    Raises:
        ConfigError: the learner and the encoder do not fit each other.
    """
    node, learner = config["encoder"], config["learner"]
    if config["network"]["_target_"] == ENCODER_NETWORK:
        return LearnerChoice(encoder=trained_encoder(node), learner=learner)
    wanted: Node | None = None if node["_target_"] is None else node
    offered: Node | None = node.get(ENCODER_OF_AUTO)
    if wanted is None and offered and _are_photographs(dataset, node["least_side"]):
        with_encoder = _is_head(learner) or (_is_default(config) and _is_installed(offered))
        wanted = offered if with_encoder else None
    if wanted is not None and _is_default(config):
        learner = _composed("learner=head")["learner"]
    _check_fit(wanted, learner, is_auto=offered is not None)
    if wanted is not None and _own_settings(config["network"]) != _own_settings(_composed()["network"]):
        raise ConfigError(
            "network",
            "none, since a head is a network of its own",
            config["network"]["_target_"],
            "Leave it out. learner.network._target_ names another network of the head.",
        )
    return LearnerChoice(encoder=wanted, learner=learner)


def _is_default(config: Mapping[str, Any]) -> bool:
    """Return whether learner and network are those of the plain command."""
    return all(
        _own_settings(config[part]) == _own_settings(_composed()[part]) for part in ("learner", "network")
    )


def _own_settings(node: Node) -> Node:
    """Return the settings of a learner or network that the data set does not decide."""
    return {key: value for key, value in node.items() if key != "crop"}


def _is_head(learner: Node) -> bool:
    return "network" in learner


def _check_fit(encoder: Node | None, learner: Node, *, is_auto: bool) -> None:
    """Raise `ConfigError` for a head without an encoder, or an encoder whose vectors nothing learns from."""
    if encoder is None and _is_head(learner):
        raise ConfigError(
            "encoder",
            "an encoder, since the learner is a head on its vectors",
            "auto, which takes none for small grey images" if is_auto else "none",
            "Write encoder=efficientnet_lite0, or learner=fast to learn from pixels.",
        )
    if encoder is not None and not _is_head(learner):
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
    except MissingPackage:
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


def with_chosen_learner(
    config: dict[str, Any], dataset: ImageDataset, state: TrialState | None
) -> dict[str, Any]:
    """Return the config with the encoder and the learner that the data call for.

    Args:
        config: the resolved config. state: that of a trial that is resumed, whose choice is kept; or None.

    Raises:
        ConfigError: the learner and the encoder do not fit each other.
    """
    if state is not None:
        return {**config, **{key: state.chosen[key] for key in _CHOSEN if key in state.chosen}}
    choice = choose_learner(config, dataset)
    return {**config, "learner": choice.learner, "encoder": choice.encoder or {"_target_": None}}


def chosen_nodes(given: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the nodes of the encoder and the learner that are not those of the given config."""
    return {key: config[key] for key in _CHOSEN if config[key] != given[key]}


def chosen_keys(config: Mapping[str, Any], data: TrialData, state: TrialState | None) -> dict[str, Any]:
    """Return the learner's keys that the data decide, with their values; when resumed, the same."""
    if state is not None and "recipe" in state.chosen:
        return dict(state.chosen["recipe"])
    n_channels = data.dataset.images_N.shape[1]
    return chosen_by_data(config, n_samples=int(data.member_N.sum()), n_channels=n_channels)
