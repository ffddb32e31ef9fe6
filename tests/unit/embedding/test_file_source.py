"""What an encoder sees of an image file, against torchvision on the file decoded as a whole."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from alframe.data.grey_range import GreyRange
from alframe.data.photograph import read_part
from alframe.embedding.encoder import Preprocessing
from alframe.embedding.file_source import visible_part
from alframe.embedding.prepare import scale
from tests.support.encoders import preprocessing


def photograph(path: Path, size: tuple[int, int], turn: int = 1) -> Path:
    """Write a picture with soft shapes and noise, as a camera does."""
    generator = np.random.default_rng(3)
    coarse = Image.fromarray(generator.integers(0, 256, (12, 16, 3), dtype=np.uint8))
    soft = np.asarray(coarse.resize(size, Image.Resampling.BICUBIC)).astype(np.int16)
    noisy = (soft + generator.integers(-9, 10, soft.shape)).clip(0, 255).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = turn
    Image.fromarray(noisy).save(path, quality=92, exif=exif)
    return path


def seen(path: Path, given: Preprocessing) -> torch.Tensor:
    pixels = read_part(
        path, given.size, 3, GreyRange(), partial(visible_part, preprocessing=given),
        Image.Resampling[given.interpolation.upper()],
    )  # fmt: skip
    return torch.from_numpy(pixels.image_CHW)


@pytest.mark.parametrize(
    ("size", "interpolation", "keep_shape", "turn"),
    [
        ((1200, 900), "bicubic", True, 1),
        ((900, 1200), "bilinear", False, 1),
        ((800, 600), "bicubic", True, 6),
        ((800, 600), "bicubic", False, 6),
        ((130, 100), "bilinear", True, 6),
        ((40, 30), "bicubic", True, 1),
    ],
)
def test_an_encoder_sees_what_torchvision_makes_of_the_whole_image(
    tmp_path: Path, size: tuple[int, int], interpolation: str, keep_shape: bool, turn: int
) -> None:
    path = photograph(tmp_path / "a.jpg", size, turn)
    given = preprocessing(size=(96, 64), crop_share=0.875, keep_shape=keep_shape, interpolation=interpolation)
    upright = np.array(ImageOps.exif_transpose(Image.open(path)))
    whole = scale(torch.from_numpy(upright).permute(2, 0, 1)[None], given)[0]
    apart = (seen(path, given).int() - whole.int()).abs().float()
    assert apart.mean() < 1.5  # levels of 255
    assert apart.max() < 14
