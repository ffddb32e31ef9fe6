"""An encoder: a frozen network with its preprocessing, and its identity.

Axes: B a batch, D the features.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor, nn

Precision = Literal["float32", "float16"]


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """How an image becomes the input of a network.

    Attributes:
        size: (height, width) of the input in pixels.
        crop_share: in (0, 1]. The image is scaled so that its shorter side is size / crop_share, and the
            middle is cut out. Source: timm's crop_pct.
        keep_shape: True as above; False scales both sides to size / crop_share without
            keeping their ratio, so that only the border is cut off.
        interpolation: of the scaling, with antialiasing.
        mean, std: of each of the three channels, in units of pixels from 0 to 1; the input is
            (pixel / 255 - mean) / std.
    """

    size: tuple[int, int]
    crop_share: float
    keep_shape: bool
    interpolation: Literal["bilinear", "bicubic"]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


@dataclass(frozen=True, kw_only=True, eq=False)
class Encoder:
    """A frozen network that turns colour images into vectors.

    Attributes:
        name: for messages and the name of the store, such as "efficientnet_lite0".
        load: returns the network in evaluation mode on the CPU: (B, 3, height, width) float32 of normalised
            pixels to (B, D) float32.
        n_features: D.
        preprocessing: how an image becomes the input.
        weights_digest: hexadecimal digest of the weights' file or tensors.
        mirrored: True encodes each image also mirrored from left to right and takes the mean of both vectors.
        precision: of the arithmetic on a CUDA device; other devices compute in float32. In float16 the
            features differ by up to a hundredth of the largest one.
    """

    name: str
    load: Callable[[], nn.Module]
    n_features: int
    preprocessing: Preprocessing
    weights_digest: str
    mirrored: bool
    precision: Precision

    @cached_property
    def identity(self) -> str:
        """Hexadecimal digest of everything that the vectors depend on, besides the image."""
        parts = [self.name, self.n_features, self.weights_digest, self.mirrored, self.precision]
        parts.append(asdict(self.preprocessing))
        return hashlib.blake2b(json.dumps(parts).encode(), digest_size=8).hexdigest()


def tensors_digest(tensors: dict[str, Tensor]) -> str:
    """Return the hexadecimal digest (BLAKE2b, 16 bytes) of tensors by name, such as a `state_dict`."""
    digest = hashlib.blake2b(digest_size=16)
    for name, value in sorted(tensors.items()):
        digest.update(f"{name} {tuple(value.shape)} {value.dtype}".encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
