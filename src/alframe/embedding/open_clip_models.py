"""The image tower of any OpenCLIP network."""

from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from alframe.core.errors import ConfigError
from alframe.embedding.encoder import Encoder, Precision, Preprocessing
from alframe.embedding.weights import hub_file, not_obtained, require_package, sha256

_DEFAULT_FILE = "open_clip_pytorch_model.bin"


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
    require_package("open_clip", "open_clip", "open-clip")
    network, tag = _published(name, pretrained)
    own = network["vision_cfg"].get("image_size", 224)
    path = _weights(f"{name} {pretrained}", tag)
    quick = bool(tag.get("quick_gelu", False))
    return Encoder(
        name=f"open_clip.{name}.{pretrained}",
        load=partial(_load, name, path, size, quick),
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

    if tag.get("hf_hub") and "file" not in tag:
        repository, _, file = tag["hf_hub"].rpartition("/")
        return hub_file(repository, _files(file), "encoder.pretrained", name)
    try:
        return Path(open_clip.download_pretrained(tag))
    except Exception as error:
        how = "Fetch them with this command where there is a network, and copy the cache of Hugging Face."
        raise not_obtained("encoder.pretrained", name, how, error) from error


def _files(named: str) -> list[str]:
    """Return the files that may hold weights, in the order in which OpenCLIP looks for them.

    >>> _files("open_clip_pytorch_model.bin"), _files("ViT-B-32.pth")
    (['open_clip_model.safetensors', 'open_clip_pytorch_model.bin'], ['ViT-B-32.safetensors', 'ViT-B-32.pth'])
    """
    named = named or _DEFAULT_FILE
    safe = "open_clip_model" if named == _DEFAULT_FILE else named[:-4]
    return [f"{safe}.safetensors", named] if named.endswith((".bin", ".pth")) else [named]


def _load(name: str, path: Path, size: int | None, quick_gelu: bool) -> nn.Module:
    import open_clip

    model = open_clip.create_model(
        name, pretrained=str(path), force_image_size=size, force_quick_gelu=quick_gelu
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
