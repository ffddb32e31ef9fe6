import pytest
import torch

from alframe.core.errors import ConfigError, DataWarning
from alframe.data import ImageDataset, choose_members, thinned_members
from alframe.data.subset import imbalanced, kept_shares

# CIFAR-10 with a ratio of 100, as the literature counts it: 12,406 images.
CIFAR_LONG_TAIL = [5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50]


def sizes(truth_N: torch.Tensor, member_N: torch.Tensor) -> list[int]:
    return torch.bincount(truth_N[member_N], minlength=10).tolist()


def thin(truth_N: torch.Tensor, kind: str, ratio: float, seed: int = 0, member_N=None) -> torch.Tensor:
    member_N = torch.ones(len(truth_N), dtype=torch.bool) if member_N is None else member_N
    share_C = kept_shares(10, kind, ratio)
    return imbalanced(truth_N, member_N, share_C, torch.Generator().manual_seed(seed))


def test_the_long_tail_of_cifar_with_a_ratio_of_100() -> None:
    truth_N = torch.arange(50_000) % 10
    assert sizes(truth_N, thin(truth_N, "long_tail", 100)) == CIFAR_LONG_TAIL
    assert sum(CIFAR_LONG_TAIL) == 12_406


def test_the_step_takes_from_the_second_half() -> None:
    truth_N = torch.arange(1000) % 10
    assert sizes(truth_N, thin(truth_N, "step", 20)) == [100] * 5 + [5] * 5
    assert kept_shares(5, "step", 4).tolist() == [1, 1, 1, 0.25, 0.25]


@pytest.mark.parametrize("kind", ["long_tail", "step"])
@pytest.mark.parametrize("ratio", [1, 1.0])
def test_a_ratio_of_one_keeps_all_samples(kind: str, ratio: float) -> None:
    truth_N = torch.arange(100) % 10
    assert thin(truth_N, kind, ratio).all()


def test_every_share_is_of_the_classes_own_size_within_the_limit() -> None:
    truth_N = torch.tensor([0] * 40 + [9] * 60)
    member_N = torch.arange(100) % 2 == 0
    kept_N = thin(truth_N, "step", 10, member_N=member_N)
    assert sizes(truth_N, kept_N) == [20, 0, 0, 0, 0, 0, 0, 0, 0, 3]
    assert not (kept_N & ~member_N).any()


def test_the_seed_draws_the_samples_that_stay() -> None:
    truth_N = torch.arange(1000) % 10
    assert torch.equal(thin(truth_N, "step", 5, seed=1), thin(truth_N, "step", 5, seed=1))
    assert not torch.equal(thin(truth_N, "step", 5, seed=1), thin(truth_N, "step", 5, seed=2))
    often_N = sum(thin(truth_N, "step", 5, seed=seed).int() for seed in range(100))
    last = often_N[truth_N == 9]  # 20 expected each, standard deviation 4
    assert 3 < int(last.min()) < int(last.max()) < 40


def test_a_class_keeps_one_sample_with_a_warning() -> None:
    truth_N = torch.arange(50) % 10
    with pytest.warns(DataWarning, match=r"no sample of class 7, 8, 9 .counted from 0. would") as caught:
        kept_N = thin(truth_N, "long_tail", 10)
    assert len(caught) == 1
    assert sizes(truth_N, kept_N) == [5, 3, 2, 2, 1, 1, 1, 1, 1, 1]


def dataset(**changes) -> ImageDataset:
    images = torch.zeros(200, 8, 8, dtype=torch.uint8)
    settings = {"labels": torch.arange(200) % 10}
    return ImageDataset.from_arrays("toy", images, **(settings | changes))


def settings(**changes) -> dict:
    return {"kind": "step", "ratio": 4, "shuffle_classes": False} | changes


def test_without_settings_or_with_kind_none_all_samples_stay() -> None:
    member_N = torch.arange(200) < 150
    for given in (None, settings(kind="none")):
        assert torch.equal(thinned_members(dataset(), member_N, given, 0), member_N)


def test_shuffled_classes_are_other_classes_by_seed() -> None:
    everyone, data = torch.ones(200, dtype=torch.bool), dataset()
    in_order = sizes(data.truth_N, thinned_members(data, everyone, settings(), 3))
    assert in_order == [20] * 5 + [5] * 5
    drawn = {
        tuple(sizes(data.truth_N, thinned_members(data, everyone, settings(shuffle_classes=True), seed)))
        for seed in range(5)
    }
    assert all(sorted(one) == sorted(in_order) for one in drawn)
    assert len(drawn) > 2


def test_imbalance_without_true_labels_is_refused() -> None:
    unknown = dataset(labels=None, class_names=["a", "b"])
    with pytest.raises(
        ConfigError, match=r"data.imbalance.kind: expected none for toy, which has no true labels"
    ):
        thinned_members(unknown, torch.ones(200, dtype=torch.bool), settings(), 0)


def test_all_samples_are_members_without_a_limit():
    assert choose_members(7, None, seed=3).tolist() == [True] * 7


@pytest.mark.parametrize("limit", [1, 40, 100])
def test_the_limit_is_the_number_of_members(limit):
    member_N = choose_members(100, limit, seed=3)
    assert member_N.dtype == torch.bool
    assert member_N.shape == (100,)
    assert member_N.sum() == limit


def test_the_seed_draws_the_members():
    assert torch.equal(choose_members(100, 40, seed=3), choose_members(100, 40, seed=3))
    assert not torch.equal(choose_members(100, 40, seed=3), choose_members(100, 40, seed=4))


def test_members_are_drawn_from_the_whole_file():
    drawn = torch.stack([choose_members(20, 5, seed) for seed in range(400)]).float().mean(0)
    assert drawn.min() > 0.15  # a quarter each, give or take 4.5 standard errors
    assert drawn.max() < 0.35


def test_a_limit_beyond_the_data_set_is_refused():
    with pytest.raises(
        ConfigError, match=r"data\.limit: expected at most the data set's 100 samples, got 101"
    ):
        choose_members(100, 101, seed=0)
