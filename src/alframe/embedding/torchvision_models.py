"""Any classification network of torchvision with its published weights, without the classifier."""

from functools import partial
from typing import Any

from torch import nn

from alframe.core.errors import ConfigError
from alframe.embedding.encoder import Encoder, Precision, Preprocessing
from alframe.embedding.weights import sha256, torch_hub_file, without_classifier, without_weights


def torchvision_model(*, weights: str, size: int | None, mirrored: bool, precision: Precision) -> Encoder:
    """Return an encoder of torchvision; its weights are fetched if they are not in the cache of torch.hub.

    Args:
        weights: such as ResNet50_Weights.IMAGENET1K_V2; or the name of a network such as resnet50, for its
            best weights.
        size: side of the input in pixels; None takes that of the weights.
        mirrored, precision: as in `Encoder`.

    Raises:
        ConfigError: there are no such weights, or they cannot be downloaded; or the network takes no
            other size.
    """
    entry, architecture = _find(weights)
    skeleton = without_weights(partial(_build, architecture))
    fixed = "vit" in architecture
    if size is not None and fixed:
        raise ConfigError("encoder.size", f"null, since {architecture} takes only its own size", size)
    found = without_classifier(skeleton, len(entry.meta["categories"]))
    if found is None:
        raise ConfigError("encoder.weights", "a network whose classifier is a linear layer", weights)
    path = torch_hub_file(entry.url, "encoder.weights", weights)
    return Encoder(
        name=f"torchvision.{entry}",
        load=partial(_load, architecture, str(entry)),
        n_features=found[1],
        preprocessing=_preprocessing(entry.transforms(), size),
        weights_digest=sha256(path),
        mirrored=mirrored,
        precision=precision,
    )


def build_torchvision(name: str) -> nn.Module | None:
    """Return a network of torchvision with random weights, for 1,000 classes, without its classifier.

    None if there is no such network.
    """
    from torchvision import models

    if name not in models.list_models(module=models):
        return None
    found = without_classifier(_build(name), 1000)
    return None if found is None else found[0]


def _find(weights: str) -> tuple[Any, str]:
    """Return the entry of torchvision for some weights, and the name of their network."""
    from torchvision import models

    enums = {name: models.get_model_weights(name) for name in models.list_models(module=models)}
    if weights in enums:
        return enums[weights].DEFAULT, weights
    for name, entries in enums.items():
        for entry in entries:
            if str(entry) == weights:
                return entry, name
    raise ConfigError(
        "encoder.weights",
        "the weights of a classification network of torchvision",
        weights,
        "Examples: resnet50, ResNet50_Weights.IMAGENET1K_V2, swin_t.",
    )


def _build(name: str, weights: str | None = None) -> nn.Module:
    from torchvision import models

    if weights is not None:
        return models.get_model(name, weights=models.get_weight(weights), progress=False)
    further = {"init_weights": False} if name in ("inception_v3", "googlenet") else {}
    return models.get_model(name, weights=None, **further)


def _load(name: str, weights: str) -> nn.Module:
    entry, _ = _find(weights)
    found = without_classifier(_build(name, weights), len(entry.meta["categories"]))
    assert found is not None
    return found[0].eval()


def _preprocessing(transforms: Any, size: int | None) -> Preprocessing:
    """Return the preprocessing of weights, for another size with the same share cut off."""
    side, resized = transforms.crop_size[0], transforms.resize_size[0]
    return Preprocessing(
        size=(size or side, size or side),
        crop_share=side / resized,
        keep_shape=True,
        interpolation="bilinear" if transforms.interpolation.value == "bilinear" else "bicubic",
        mean=tuple(transforms.mean),
        std=tuple(transforms.std),
    )
