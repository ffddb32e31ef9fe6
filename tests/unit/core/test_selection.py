"""Ranks and partial selections."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from alframe.core.selection import lowest, rank_within


@given(st.lists(st.integers(-2, 3), max_size=30))
@settings(max_examples=100, deadline=None)
def test_rank_within_counts_those_before(groups: list[int]) -> None:
    expected = [groups[:place].count(group) for place, group in enumerate(groups)]
    assert rank_within(torch.tensor(groups, dtype=torch.int64)).tolist() == expected


@given(st.lists(st.integers(-5, 5), max_size=40), st.integers(0, 45))
@settings(max_examples=200, deadline=None)
def test_lowest_is_the_head_of_a_stable_sort(values: list[int], n: int) -> None:
    expected = sorted(range(len(values)), key=lambda position: (values[position], position))[:n]
    assert lowest(torch.tensor(values, dtype=torch.float32), n).tolist() == expected
