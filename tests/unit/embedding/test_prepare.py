"""The input of an encoder agrees with the transforms of the library that the encoder comes from."""

import pytest
import torch
from torchvision.transforms import InterpolationMode
from torchvision.transforms._presets import ImageClassification
from torchvision.transforms.functional import to_pil_image

from alframe.embedding import Preprocessing
from alframe.embedding.prepare import normalise, scale
from tests.support.encoders import network_input

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def preprocessing(**others: object) -> Preprocessing:
    settings = {
        "size": (64, 64),
        "crop_share": 0.875,
        "keep_shape": True,
        "interpolation": "bicubic",
        "mean": MEAN,
        "std": STD,
    }
    return Preprocessing(**(settings | others))


def photograph(height: int, width: int, n_channels: int = 3) -> torch.Tensor:
    """Return a smooth picture with some noise, (1, n_channels, height, width) uint8."""
    generator = torch.Generator().manual_seed(0)
    rough = torch.rand(1, n_channels, 7, 9, generator=generator)
    smooth = torch.nn.functional.interpolate(rough, (height, width), mode="bicubic").clamp(0, 1)
    noise = torch.rand(smooth.shape, generator=generator) * 10
    return (smooth * 245 + noise).to(torch.uint8)


def assert_close(input_1: torch.Tensor, expected: torch.Tensor) -> None:
    std = torch.tensor(STD).reshape(3, 1, 1)
    assert input_1.shape == expected.shape
    assert float(((input_1 - expected) * std * 255).abs().max()) <= 2.001


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [(90, 150), (150, 90), (32, 32), (97, 64)])
def test_agrees_with_torchvision_on_pillow_images(size: tuple[int, int], interpolation: str) -> None:
    image_1 = photograph(*size)
    theirs = ImageClassification(
        crop_size=64, resize_size=73, mean=MEAN, std=STD, interpolation=InterpolationMode(interpolation)
    )
    ours = network_input(image_1, preprocessing(interpolation=interpolation))
    assert_close(ours, theirs(to_pil_image(image_1[0]))[None])


@pytest.mark.parametrize("mode", ["center", "squash"])
def test_agrees_with_timm(mode: str) -> None:
    data = pytest.importorskip("timm.data")
    image_1 = photograph(90, 150)
    theirs = data.create_transform(
        (3, 64, 64), interpolation="bicubic", mean=MEAN, std=STD, crop_pct=0.875, crop_mode=mode
    )
    ours = network_input(image_1, preprocessing(keep_shape=mode == "center"))
    assert_close(ours, theirs(to_pil_image(image_1[0]))[None])


def test_sides_may_differ_and_the_image_covers_the_input() -> None:
    for size in [(50, 50), (300, 20), (20, 300)]:
        input_1 = network_input(photograph(*size), preprocessing(size=(32, 96), crop_share=1.0))
        assert input_1.shape == (1, 3, 32, 96)
        assert (input_1 > -2.2).all()  # black padding would be below


def test_grey_images_have_three_channels() -> None:
    grey_1 = photograph(50, 60, n_channels=1)
    assert torch.equal(
        network_input(grey_1, preprocessing()), network_input(grey_1.expand(-1, 3, -1, -1), preprocessing())
    )


def test_the_input_is_normalised_pixels() -> None:
    pixel_1 = scale(photograph(80, 80), preprocessing())
    assert pixel_1.dtype == torch.uint8
    expected = (pixel_1[0, 1, 2, 3] / 255 - MEAN[1]) / STD[1]
    assert normalise(pixel_1, preprocessing())[0, 1, 2, 3] == pytest.approx(float(expected), abs=1e-6)
