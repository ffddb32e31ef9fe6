"""The image tower of any OpenCLIP network."""

from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from alframe.core.errors import ConfigError
from alframe.embedding.encoder import Encoder, Precision, Preprocessing
from alframe.embedding.weights import not_obtained, require, sha256


class ImageTower(nn.Module):
    """(B, 3, height, width) to (B, D): the image tower of a network of OpenCLIP."""

    def __init__(self, visual: nn.Module) -> None:
        super().__init__()
        self.visual = visual

    def forward(self, input_B: Tensor) -> Tensor:
        """Return the projected features; some towers return those of the patches too."""
        output = self.visual(input_B)
        return output[0] if isinstance(output, tuple) else output


def open_clip_model(
    *, name: str, pretrained: str, size: int | None, mirrored: bool, precision: Precision
) -> Encoder:
    """Return an encoder of OpenCLIP; its weights are fetched if they are not in the cache.

    Args:
        name: of the network, such as ViT-B-32. pretrained: the tag of its weights, such as laion2b_s34b_b79k.
        size: side of the input in pixels; None takes that of the weights.
        mirrored, precision: as in `Encoder`.

    Raises:
        ConfigError: open_clip_torch is not installed, has no such weights, or they cannot be
            downloaded.
    """
    require("open_clip", "open_clip", "open-clip")
    network, tag = _published(name, pretrained)
    own = network["vision_cfg"].get("image_size", 224)
    path = _weights(f"{name} {pretrained}", tag)
    quick = bool(tag.get("quick_gelu", False))
    return Encoder(
        name=f"open_clip.{name}.{pretrained}",
        load=partial(_load, name, pretrained, size, quick),
        n_features=network["embed_dim"],
        preprocessing=_preprocessing(tag, size or own),
        weights_digest=sha256(path),
        mirrored=mirrored,
        precision=precision,
    )


def _published(name: str, pretrained: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what OpenCLIP knows about a network and about its weights."""
    import open_clip

    network = open_clip.get_model_config(name) if name in open_clip.list_models() else None
    if network is None:
        hint = "open_clip.list_models() lists them."
        raise ConfigError("encoder.name", "the name of a network of OpenCLIP", name, hint)
    tag = open_clip.get_pretrained_cfg(name, pretrained)
    if not tag:
        tags = ", ".join(open_clip.list_pretrained_tags_by_model(name)) or "none"
        raise ConfigError("encoder.pretrained", f"a tag of weights of {name}", pretrained, f"It has {tags}.")
    return network, tag


def _weights(name: str, tag: dict[str, Any]) -> Path:
    import open_clip

    try:
        return Path(open_clip.download_pretrained(tag))
    except Exception as error:
        how = "Fetch them with this command where there is a network, and copy the cache of Hugging Face."
        raise not_obtained("encoder.pretrained", name, how, error) from error


def _load(name: str, pretrained: str, size: int | None, quick_gelu: bool) -> nn.Module:
    import open_clip

    model = open_clip.create_model(
        name, pretrained=pretrained, force_image_size=size, force_quick_gelu=quick_gelu
    )
    return ImageTower(model.visual).eval()


def _preprocessing(tag: dict[str, Any], size: int | tuple[int, int]) -> Preprocessing:
    from open_clip.transform import PreprocessCfg, merge_preprocess_dict

    config = PreprocessCfg(**merge_preprocess_dict(PreprocessCfg(), tag))
    return Preprocessing(
        size=(size, size) if isinstance(size, int) else (size[0], size[1]),
        crop_share=1.0,
        keep_shape=config.resize_mode != "squash",
        interpolation="bilinear" if config.interpolation == "bilinear" else "bicubic",
        mean=tuple(config.mean),
        std=tuple(config.std),
    )
