import torch

from alframe.audit.oddities import OddityLimits
from alframe.data import ImageBank
from alframe.trial.find_oddities import find_oddities

N = 60
NAMES = ("left", "right")
LIMITS = OddityLimits(near=0.13, far=3.0)


def images():
    """Bright on the left or on the right, each with noise of its own."""
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 90, (N, 1, 8, 8), generator=generator, dtype=torch.uint8)
    pixels[::2, :, :, :4] += 150
    pixels[1::2, :, :, 4:] += 150
    return pixels


def found(pixels, given_N, index_P=None):
    index_P = torch.arange(N) if index_P is None else index_P
    return find_oddities(ImageBank(pixels), index_P, given_N, NAMES, LIMITS, torch.Generator().manual_seed(0))


def test_a_sound_data_set_has_no_oddities():
    assert found(images(), torch.arange(N) % 2) == []


def test_every_kind_is_found_in_images():
    pixels, given_N = images(), torch.arange(N) % 2
    pixels[20], given_N[20] = pixels[4], 1  # an exact copy
    pixels[30] = pixels[6]
    pixels[30, 0, 0, 0] += 1  # a near copy
    given_N[30] = 1
    pixels[40] = 7  # blank
    pixels[50] = 255 * (torch.arange(64).view(1, 8, 8) % 2)  # stripes
    pixels[51] = pixels[3]  # a copy with the same label
    listed = [(each.kind, each.index, each.other) for each in found(pixels, given_N)]
    assert listed == [
        ("copy", 20, 4),
        ("near_copy", 30, 6),
        ("no_class", 50, None),
        ("blank", 40, None),
    ]


def test_samples_that_take_no_part_are_not_looked_at():
    pixels, given_N = images(), torch.arange(N) % 2
    pixels[20], given_N[20], pixels[40] = pixels[4], 1, 7
    index_P = torch.tensor([each for each in range(N) if each not in (4, 40)])
    assert found(pixels, given_N, index_P) == []


def test_vectors_are_compared_by_their_direction():
    vectors = images().flatten(1)[:, :, None, None].to(torch.float16)
    given_N = torch.arange(N) % 2
    vectors[10] = vectors[2] * 1.01
    given_N[10] = 1
    assert [(each.kind, each.index, each.other) for each in found(vectors, given_N)] == [("near_copy", 10, 2)]
