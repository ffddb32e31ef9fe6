import torch

from alframe.core.loop_plan import Amount
from alframe.query.seed_sets import StratifiedSeedSet


def classes(truth: list[int], n: int, seed: int = 0) -> list[int]:
    """Return how many of each class are chosen."""
    truth_N = torch.tensor(truth)
    seed_set = StratifiedSeedSet(Amount(num=n), truth_N)
    chosen = seed_set.select(torch.arange(len(truth)), torch.Generator().manual_seed(seed))
    return torch.bincount(truth_N[chosen], minlength=3).tolist()


def test_equal_numbers_of_unequal_classes() -> None:
    assert classes([0] * 50 + [1] * 20 + [2] * 9, 12) == [4, 4, 4]


def test_a_class_that_runs_out_leaves_its_places_to_the_others() -> None:
    assert classes([0] * 50 + [1] * 20 + [2] * 2, 12) == [5, 5, 2]
    assert classes([0] * 50 + [1] * 3 + [2] * 2, 20) == [15, 3, 2]


def test_the_odd_places_go_to_random_classes() -> None:
    drawn = [tuple(classes([0, 1, 2] * 30, 10, seed)) for seed in range(60)]
    assert set(drawn) == {(4, 3, 3), (3, 4, 3), (3, 3, 4)}
    assert min(drawn.count(one) for one in set(drawn)) > 8  # 20 expected, standard deviation 3.7


def test_members_of_a_class_are_drawn_at_random_from_the_pool() -> None:
    truth_N = torch.zeros(40, dtype=torch.int64)
    seed_set = StratifiedSeedSet(Amount(num=1), truth_N)
    pool = torch.arange(30, 40)
    drawn = {int(seed_set.select(pool, torch.Generator().manual_seed(seed))) for seed in range(200)}
    assert drawn == set(range(30, 40))
