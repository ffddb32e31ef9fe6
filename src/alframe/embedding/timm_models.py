"""Any image network of timm with its published weights and its own preprocessing."""

from collections.abc import Mapping
from contextlib import suppress
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from alframe._text import one_line
from alframe.core.errors import ConfigError
from alframe.embedding.encoder import Encoder, Precision, Preprocessing
from alframe.embedding.weights import hub_file, require_package, sha256, torch_hub_file, without_weights


def timm_model(*, name: str, size: int | None, mirrored: bool, precision: Precision) -> Encoder:
    """Return an encoder of timm; its weights are fetched if they are not in the cache of Hugging Face.

    Args:
        name: of the network and its weights, such as vit_small_patch14_dinov2.lvd142m.
        size: side of the input in pixels; None takes that of the weights.
        mirrored, precision: as in `Encoder`.

    Raises:
        ConfigError: timm is not installed, or has no such weights; or they cannot be downloaded; or the
            network takes no such size.
    """
    require_package("timm", "timm", "timm")
    published = _published(name)
    overlay = {} if size is None else {"input_size": (3, size, size)}
    preprocessing = _preprocessing(published | overlay)
    n_features = measure_timm(name, overlay, preprocessing.size)
    path = _weights(name, published)
    return Encoder(
        name=f"timm.{published['architecture']}.{published['tag']}",
        load=partial(_load, name, overlay | {"file": str(path)}),
        n_features=n_features,
        preprocessing=preprocessing,
        weights_digest=sha256(path),
        mirrored=mirrored,
        precision=precision,
    )


def build_timm(name: str, **settings: Any) -> nn.Module:
    """Return a network of timm without its classifier, with random weights unless `settings` name others."""
    import timm

    return timm.create_model(name, num_classes=0, **settings)


def measure_timm(name: str, overlay: Mapping[str, Any], size: tuple[int, int]) -> int:
    """Return the number of features of a network of timm.

    Raises:
        ConfigError: it does not take images of this size, or has no single vector of features.
    """

    def output() -> torch.Tensor:
        network = build_timm(name, pretrained_cfg_overlay=dict(overlay)).eval()
        with torch.inference_mode():
            return network(torch.zeros(1, 3, *size))

    try:
        feature_1D = without_weights(output)
    except Exception as error:
        raise ConfigError("encoder.size", f"a size that {name} takes: {one_line(error)}", size[0]) from error
    if feature_1D.ndim != 2:
        raise ConfigError("encoder.name", "a network with one vector of features for an image", name)
    return feature_1D.shape[1]


def _published(name: str) -> dict[str, Any]:
    """Return what timm knows about some weights."""
    import timm

    found = None
    with suppress(RuntimeError):  # no such tag
        found = timm.get_pretrained_cfg(name)
    if found is None or not found.has_weights:
        similar = get_close_matches(name, timm.list_pretrained())
        hint = f"Similar names: {', '.join(similar)}." if similar else "timm.list_pretrained() lists them."
        raise ConfigError("encoder.name", "a network of timm that has published weights", name, hint)
    return found.to_dict()


def _weights(name: str, published: Mapping[str, Any]) -> Path:
    repository, given = published.get("hf_hub_id"), published.get("hf_hub_filename")
    if repository:
        files = [given] if given else ["model.safetensors", "pytorch_model.bin"]
        return hub_file(repository, files, "encoder.name", name)
    return torch_hub_file(published["url"], "encoder.name", name)


def _load(name: str, overlay: dict[str, Any]) -> nn.Module:
    return build_timm(name, pretrained=True, pretrained_cfg_overlay=overlay).eval()


def _preprocessing(published: Mapping[str, Any]) -> Preprocessing:
    from timm.data import resolve_data_config

    config = resolve_data_config(pretrained_cfg=dict(published))
    return Preprocessing(
        size=config["input_size"][1:],
        crop_share=config["crop_pct"],
        keep_shape=config["crop_mode"] != "squash",
        interpolation="bilinear" if config["interpolation"] == "bilinear" else "bicubic",
        mean=config["mean"],
        std=config["std"],
    )
