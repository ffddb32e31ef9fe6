import numpy as np
import pytest
import torch

from alframe.data import ImageBank


@pytest.fixture
def images():
    generator = torch.Generator().manual_seed(0)
    images_N = torch.randint(0, 256, (50, 3, 7, 9), generator=generator, dtype=torch.uint8)
    images_N[:, 1] //= 4  # channels that differ
    images_N[:, 2] = 200
    return images_N


def test_take_returns_the_images_asked_for_in_that_order(images):
    bank = ImageBank(images)
    taken = bank.take(torch.tensor([7, 0, 7]))
    assert taken.dtype == torch.uint8
    assert torch.equal(taken, torch.stack([images[7], images[0], images[7]]))
    assert bank.take(torch.empty(0, dtype=torch.int64)).shape == (0, 3, 7, 9)
    assert len(bank) == 50
    assert bank.device == torch.device("cpu")


def test_cropped_leaves_out_a_border_on_every_side(images):
    cropped = ImageBank(images).cropped(2)
    assert torch.equal(cropped.images_N, images[:, :, 2:5, 2:7])
    assert cropped.images_N.is_contiguous()
    assert len(cropped) == 50


def test_cropping_zero_pixels_returns_the_same_bank(images):
    bank = ImageBank(images)
    assert bank.cropped(0) is bank


def statistics(images):
    values = images.numpy().astype(np.float64)
    return values.mean(axis=(0, 2, 3)), values.std(axis=(0, 2, 3))


def test_channel_statistics_agree_with_float64(images):
    mean, std = ImageBank(images).channel_statistics()
    expected_mean, expected_std = statistics(images)
    assert mean.dtype == std.dtype == torch.float32
    np.testing.assert_allclose(mean, expected_mean, rtol=1e-6)
    np.testing.assert_allclose(std, expected_std, rtol=1e-6, atol=1e-5)


def test_channel_statistics_of_some_images_ignore_the_others(images):
    index_N = torch.tensor([3, 11, 40])
    mean, std = ImageBank(images).channel_statistics(index_N)
    expected_mean, expected_std = statistics(images[index_N])
    np.testing.assert_allclose(mean, expected_mean, rtol=1e-6)
    np.testing.assert_allclose(std, expected_std, rtol=1e-6, atol=1e-5)


def test_channel_statistics_do_not_depend_on_the_chunks(images):
    bank = ImageBank(images)
    for whole, in_parts in zip(bank.channel_statistics(), bank.channel_statistics(chunk=7), strict=True):
        assert torch.equal(whole, in_parts)


def test_channel_statistics_of_two_hand_worked_pixels():
    images_N = torch.tensor([10, 30], dtype=torch.uint8).view(2, 1, 1, 1)
    mean, std = ImageBank(images_N).channel_statistics()
    assert (mean.tolist(), std.tolist()) == ([20.0], [10.0])
