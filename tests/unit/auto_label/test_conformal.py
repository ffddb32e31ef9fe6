"""Conformal selection: its p-values, its procedure, and the promise that it keeps."""

import math

import pytest
import torch
from torch import Tensor

from alframe.auto_label import ConformalPolicy
from alframe.auto_label.conformal import ConformalCut, conformal_cut
from alframe.core.errors import ConfigError, TrialError
from alframe.core.records import Accepted, PoolScores, Validation


def scores(odds: Tensor, first: int = 0) -> PoolScores:
    zeros = torch.zeros(len(odds), dtype=torch.int64)
    return PoolScores(
        index_P=torch.arange(first, first + len(odds)), predicted_P=zeros, log_odds_P=odds.float()
    )


def accept(odds_P: Tensor, odds_V: Tensor, wrong_V: Tensor, tolerance: float) -> Accepted:
    validation = Validation(scores=scores(odds_V, first=10_000), label_V=wrong_V.long())
    policy = ConformalPolicy(validation_size=1, tolerance=tolerance)
    return policy.accept(scores(odds_P), validation, torch.Generator())


def slowly(odds_P: Tensor, odds_V: Tensor, wrong_V: Tensor, tolerance: float) -> list[int]:
    """Return the accepted positions by p-values and Benjamini-Hochberg as in a textbook."""
    wrong = [odds for odds, is_wrong in zip(odds_V.tolist(), wrong_V.tolist(), strict=True) if is_wrong]
    p = [(1 + sum(odds >= each for odds in wrong)) / (len(odds_V) + 1) for each in odds_P.tolist()]
    ranked, accepted = sorted(p), -1.0
    for k, value in enumerate(ranked, start=1):
        if value <= tolerance * k / len(p) + 1e-12:
            accepted = value
    return [each for each, value in enumerate(p) if value <= accepted]


def drawn(n: int, generator: torch.Generator, n_ties: int = 8) -> tuple[Tensor, Tensor]:
    """Return confidences with many ties, and which predictions are wrong: the less confident more often."""
    odds = torch.randint(-n_ties, n_ties, (n,), generator=generator) / 2
    return odds, torch.rand(n, generator=generator) < (-odds - 0.5).sigmoid()


def test_hand_worked_p_values() -> None:
    # n = 19: the smallest p-value is 1 / 20. One wrong sample at 2.0 gives 2 / 20 at and below it.
    odds_V, wrong_V = torch.cat([torch.tensor([2.0]), torch.full((18,), 5.0)]), torch.arange(19) == 0
    odds_P = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0])
    # At 0.1 all p-values are within 0.1 * 5 / 5; at 0.09 the three above 2.0 are within 0.09 * 3 / 5 = 0.054.
    assert accept(odds_P, odds_V, wrong_V, 0.1).index_A.tolist() == [0, 1, 2, 3, 4]
    assert accept(odds_P, odds_V, wrong_V, 0.09).index_A.tolist() == [2, 3, 4]
    none = accept(odds_P, odds_V, wrong_V, 0.08)  # 1 / 20 > 0.08 * 3 / 5
    assert len(none.index_A) == 0
    assert none.note == (
        "no auto-labels: 1 of 19 validation samples are wrong, too many among the most confident "
        "(tolerance 0.08)"
    )


@pytest.mark.parametrize(("n", "accepts"), [(18, False), (19, True)])
def test_the_smallest_validation_set_that_can_accept_all(n: int, accepts: bool) -> None:
    accepted = accept(torch.arange(7.0), torch.ones(n), torch.zeros(n), 0.05)  # 1 / (n + 1) <= 0.05
    assert len(accepted.index_A) == (7 if accepts else 0)
    assert accepted.threshold == (0.0 if accepts else None)


def test_the_threshold_is_the_confidence_of_a_wrong_validation_sample() -> None:
    odds_V = torch.arange(100) / 10
    accepted = accept(torch.arange(10.0), odds_V, (odds_V == 3.0), 0.01)  # 1 / 101 > 0.01 * 6 / 10
    assert len(accepted.index_A) == 0
    accepted = accept(torch.arange(10.0), odds_V, (odds_V == 3.0), 0.0175)  # 6 of 10 are above 3.0
    assert accepted.index_A.tolist() == [4, 5, 6, 7, 8, 9]
    assert accepted.threshold == pytest.approx(1 / (1 + math.exp(-3.0)))


@pytest.mark.parametrize("seed", range(6))
def test_it_is_benjamini_hochberg_on_conformal_p_values(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    sizes = set()
    for tolerance in (0.02, 0.05, 0.1, 0.2, 0.4):
        odds_V, wrong_V = drawn(60, generator)
        odds_P, _ = drawn(30, generator)
        accepted = accept(odds_P, odds_V, wrong_V, tolerance)
        assert accepted.index_A.tolist() == slowly(odds_P, odds_V, wrong_V, tolerance)
        sizes.add(len(accepted.index_A))
        # inside_V: each validation sample as one more sample of the pool.
        for each in range(0, 60, 5):
            with_guest = torch.cat([odds_P, odds_V[each : each + 1]])
            inside = 30 in slowly(with_guest, odds_V, wrong_V, tolerance)
            assert bool(accepted.inside_V[each]) == inside
    assert len(sizes) > 2


def test_an_infinite_log_odds_is_a_probability_of_one_and_nan_is_refused() -> None:
    odds_V, wrong_V = torch.full((40,), math.inf), torch.zeros(40)
    assert len(accept(torch.tensor([math.inf, 1.0]), odds_V, wrong_V, 0.05).index_A) == 2
    with pytest.raises(TrialError, match="sample 1 are NaN"):
        accept(torch.tensor([1.0, math.nan]), odds_V, wrong_V, 0.05)


def test_nothing_is_above_a_wrong_sample_that_is_the_most_confident_of_all() -> None:
    sure_V, wrong_V = torch.arange(50.0), torch.arange(50) == 49
    assert conformal_cut(sure_V, wrong_V, torch.arange(20.0), tolerance=0.03) == ConformalCut(math.inf, 0)


def test_the_expected_share_of_wrong_labels_is_within_the_tolerance_and_single_shares_are_not() -> None:
    generator, tolerance, shares = torch.Generator().manual_seed(0), 0.1, []
    for _ in range(400):
        odds, wrong = drawn(600, generator, n_ties=1000)
        cut = conformal_cut(odds[:200].double(), wrong[:200], odds[200:].double(), tolerance=tolerance)
        taken = wrong[200:][odds[200:] > cut.above]
        shares.append(float(taken.double().mean()) if len(taken) else 0.0)
    share = torch.tensor(shares, dtype=torch.float64)
    error = float(share.std()) / 20
    assert tolerance - 0.03 < float(share.mean()) < tolerance + 2 * error
    assert 0.2 < float((share > tolerance).double().mean()) < 0.7


@pytest.mark.parametrize(("key", "value"), [("tolerance", 5), ("tolerance", 0), ("validation_size", 0)])
def test_a_setting_out_of_range_is_named(key: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"auto_label.{key}: expected"):
        ConformalPolicy(**{"validation_size": 100, "tolerance": 0.05, key: value})
