import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from alframe.learner.recipes import augment
from alframe.learner.recipes.augment import RandomDeformation, affine_matrices

NOTHING = {"rotation": 0.0, "scale": 0.0, "shear": 0.0, "shift": 0.0, "elastic": 0.0, "flip": 0.0}


def deformation(height=8, width=8, fill=(0.0,), seed=0, **limits):
    return RandomDeformation(
        **(NOTHING | limits),
        image_size=(height, width),
        fill=torch.tensor(fill).view(-1, 1, 1),
        generator=torch.Generator().manual_seed(seed),
    )


def noise(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def force(monkeypatch):
    """Makes every image take the same six amounts instead of random ones."""

    def force(**amounts):
        names = ("angle", "log_x", "log_y", "shear", "shift_x", "shift_y")
        fixed = torch.tensor([[amounts.get(name, 0.0) for name in names]])
        monkeypatch.setattr(
            augment, "affine_matrices", lambda drawn_B6: affine_matrices(fixed.expand(len(drawn_B6), 6))
        )

    return force


def test_limits_of_zero_change_nothing():
    images = noise(4, 3, 8, 10)
    out = deformation(8, 10, fill=(0.5, -1.0, 2.0))(images)
    torch.testing.assert_close(out, images, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("right", "down"), [(3, 0), (0, 2), (-1, 0), (0, -3), (2, -1)])
def test_a_shift_by_whole_pixels_is_a_roll_with_fill_coming_in(force, right, down):
    height, width = 6, 10
    force(shift_x=-2 * right / width, shift_y=-2 * down / height)
    images = noise(2, 1, height, width)
    out = deformation(height, width, fill=(7.0,))(images)
    expected = torch.full_like(images, 7.0)
    for y in range(height):
        for x in range(width):
            if 0 <= y - down < height and 0 <= x - right < width:
                expected[:, :, y, x] = images[:, :, y - down, x - right]
    torch.testing.assert_close(out, expected, atol=1e-5, rtol=0)


def test_outside_the_image_each_channel_has_its_own_fill(force):
    force(shift_x=5.0)
    out = deformation(fill=(0.5, -1.0, 2.0))(noise(2, 3, 8, 8))
    assert torch.equal(out, torch.tensor([0.5, -1.0, 2.0]).view(1, 3, 1, 1).expand(2, 3, 8, 8))


def test_a_quarter_turn_is_a_quarter_turn(force):
    force(angle=math.pi / 2)
    images = noise(2, 1, 8, 8)
    torch.testing.assert_close(deformation()(images), images.rot90(1, (2, 3)), atol=1e-5, rtol=0)


def test_a_positive_log_scale_shows_more_than_the_image(force):
    force(log_x=math.log(2), log_y=math.log(2))
    out = deformation(fill=(9.0,))(torch.ones(1, 1, 8, 8))
    assert torch.equal(out[0, 0] == 1.0, F.pad(torch.ones(4, 4), (2, 2, 2, 2)).bool())
    assert (out[0, 0, 0] == 9.0).all()


def composed(angle, log_x, log_y, shear, shift_x, shift_y):
    """Return what an output position goes through: shear along x, turn, stretch each axis, shift."""
    sheared = np.array([[1, shear], [0, 1]])
    turned = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    stretched = np.diag([math.exp(log_x), math.exp(log_y)])
    return np.hstack([stretched @ turned @ sheared, [[shift_x], [shift_y]]])


def test_matrices_are_the_composition_of_shear_rotation_scale_and_shift():
    amounts = noise(50, 6)
    expected = np.stack([composed(*row) for row in amounts.double().tolist()])
    np.testing.assert_allclose(affine_matrices(amounts).numpy(), expected, atol=1e-5)


def test_images_are_sampled_as_torchs_own_affine_grid_does(monkeypatch):
    drawn = []
    monkeypatch.setattr(
        augment, "affine_matrices", lambda amounts_B6: drawn.append(affine_matrices(amounts_B6)) or drawn[-1]
    )
    images = noise(6, 2, 8, 10)
    out = deformation(8, 10, fill=(0.0, 0.0), rotation=40, scale=0.3, shear=0.4, shift=0.2)(images)
    grid = F.affine_grid(drawn[0], list(images.shape), align_corners=False)
    expected = F.grid_sample(images, grid, align_corners=False)
    torch.testing.assert_close(out, expected, atol=1e-4, rtol=0)


def test_a_grid_by_pairs_has_the_bits_of_the_sums():
    theta_B23 = affine_matrices(torch.randn(9, 6, generator=torch.Generator().manual_seed(5)))
    y_H, x_W = (augment.pixel_centres(side, torch.device("cpu")) for side in (5, 7))
    along_x = x_W[None, :, None] * theta_B23[:, None, :, 0]
    along_y = y_H[None, :, None] * theta_B23[:, None, :, 1] + theta_B23[:, None, :, 2]
    grid = augment.affine_grid(theta_B23, y_H, x_W)
    assert torch.equal(grid, along_x[:, None] + along_y[:, :, None])


def test_amounts_fill_their_limits_in_radians_logs_tangents_and_shares_of_a_side(monkeypatch):
    drawn = []
    monkeypatch.setattr(
        augment, "affine_matrices", lambda amounts_B6: drawn.append(amounts_B6) or affine_matrices(amounts_B6)
    )
    deformation(4, 4, rotation=90, scale=0.5, shear=0.25, shift=0.125)(torch.zeros(4000, 1, 4, 4))
    limits = torch.tensor([math.pi / 2, 0.5, 0.5, 0.25, 0.25, 0.25])  # a side is 2 long in [-1, 1]
    [amounts] = drawn
    assert (amounts.abs() <= limits).all()
    assert (amounts.amax(0) > 0.99 * limits).all()
    assert (amounts.amin(0) < -0.99 * limits).all()
    assert (amounts.mean(0).abs() < 0.05 * limits).all()
    assert np.abs(np.corrcoef(amounts.T.numpy()) - np.eye(6)).max() < 0.1  # each drawn by itself


def test_bends_have_their_deviation_at_the_nodes():
    fields = augment._bends(0.05, augment.FIELD_NODES, augment.FIELD_NODES, torch.Generator().manual_seed(0))
    assert fields.shape == (augment.N_FIELDS, augment.FIELD_NODES, augment.FIELD_NODES, 2)
    assert fields.std().item() == pytest.approx(0.1, rel=0.02)  # a share of a side, which is 2 long
    assert abs(fields.mean().item()) < 0.002


def test_bends_displace_smoothly_and_each_image_by_its_own():
    ramp = torch.linspace(0, 1, 16).expand(3, 1, 16, 16).contiguous()
    out = deformation(16, 16, elastic=0.02)(ramp)
    moved = (out - ramp)[:, 0, 3:-3, 3:-3]
    assert moved.abs().max() > 0.01
    assert moved.diff(dim=1).abs().max() < 0.05
    assert not torch.equal(moved[0], moved[1])


ALL = {"rotation": 15, "scale": 0.15, "shear": 0.2, "shift": 0.06, "elastic": 0.04, "flip": 0.0}


def test_the_seed_decides_the_deformation():
    images = noise(5, 1, 8, 8)
    first = deformation(**ALL)(images)
    assert torch.equal(first, deformation(**ALL)(images))
    assert not torch.equal(first, deformation(**ALL, seed=1)(images))


def test_each_image_and_each_call_gets_its_own_deformation():
    images = noise(1, 1, 8, 8).expand(5, 1, 8, 8)
    deform = deformation(**ALL)
    first, second = deform(images), deform(images)
    assert not torch.equal(first, second)
    assert len(first.flatten(1).unique(dim=0)) == 5


def test_the_global_generator_is_left_alone():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    deformation(**ALL)(noise(5, 1, 8, 8))
    assert torch.equal(torch.get_rng_state(), before)


def test_images_are_channels_last_and_the_input_is_unchanged():
    images = noise(4, 3, 8, 8)
    before = images.clone()
    out = deformation(**ALL, fill=(1.0, 1.0, 1.0))(images)
    assert out.is_contiguous(memory_format=torch.channels_last)
    assert out.dtype == torch.float32
    assert torch.equal(images, before)


def test_a_part_of_the_images_is_mirrored():
    ramp = torch.arange(8.0).expand(400, 1, 8, 8).contiguous()
    out = deformation(8, 8, flip=0.25)(ramp)
    mirrored = (out - ramp.flip(3)).abs().amax((1, 2, 3)) < 1e-4
    plain = (out - ramp).abs().amax((1, 2, 3)) < 1e-4
    assert bool((mirrored | plain).all())
    assert 60 < int(mirrored.sum()) < 140
