import pytest
import torch
from torchvision.transforms.v2 import functional as reference

from alframe.learner.recipes import colour

ALL = ("brightness", "contrast", "saturation", "sharpness", "hue", "solarize", "posterize")


def photographs(n=6, channels=3, side=9):
    """Return images whose values are whole numbers of 255, some of them black, white or plain."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (n, channels, side, side), generator=generator) / 255
    images[0, :, :3], images[0, :, 3:6], images[1] = 0, 1, images[1, :1]
    return images


@pytest.mark.parametrize("name", ALL)
def test_an_amount_of_zero_changes_no_bit(name):
    images = photographs()
    assert torch.equal(getattr(colour, name)(images, torch.zeros(6)), images)


# torchvision takes one amount per call, so its images come one by one.
REFERENCES = {
    "brightness": (lambda x, a: reference.adjust_brightness(x, 1 + a), (-1, -0.4, 0, 0.3, 0.9, 1)),
    "contrast": (lambda x, a: reference.adjust_contrast(x, 1 + a), (-1, -0.4, 0, 0.3, 0.9, 1)),
    "saturation": (lambda x, a: reference.adjust_saturation(x, 1 + a), (-1, -0.4, 0, 0.3, 0.9, 1)),
    "sharpness": (lambda x, a: reference.adjust_sharpness(x, 1 + a), (-1, -0.4, 0, 0.3, 0.9, 1)),
    "hue": (reference.adjust_hue, (-0.5, -0.2, 0, 0.1, 0.3, 0.5)),
    "posterize": (
        lambda x, a: reference.posterize((255 * x).round().byte(), 8 - a).float() / 255,
        (0, 1, 2, 3, 4, 7),
    ),
}


@pytest.mark.parametrize("name", REFERENCES)
def test_each_image_gets_what_torchvision_gives_for_its_amount(name):
    one, amounts = REFERENCES[name]
    images = photographs()
    expected = torch.stack([one(image, amount) for image, amount in zip(images, amounts, strict=True)])
    out = getattr(colour, name)(images, torch.tensor(amounts, dtype=torch.float32))
    torch.testing.assert_close(out, expected, atol=1e-3, rtol=0)
    assert not torch.equal(out, images)
    assert out.dtype == images.dtype


def test_a_third_of_a_turn_makes_red_green_and_green_blue():
    pure = torch.eye(3).view(3, 3, 1, 1)
    turned = colour.hue(pure, torch.full((3,), 1 / 3))
    torch.testing.assert_close(turned, pure.roll(-1, 0), atol=1e-5, rtol=0)
    back = colour.hue(turned, torch.full((3,), -1 / 3))
    torch.testing.assert_close(back, pure, atol=1e-5, rtol=0)


def test_solarize_inverts_what_is_brighter_than_the_rest():
    ramp = torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0]).view(1, 1, 1, 5)
    assert colour.solarize(ramp, torch.tensor([0.5])).flatten().tolist() == [0, 0.25, 0.5, 0.25, 0]
    assert colour.solarize(ramp, torch.tensor([1.0])).flatten().tolist() == [0, 0.75, 0.5, 0.25, 0]


def test_grey_images_have_their_own_brightness_as_grey():
    images = photographs(channels=1)
    assert torch.equal(colour.grey(images), images)
    assert torch.equal(colour.saturation(images, torch.full((6,), 0.0)), images)


@pytest.mark.parametrize(
    ("side", "centre", "pixels"),
    [(0, (0.5, 0.5), 0), (0.5, (0.5, 0.5), 16), (0.5, (0.5, 0), 8), (0.5, (0, 1), 4), (1, (0.5, 0.5), 64)],
)
def test_cutout_fills_a_square_and_loses_what_reaches_out(side, centre, pixels):
    images = torch.ones(2, 3, 8, 8)
    out = colour.cutout(images, torch.tensor([side, 0.0]), torch.tensor([centre, (0.5, 0.5)]), 0.5)
    assert [int((image == 0.5).sum()) for image in out] == [3 * pixels, 0]
    if pixels == 16:
        assert (out[0, :, 2:6, 2:6] == 0.5).all()
