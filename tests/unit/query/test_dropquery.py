"""DropQuery: doubtful samples, one near each centre."""

import pytest
import torch

from alframe.query import DropQuery
from alframe.query.dropquery import changes, least_changes
from tests.support.pool_scores import NO_LABELS, generator, members, normal, pool


def strategy(**changed: float) -> DropQuery:
    return DropQuery(**({"max_candidates": None, "passes": 3, "spread": 1} | changed))


def test_a_change_is_a_pass_with_another_class_than_the_prediction() -> None:
    votes = members((0, 0, 0), (0, 1, 2), (1, 1, 2), (1, 1, 1))
    assert changes(votes, torch.tensor([0, 0, 0, 1])).tolist() == [0, 2, 3, 0]


@pytest.mark.parametrize(
    ("n_passes", "wanted", "least"), [(3, 1, 2), (3, 3, 1), (3, 9, 1), (5, 1, 3), (1, 9, 1)]
)
def test_more_than_half_of_the_passes_or_fewer_until_there_are_enough(
    n_passes: int, wanted: int, least: int
) -> None:
    assert least_changes(torch.tensor([0, 1, 2, 3, 0]), n_passes, wanted) == least


def test_one_doubtful_sample_near_the_centre_of_each_cluster_is_asked() -> None:
    # Three directions of five samples at the angles -2, -1, 0, 1 and 2 degrees: the middle ones are asked.
    angle_P = torch.deg2rad(
        torch.tensor([0.0, 90.0, 180.0]).repeat_interleave(5) + torch.arange(-2, 3).repeat(3)
    )
    doubtful = torch.stack([angle_P.cos(), angle_P.sin()], dim=1) * (torch.arange(15) + 1)[:, None]
    x = torch.cat([normal(30, 2), doubtful])
    votes = members(*[(0, 0, 1)] * 30, *[(1, 2, 0)] * 15)
    for seed in range(5):
        asked = strategy().select(pool(45, features_PD=x, members_PKC=votes), NO_LABELS, 3, generator(seed))
        assert sorted((asked - 10).tolist()) == [32, 37, 42]


def test_only_the_first_passes_count() -> None:
    votes = members(*[(0, 0, 0, 1, 1, 1)] * 9, (1, 1, 0, 0, 0, 0))
    asked = strategy().select(
        pool(10, features_PD=normal(10, 2), members_PKC=votes), NO_LABELS, 1, generator()
    )
    assert asked.tolist() == [19]


def test_all_doubtful_samples_and_random_others_if_they_are_too_few() -> None:
    votes = members(*[(0, 0, 0)] * 20, (1, 0, 0), (1, 1, 0))
    scores = pool(22, features_PD=normal(22, 2), members_PKC=votes)
    asked = {
        tuple((strategy().select(scores, NO_LABELS, 5, generator(seed)) - 10).tolist()) for seed in range(9)
    }
    assert len(asked) > 5
    assert all(each[:2] == (20, 21) and max(each[2:]) < 20 for each in asked)


def test_samples_with_fewer_changes_join_up_to_the_spread() -> None:
    votes = members(*[(0, 0, 1)] * 40, *[(1, 1, 1)] * 10)
    scores = pool(50, features_PD=normal(50, 3), members_PKC=votes)
    near, far = (strategy(spread=spread).select(scores, NO_LABELS, 10, generator()) - 10 for spread in (1, 3))
    assert sorted(near.tolist()) == list(range(40, 50))
    assert (far < 40).any()
