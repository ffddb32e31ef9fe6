"""Exact copies and images of a single colour are found, and said in one line if there are many."""

import pytest
import torch

from alframe.core.errors import DataWarning
from alframe.data import ImageBank
from alframe.data.copies import Copies, find_copies


def bank(*, copies: bool) -> ImageBank:
    images = torch.randint(
        0, 255, (40, 1, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    if copies:
        images[10:20] = 7
        images[30] = images[5]
    return ImageBank(images)


def test_the_first_of_equal_images_stands_for_all() -> None:
    first_N, blank_N = find_copies(bank(copies=True), torch.arange(40))
    expected = torch.arange(40)
    expected[10:20], expected[30] = 10, 5
    assert torch.equal(first_N, expected)
    assert int(blank_N.sum()) == 10


def test_samples_that_do_not_take_part_are_not_compared() -> None:
    first_N, blank_N = find_copies(bank(copies=True), torch.tensor([0, 12, 15, 30]))
    assert first_N[[0, 12, 15, 30, 5]].tolist() == [0, 12, 12, 30, 5]
    assert blank_N.nonzero().flatten().tolist() == [12, 15]


def test_many_copies_are_said_once() -> None:
    copies = Copies(bank(copies=True), torch.arange(40))
    with pytest.warns(DataWarning, match=r"10 of 40 images are exact copies.*and 10 images have"):
        assert copies()[30] == 5
    assert copies()[30] == 5


def test_without_copies_there_is_nothing_to_say() -> None:
    assert Copies(bank(copies=False), torch.arange(40))() is None
