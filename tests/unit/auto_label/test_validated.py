"""Groups, their cuts, and the notes that explain them."""

import math

import pytest
import torch

from alframe.auto_label import ValidatedPolicy
from alframe.core.errors import ConfigError, TrialError
from alframe.core.records import Accepted, PoolScores, Validation

SETTINGS = {
    "validation_size": 100,
    "tolerance": 0.05,
    "bound": "clopper_pearson",
    "group": "joint",
    "delta": 0.05,
    "sigma_weight": 0.25,
    "min_support": 10,
    "num_cuts": 20,
}


def scores(odds: torch.Tensor, predicted: torch.Tensor | None = None, first: int = 0) -> PoolScores:
    zeros = torch.zeros(len(odds), dtype=torch.int64)
    return PoolScores(
        index_P=torch.arange(first, first + len(odds)),
        predicted_P=zeros if predicted is None else predicted,
        log_odds_P=odds.float(),
    )


def judged(odds: torch.Tensor, wrong: torch.Tensor, predicted: torch.Tensor | None = None) -> Validation:
    scores_V = scores(odds, predicted, first=10_000)
    return Validation(scores=scores_V, label_V=scores_V.predicted_P + wrong.long())


def accept(pool: PoolScores, validation: Validation, **changes: object) -> Accepted:
    return ValidatedPolicy(**{**SETTINGS, **changes}).accept(pool, validation, torch.Generator())


POOL = scores(torch.arange(10.0))


def test_the_threshold_is_the_probability_at_the_cut() -> None:
    odds = torch.arange(100) / 10  # wrong below 3
    accepted = accept(POOL, judged(odds, odds < 3), bound="sigma", tolerance=0.01)
    assert accepted.index_A.tolist() == [3, 4, 5, 6, 7, 8, 9]  # 3 itself is not below 3.0
    assert accepted.threshold == pytest.approx(1 / (1 + math.exp(-2.9)), abs=1e-6)  # the next sample below
    assert accepted.inside_V.tolist() == (odds >= 3).tolist()
    assert accepted.note is None


def test_all_right_accepts_all_even_below_the_least_confident_sample() -> None:
    accepted = accept(POOL, judged(torch.linspace(5, 9, 100), torch.zeros(100)))
    assert (len(accepted.index_A), accepted.threshold) == (10, 0.0)


@pytest.mark.parametrize("group", ["joint", "per_class"])
def test_a_sample_at_the_cut_itself_is_not_accepted(group: str) -> None:
    # 70 are right, the 30 from 1.0 down are wrong: the cut is 1.0.
    odds = torch.cat([torch.full((70,), 5.0), torch.linspace(0, 1, 30)])
    accepted = accept(scores(torch.tensor([1.0, 1.1])), judged(odds, odds < 2), group=group)
    assert accepted.index_A.tolist() == [1]
    assert int(accepted.inside_V.sum()) == 70


def test_if_all_are_wrong_none_is_accepted_and_the_note_has_the_reason() -> None:
    accepted = accept(POOL, judged(torch.linspace(5, 9, 100), torch.ones(100)))
    assert (len(accepted.index_A), accepted.threshold, bool(accepted.inside_V.any())) == (0, None, False)
    assert accepted.note == (
        "no auto-labels: 59 of the 59 most confident validation samples are wrong (tolerance 0.05)"
    )


def test_too_few_samples_are_noted_with_the_numbers() -> None:
    accepted = accept(POOL, judged(torch.linspace(5, 9, 40), torch.zeros(40)))
    assert accepted.note == "no auto-labels: 40 validation samples judge them and 59 are needed"


def test_each_class_is_judged_by_its_own() -> None:
    odds, predicted = torch.linspace(0, 9, 240), torch.arange(240) % 3
    wrong = (predicted == 1) | ((predicted == 2) & (odds < 5))
    pool = scores(torch.arange(40) / 4, torch.arange(40) % 4)
    accepted = accept(pool, judged(odds, wrong, predicted), group="per_class", bound="sigma")
    # Of class 2 two wrong ones may come along: .05 e + .25 sqrt(e (1 - e)) allows e = .0126, none of 36.
    expected = pool.predicted_P == 0  # also below the least confident sample, as none of class 0 is wrong
    expected |= (pool.predicted_P == 2) & (pool.log_odds_P > odds[(predicted == 2) & wrong].max())
    assert accepted.index_A.tolist() == pool.index_P[expected].tolist()
    assert accepted.threshold is None
    assert accepted.note.startswith("no auto-labels of class 1: at best 10 of the 10 most confident")


def test_delta_is_split_over_the_classes_that_are_predicted() -> None:
    odds, predicted = torch.linspace(0, 9, 144), torch.arange(144) % 2
    pool = scores(torch.arange(10.0), torch.arange(10) % 2)
    # 59 error-free samples do for one group at delta .05, 72 are needed of each of two.
    assert len(accept(pool, judged(odds, odds < 0, predicted), group="per_class").index_A) == 10
    fewer = accept(pool, judged(odds[:142], odds[:142] < 0, predicted[:142]), group="per_class")
    assert len(fewer.index_A) == 0
    assert (
        fewer.note
        == "no auto-labels of any class: at best 71 validation samples judge them and 72 are needed"
    )


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("validation_size", 0),
        ("tolerance", 5),
        ("bound", "wilson"),
        ("group", "each"),
        ("delta", 0),
        ("sigma_weight", -1),
        ("min_support", 0),
        ("num_cuts", 0),
    ],
)
def test_a_setting_out_of_range_is_named(key: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"auto_label.{key}: expected"):
        ValidatedPolicy(**{**SETTINGS, key: value})


def test_confidences_that_are_nan_are_refused_with_the_sample() -> None:
    pool = scores(torch.tensor([1.0, math.nan]))
    with pytest.raises(TrialError, match="those of sample 1 are NaN"):
        accept(pool, judged(torch.linspace(5, 9, 100), torch.zeros(100)))
