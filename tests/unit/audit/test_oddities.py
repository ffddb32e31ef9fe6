from pathlib import Path

import pytest
import torch

from alframe.audit.oddities import (
    blank_samples,
    copies_with_other_labels,
    near_copies_with_other_labels,
    samples_of_no_class,
    unreadable_files,
)

NAMES = ("cat", "dog", "owl")


def test_copies_are_listed_if_their_label_differs_from_the_first_one_of_their_group():
    first_N = torch.tensor([0, 1, 0, 0, 1, 5])
    given_N = torch.tensor([-1, 1, 0, 2, 1, 2])  # the first of its group has no label
    found = copies_with_other_labels(first_N, given_N, NAMES)
    assert [(each.kind, each.index, each.other, each.detail) for each in found] == [
        ("copy", 3, 2, "labels owl and cat")
    ]


def test_near_copies_are_much_closer_than_neighbours_usually_are():
    index_P = torch.tensor([2, 4, 6, 8, 9])
    position_PK = torch.tensor([[1, 2], [0, 2], [3, 0], [2, -1], [2, -1]])
    near, usual = 0.01, 1.0
    squared_PK = torch.tensor([[near, usual], [near, usual], [usual, 4.0], *2 * [[usual, torch.inf]]])
    given_N = torch.tensor([0, 0, 1, 0, 2, 0, 1, 0, 1, 2])
    found = near_copies_with_other_labels(index_P, position_PK, squared_PK, given_N, NAMES, near=0.13)
    assert [(each.index, each.other, each.detail) for each in found] == [(4, 2, "labels owl and dog")]
    for label in (1, -1):  # the same label, and none
        given_N[4] = label
        assert (
            near_copies_with_other_labels(index_P, position_PK, squared_PK, given_N, NAMES, near=0.13) == []
        )


def test_a_sample_far_from_all_others_belongs_to_no_class():
    squared_PK = (torch.arange(40, dtype=torch.float32) / 40 + 1).square()[:, None].expand(-1, 3).clone()
    squared_PK[7], squared_PK[11], squared_PK[13] = 25.0, 100.0, torch.inf
    found = samples_of_no_class(torch.arange(100, 140), squared_PK, 3.0)
    assert [(each.kind, each.index, each.other) for each in found] == [
        ("no_class", 111, None),
        ("no_class", 107, None),
    ]
    assert found[0].detail.startswith("6.")  # 10 against a median of about 1.5


def test_wider_limits_list_more():
    squared_PK = torch.tensor([1.0, 1.1, 1.2, 1.3, 1.4, 2.2]).square()[:, None].expand(-1, 2)
    index_P = torch.arange(6)
    assert [each.index for each in samples_of_no_class(index_P, squared_PK, 1.0)] == [5]
    assert samples_of_no_class(index_P, squared_PK, 9.0) == []
    position_PK, near_PK = torch.tensor([[1], [0], [0]]), torch.tensor([[0.04], [0.04], [1.0]])
    labels_N = torch.tensor([0, 1, 0])
    found = near_copies_with_other_labels(index_P[:3], position_PK, near_PK, labels_N, NAMES, 1.1)
    assert [(each.index, each.other) for each in found] == [(1, 0)]
    assert near_copies_with_other_labels(index_P[:3], position_PK, near_PK, labels_N, NAMES, 0.9) == []


def test_blank_samples_and_unreadable_files():
    assert [each.index for each in blank_samples(torch.tensor([False, True, True]))] == [1, 2]
    (found,) = unreadable_files({Path("a.png"): "truncated"})
    assert (found.kind, found.index, found.detail) == ("unreadable", None, "a.png: truncated")


@pytest.mark.parametrize("n", [0, 1])
def test_too_few_samples(n):
    index_P = torch.arange(n)
    squared_PK = torch.full((n, 2), torch.inf)
    none_PK = torch.full((n, 2), -1)
    assert samples_of_no_class(index_P, squared_PK, 3.0) == []
    assert (
        near_copies_with_other_labels(index_P, none_PK, squared_PK, torch.zeros(1).long(), NAMES, 0.13) == []
    )
