import pytest
import torch

from alframe.learner.recipes.augment_photographs import CropAndFlip, StrongAlterations
from tests.support.graph_cases import STRONG

NOTHING = dict.fromkeys(STRONG, 0)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def weak(shift=0.0, flip=0.0, seed=0):
    return CropAndFlip(shift=shift, flip=flip, generator=generator(seed))


def strong(seed=0, **limits):
    return StrongAlterations(**(NOTHING | limits), generator=generator(seed))


def pictures(n=5, channels=3, height=8, width=10):
    return torch.randint(
        0, 256, (n, channels, height, width), dtype=torch.uint8, generator=torch.Generator().manual_seed(1)
    )


def reflected(position, side):
    """Return a position that the border has mirrored back into 0 ... side - 1."""
    return -position if position < 0 else 2 * (side - 1) - position if position >= side else position


def test_limits_of_zero_change_nothing():
    images = pictures()
    assert torch.equal(weak()(images), images)
    torch.testing.assert_close(strong(operations=3)(images), images.float(), atol=1e-4, rtol=0)


def test_a_crop_is_a_shift_by_whole_pixels_with_a_mirrored_border():
    images = pictures(200, 1)
    out = weak(shift=0.25)(images)  # at most 2 of 8 rows and 2 of 10 columns
    seen = set()
    for image, altered in zip(images, out, strict=True):
        fits = [
            (down, right)
            for down in range(-2, 3)
            for right in range(-2, 3)
            if torch.equal(
                altered[0],
                image[0][[reflected(y + down, 8) for y in range(8)]][
                    :, [reflected(x + right, 10) for x in range(10)]
                ],
            )
        ]
        assert len(fits) == 1
        seen |= set(fits)
    assert len(seen) == 25  # each shift comes up


def test_a_part_of_the_images_is_mirrored():
    images = pictures(400)
    out = weak(flip=0.25)(images)
    mirrored = (out == images.flip(3)).flatten(1).all(1)
    assert bool((mirrored | (out == images).flatten(1).all(1)).all())
    assert 60 < int(mirrored.sum()) < 140


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_a_crop_keeps_the_dtype_and_is_channels_last(dtype):
    out = weak(shift=0.3, flip=0.5)(pictures().to(dtype))
    assert out.dtype == dtype
    assert out.is_contiguous(memory_format=torch.channels_last)


def test_strong_images_are_bytes_as_floats_in_channels_last():
    images = pictures(50)
    before = images.clone()
    out = strong(**STRONG)(images)
    assert out.dtype == torch.float32
    assert out.is_contiguous(memory_format=torch.channels_last)
    assert 0 <= out.min() < out.max() <= 255
    assert torch.equal(images, before)


def test_each_image_gets_as_many_operations_as_asked_for():
    limits = {"brightness": 0.9, "contrast": 0.9, "solarize": 1.0, "posterize": 4.0, "rotation": 30.0}
    amounts = strong(operations=2, **limits)._amounts(list(limits), pictures(500))
    table = torch.stack([amounts[name] for name in limits], 1)
    assert ((table != 0).sum(1) == 2).all()
    assert (table.abs() <= torch.tensor(list(limits.values()))).all()
    assert (table.abs().amax(0) > 0.95 * torch.tensor(list(limits.values()))).all()
    assert table[:, 2:4].min() == 0  # these have no sign
    assert (table[:, [0, 1, 4]].amin(0) < 0).all()
    counts = (table != 0).sum(0)
    assert (counts > 150).all()  # of 200 expected
    assert (counts < 250).all()


def test_a_shift_alone_moves_by_a_share_of_the_side_and_fills_with_grey():
    images = torch.full((300, 3, 8, 8), 255, dtype=torch.uint8)
    out = strong(operations=1, shift=0.5)(images)
    assert (out.amin((1, 2, 3)) >= 127.4).all()
    lost = (out < 254).float().mean((1, 2, 3))
    assert 0.4 < lost.max() <= 0.5 + 1 / 8
    assert lost.min() < 0.13


def test_the_cut_out_square_is_as_large_as_the_limit_at_most():
    out = strong(cutout=0.5)(torch.zeros(300, 3, 16, 16, dtype=torch.uint8))
    cut = (out == 127.5).float().mean((1, 2, 3))
    assert cut.max() <= 0.25 + 1e-6
    assert cut.max() > 0.2
    assert cut.min() < 0.01


def test_grey_images_are_altered_without_colours():
    images = pictures(20, channels=1)
    assert strong(**STRONG)(images).shape == images.shape
    assert torch.equal(strong(operations=2, hue=0.5, saturation=0.9)(images), images.float())


@pytest.mark.parametrize("alter", [lambda seed: weak(0.25, 0.5, seed), lambda seed: strong(seed, **STRONG)])
def test_the_seed_decides_and_each_image_and_call_is_altered_anew(alter):
    images = pictures(1).expand(6, 3, 8, 10)
    module = alter(0)
    first = module(images)
    assert torch.equal(first, alter(0)(images))
    assert not torch.equal(first, alter(1)(images))
    assert not torch.equal(first, module(images))
    assert len(first.flatten(1).unique(dim=0)) > 3


def test_the_global_generator_is_left_alone():
    before = torch.get_rng_state()
    strong(**STRONG)(weak(0.25, 0.5)(pictures()))
    assert torch.equal(torch.get_rng_state(), before)
