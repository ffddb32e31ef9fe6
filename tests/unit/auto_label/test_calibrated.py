"""The temperature and the calibrated confidence."""

import math

import pytest
import torch

from alframe.auto_label import CalibratedPolicy
from alframe.auto_label.calibrated import log_odds_of, temperature
from alframe.core.log_odds import log_odds
from alframe.core.records import PoolScores, Validation

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


def sharp(n: int, seed: int, first: int = 0) -> tuple[PoolScores, torch.Tensor]:
    """Return scores whose log-probabilities are three times too confident, and the labels."""
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(n, 4, generator=generator, dtype=torch.float64)
    label = torch.multinomial(logits.softmax(1), 1, generator=generator).flatten()
    predicted, odds = log_odds(3 * logits)
    log_probs = (3 * logits).log_softmax(1).float()
    index = torch.arange(first, first + n)
    return PoolScores(index_P=index, predicted_P=predicted, log_odds_P=odds, log_probs_PC=log_probs), label


def test_temperature_is_the_most_likely_on_a_fine_grid() -> None:
    scores_V, label_V = sharp(2000, seed=0)
    logits = scores_V.log_probs_PC.double()
    grid = torch.arange(0.5, 6, 0.001, dtype=torch.float64)
    cost = torch.nn.functional.cross_entropy
    slow = grid[torch.stack([cost(logits / heat, label_V) for heat in grid]).argmin()]
    found = temperature(logits, label_V, most=100.0)
    assert found == pytest.approx(float(slow), abs=0.0011)
    assert found == pytest.approx(3.0, abs=0.2)


def test_temperature_of_all_right_all_wrong_or_none_is_bounded() -> None:
    logits = torch.tensor([[2.0, 0.0], [1.0, 0.0]], dtype=torch.float64)
    assert temperature(logits, torch.tensor([0, 0]), most=10.0) == pytest.approx(0.1)
    assert temperature(logits, torch.tensor([1, 1]), most=10.0) == pytest.approx(10.0)
    assert temperature(logits[:0], torch.empty(0, dtype=torch.int64), most=10.0) == 1.0


def test_log_odds_of_a_class_that_is_not_the_largest() -> None:
    logits = torch.tensor([[1.0, 2.0, 0.5]], dtype=torch.float64)
    p = logits.softmax(1)[0, 2]
    assert float(log_odds_of(logits, torch.tensor([2]))) == pytest.approx(math.log(p / (1 - p)))


def test_one_part_fits_the_temperature_and_the_other_judges() -> None:
    scores_V, label_V = sharp(50, seed=2)
    policy = CalibratedPolicy(**SETTINGS, calibration_share=0.2, max_temperature=100)
    learned = policy.learn(Validation(scores=scores_V, label_V=label_V), torch.Generator().manual_seed(0))
    assert int(learned.judges_V.sum()) == 40
    turned_V = torch.where(learned.judges_V, 3 - label_V, label_V)
    again = policy.learn(Validation(scores=scores_V, label_V=turned_V), torch.Generator().manual_seed(0))
    assert torch.equal(learned.confidence(scores_V), again.confidence(scores_V))


def test_calibrated_probabilities_set_the_threshold_and_the_classifiers_odds_are_recorded() -> None:
    pool, _ = sharp(500, seed=1)
    scores_V, label_V = sharp(4000, seed=2, first=10_000)
    settings = {
        **SETTINGS,
        "tolerance": 0.2,
        "min_support": 300,
    }  # a few errors among few samples would end the search
    policy = CalibratedPolicy(**settings, calibration_share=0.5, max_temperature=100)
    validation = Validation(scores=scores_V, label_V=label_V)
    accepted = policy.accept(pool, validation, torch.Generator().manual_seed(0))
    assert 0 < len(accepted.index_A) < 500
    assert torch.equal(accepted.log_odds_A, pool.log_odds_P[accepted.index_A])
    # At the true temperature the labels' own probabilities order them.
    true = log_odds_of(pool.log_probs_PC.double() / 3, pool.predicted_P).sigmoid()
    assert true[accepted.index_A].min() == pytest.approx(accepted.threshold, abs=0.03)
    assert 1 - true[accepted.index_A].mean() < 0.2
