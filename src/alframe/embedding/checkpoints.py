"""An encoder from a file of one's own: a program of torch, or the weights of a known network."""

import warnings
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from alframe._text import one_line
from alframe.core.errors import ConfigError
from alframe.embedding.encoder import Encoder, Precision, Preprocessing
from alframe.embedding.timm_models import build_timm
from alframe.embedding.torchvision_models import build_torchvision
from alframe.embedding.weights import require_package, sha256

_NESTED = ("state_dict", "model", "model_state_dict")  # entries of a checkpoint that hold the weights


def checkpoint_model(
    *,
    path: str,
    architecture: str | None,
    prefix: str,
    size: int,
    crop_share: float,
    keep_shape: bool,
    interpolation: Literal["bilinear", "bicubic"],
    mean: list[float],
    std: list[float],
    mirrored: bool,
    precision: Precision,
) -> Encoder:
    """Return an encoder from a file. No code in the file is run but that of a program of torch.

    Args:
        path: a program saved by torch.export.save (its name ends in .pt2) or by TorchScript; or, with
            `architecture`, weights saved by torch.save or as .safetensors.
        architecture: torchvision/NAME or timm/NAME, such as timm/resnet50; None for a program.
        prefix: what comes before the network's own names of the weights in the file.
        size, crop_share, keep_shape, interpolation, mean, std: as in `Preprocessing`.
        mirrored, precision: as in `Encoder`.

    Raises:
        ConfigError: the file is missing, is not of this kind or does not fit the network; or the network does
            not return one vector for an image of this size.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        raise ConfigError("encoder.path", "a file of weights or a program", path, "There is no such file.")
    load = partial(_load, file, architecture, prefix)
    return Encoder(
        name=f"checkpoint.{(architecture or 'program').replace('/', '.')}",
        load=load,
        n_features=_measure(load, size),
        preprocessing=Preprocessing(
            size=(size, size),
            crop_share=crop_share,
            keep_shape=keep_shape,
            interpolation=interpolation,
            mean=(mean[0], mean[1], mean[2]),
            std=(std[0], std[1], std[2]),
        ),
        weights_digest=sha256(file),
        mirrored=mirrored,
        precision=precision,
    )


def _measure(load: partial[nn.Module], size: int) -> int:
    with torch.random.fork_rng(devices=[]):
        network = load()
    try:
        with torch.inference_mode():
            feature_2D = network(torch.zeros(2, 3, size, size))
    except Exception as error:
        reason = f"a size that the network takes: {one_line(error)}"
        raise ConfigError("encoder.size", reason, size) from error
    if not isinstance(feature_2D, Tensor) or feature_2D.ndim != 2 or len(feature_2D) != 2:
        raise ConfigError("encoder.path", "a network that returns (images, features) for two images")
    return feature_2D.shape[1]


def _load(file: Path, architecture: str | None, prefix: str) -> nn.Module:
    if architecture is None:
        return _program(file)
    network = _build(architecture)
    tensors = {
        name.removeprefix(prefix): value for name, value in _tensors(file).items() if name.startswith(prefix)
    }
    missing = [name for name in network.state_dict() if name not in tensors]
    if missing:
        shown = ", ".join(missing[:3])
        hint = f"It has {', '.join(list(tensors)[:3]) or 'no weights with this prefix'}. Set encoder.prefix."
        expected = f"a file with the weights of {architecture}: {shown}"
        raise ConfigError("encoder.path", expected, str(file), hint)
    try:
        network.load_state_dict(tensors, strict=False)  # a classifier is left out
    except RuntimeError as error:
        expected = f"weights that fit {architecture}: {one_line(error)}"
        raise ConfigError("encoder.path", expected, str(file)) from error
    return network.eval()


def _program(file: Path) -> nn.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's, of TorchScript and of buffers
            if file.suffix == ".pt2":
                return torch.export.load(file).module()
            return torch.jit.load(file, map_location="cpu").eval()
    except Exception as error:
        hint = "For a file of weights give encoder.architecture, such as timm/resnet50."
        expected = f"a program of torch.export (.pt2) or TorchScript: {one_line(error)}"
        raise ConfigError("encoder.path", expected, str(file), hint) from error


def _build(architecture: str) -> nn.Module:
    library, _, name = architecture.partition("/")
    network: nn.Module | None = None
    if library == "timm":
        require_package("checkpoint", "timm", "timm")
        import timm

        network = build_timm(name) if timm.is_model(name) else None
    elif library == "torchvision":
        network = build_torchvision(name)
    if network is None:
        raise ConfigError("encoder.architecture", "torchvision/NAME or timm/NAME of a network", architecture)
    return network


def _tensors(file: Path) -> dict[str, Tensor]:
    """Return the tensors of a checkpoint by name."""
    try:
        content = _read(file)
    except Exception as error:
        expected = f"weights that torch.load reads with weights_only=True, or .safetensors: {one_line(error)}"
        raise ConfigError("encoder.path", expected, str(file)) from error
    for key in _NESTED:
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict):
        raise ConfigError("encoder.path", "a dictionary of weights (a state_dict)", type(content).__name__)
    return {name: value for name, value in content.items() if isinstance(value, Tensor)}


def _read(file: Path) -> Any:
    if file.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(file)
    return torch.load(file, map_location="cpu", weights_only=True)
