"""One threshold, one for each class, and the top k, worked out by hand."""

import pytest
import torch

from alframe.auto_label import PerClassPolicy, ThresholdPolicy, TopKPolicy
from alframe.core.errors import ConfigError
from alframe.core.log_odds import logit
from alframe.core.records import Accepted, PoolScores, Validation


def scores(odds: list[float], predicted: list[int] | None = None, first: int = 10) -> PoolScores:
    return PoolScores(
        index_P=torch.arange(first, first + len(odds)),
        predicted_P=torch.tensor(predicted or [0] * len(odds)),
        log_odds_P=torch.tensor(odds),
    )


def accept(policy, pool: PoolScores, judged: PoolScores | None = None) -> Accepted:
    validation = None if judged is None else Validation(scores=judged, label_V=judged.predicted_P)
    return policy.accept(pool, validation, torch.Generator())


def test_a_number_beyond_the_pool_takes_the_pool_with_a_note() -> None:
    beyond = accept(TopKPolicy(num=5, share=None), scores([1.0, 2.0, 3.0]))
    assert len(beyond.index_A) == 3
    assert beyond.note == "auto_label.num=5 takes the whole pool of 3"
    assert accept(TopKPolicy(num=2, share=None), scores([1.0, 2.0, 3.0])).note is None


def test_the_threshold_is_recorded_and_applied_to_the_validation_set() -> None:
    accepted = accept(ThresholdPolicy(threshold=0.5), scores([0.0, 0.1, -1.0]), scores([0.1, 0.0], first=50))
    assert (accepted.index_A.tolist(), accepted.threshold) == ([11], 0.5)
    assert accepted.inside_V.tolist() == [True, False]


@pytest.mark.parametrize("thresholds", [[0.5, 0.9, 0.5], {1: 0.9}, {"1": 0.9}])
def test_each_class_has_its_own_threshold(thresholds) -> None:
    # logit(0.9) = 2.197
    pool = scores([1.0, 1.0, 2.2, 2.19, -0.1, 0.1], [0, 1, 1, 1, 2, 2])
    accepted = accept(
        PerClassPolicy(threshold=0.5, thresholds=thresholds), pool, scores([1.0, 1.0], [1, 2], first=50)
    )
    assert accepted.index_A.tolist() == [10, 12, 15]
    assert accepted.label_A.tolist() == [0, 1, 2]
    assert (accepted.threshold, accepted.inside_V.tolist()) == (None, [False, True])


def test_classes_without_a_threshold_share_one() -> None:
    accepted = accept(PerClassPolicy(threshold=0.9, thresholds=None), scores([2.1, 2.2], [0, 4]))
    assert (accepted.index_A.tolist(), accepted.threshold) == ([11], 0.9)


def test_per_class_agrees_with_a_slow_loop() -> None:
    generator = torch.Generator().manual_seed(1)
    pool = scores((4 * torch.randn(300, generator=generator)).tolist())
    pool.predicted_P[:] = torch.randint(5, (300,), generator=generator)
    thresholds = [0.5, 0.6, 0.9, 0.99, 0.2]
    accepted = accept(PerClassPolicy(threshold=0.5, thresholds=thresholds), pool)
    rows = zip(pool.index_P.tolist(), pool.predicted_P.tolist(), pool.log_odds_P.tolist(), strict=True)
    assert accepted.index_A.tolist() == [i for i, c, m in rows if m > logit(thresholds[c])]


def test_a_list_that_is_too_short_is_refused_when_the_class_is_predicted() -> None:
    policy = PerClassPolicy(threshold=0.5, thresholds=[0.9, 0.9])
    assert len(accept(policy, scores([3.0, 3.0], [0, 1])).index_A) == 2
    with pytest.raises(
        ConfigError, match=r"auto_label.thresholds: .*up to class 2, which was predicted, got '2 thresholds'"
    ):
        accept(policy, scores([0.0, 0.0], [0, 2]))


@pytest.mark.parametrize(
    ("thresholds", "message"),
    [
        ([0.5, 95], r"thresholds\[1\]: expected a probability strictly between 0 and 1, got 95. Write 0.95."),
        ({"three": 0.5}, "classes as whole numbers"),
        ({3: 1.0}, r"thresholds\[3\]: expected a probability"),
        (0.5, "a list such as"),
        ([], "a list such as"),
        ("0.5", "a list such as"),
    ],
)
def test_invalid_thresholds_are_refused(thresholds, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        PerClassPolicy(threshold=0.5, thresholds=thresholds)


def test_the_k_most_confident_with_ties_to_the_lowest_indices() -> None:
    pool = scores([1.0, 5.0, 3.0, 3.0, 3.0, 0.0])
    assert accept(TopKPolicy(num=3, share=None), pool).index_A.tolist() == [11, 12, 13]
    shuffled = pool.at(torch.tensor([5, 4, 3, 2, 1, 0]))
    assert sorted(accept(TopKPolicy(num=3, share=None), shuffled).index_A.tolist()) == [11, 12, 13]
    assert accept(TopKPolicy(num=None, share=0.5), pool).index_A.tolist() == [11, 12, 13]
    assert len(accept(TopKPolicy(num=None, share=0.01), pool).index_A) == 1
    assert len(accept(TopKPolicy(num=9, share=None), pool).index_A) == 6


def test_inside_the_top_k_with_ties() -> None:
    pool = scores([1.0, 5.0, 3.0, 3.0])  # the second is sample 12 at 3.0
    judged = scores([3.0, 3.1, 2.9], first=50)
    assert accept(TopKPolicy(num=2, share=None), pool, judged).inside_V.tolist() == [False, True, False]
    before = scores([3.0, 3.1, 2.9], first=0)
    assert accept(TopKPolicy(num=2, share=None), pool, before).inside_V.tolist() == [True, True, False]
    assert accept(TopKPolicy(num=5, share=None), pool, judged).inside_V.tolist() == [True, True, True]


@pytest.mark.parametrize(("num", "share"), [(None, None), (3, 0.1), (0, None), (None, 1.5), (None, 0)])
def test_a_number_or_a_share(num, share) -> None:
    with pytest.raises(ConfigError, match="auto_label"):
        TopKPolicy(num=num, share=share)
