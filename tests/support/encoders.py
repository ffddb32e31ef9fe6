"""A small encoder for tests, and folders of images."""

import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from alframe.embedding.encoder import Encoder, Preprocessing
from alframe.embedding.prepare import normalise, scale

D = 6
CPU = torch.device("cpu")


class Tiny(nn.Module):
    """Means of patches, mixed by fixed random numbers. `seconds`: how long an image takes."""

    def __init__(self, seconds: float = 0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(5)
        self.mix = nn.Parameter(torch.randn(48, D, generator=generator))
        self.seconds = seconds

    def forward(self, input_B: Tensor) -> Tensor:
        time.sleep(self.seconds * len(input_B))
        return nn.functional.adaptive_avg_pool2d(input_B, 4).flatten(1) @ self.mix


def preprocessing(**changes: Any) -> Preprocessing:
    """A small input."""
    settings: dict[str, Any] = {
        "size": (16, 16),
        "crop_share": 0.8,
        "keep_shape": True,
        "interpolation": "bicubic",
        "mean": (0.5, 0.4, 0.3),
        "std": (0.2, 0.3, 0.4),
    }
    return Preprocessing(**(settings | changes))


def tiny_encoder(**changes: Any) -> Encoder:
    """An encoder with 6 features."""
    settings: dict[str, Any] = {
        "name": "tiny",
        "load": Tiny,
        "n_features": D,
        "preprocessing": preprocessing(),
        "weights_digest": "0",
        "mirrored": False,
        "precision": "float32",
    }
    return Encoder(**(settings | changes))


def tiny(*, mirrored: bool, **settings: Any) -> Encoder:
    """The encoder for a command; its other settings have no effect."""
    return tiny_encoder(mirrored=mirrored)


def network_input(image_B: Tensor, settings: Preprocessing) -> Tensor:
    """Return the input of a network for (B, 1 or 3, H, W) uint8 images: (B, 3, height, width) float32."""
    return normalise(scale(image_B, settings), settings)


def write_images(folder: Path, n: int, first: int = 0, size: tuple[int, int] = (40, 30)) -> list[Path]:
    """Write colour images, each unlike the others; return their paths."""
    folder.mkdir(exist_ok=True)
    paths = [folder / f"{number:03}.png" for number in range(first, first + n)]
    for number, path in enumerate(paths, start=first):
        values = np.random.default_rng(number).integers(0, 256, (4, 3, 3), dtype=np.uint8)
        Image.fromarray(values).resize(size, Image.Resampling.BICUBIC).save(path)
    return paths


def random_images(n: int, seed: int = 0, channels: int = 3) -> Tensor:
    """Return n images of noise, 20 x 24 pixels, (n, channels, 20, 24) uint8."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (n, channels, 20, 24), generator=generator, dtype=torch.uint8)


@contextmanager
def notices() -> Iterator[list[warnings.WarningMessage]]:
    """Collect the warnings of all threads while the block runs."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        yield told
