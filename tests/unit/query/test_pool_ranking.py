"""What several strategies use: ties, noise, finite scores, ranges."""

import math

import pytest
import torch

from alframe.core.errors import ConfigError
from alframe.query import Bald, PowerLeastConfidence
from alframe.query.pool_ranking import finite, gumbel, soonest
from tests.support.pool_scores import generator, pool


def test_soonest_is_a_stable_sort_by_value_then_confidence() -> None:
    value = torch.randint(4, (200,), generator=generator(1)).float()
    odds = torch.randint(3, (200,), generator=generator(2)).float()
    expected = sorted(range(200), key=lambda p: (value[p], odds[p], p))
    for n in (0, 1, 37, 200, 300):
        assert (soonest(value, pool(200, log_odds_P=odds), n) - 10).tolist() == expected[:n]


def test_gumbel_noise_has_its_distribution() -> None:
    draws = gumbel(100_000, generator()).sort().values
    for share in (0.05, 0.5, 0.95):
        assert draws[int(share * 100_000)].item() == pytest.approx(-math.log(-math.log(share)), abs=0.03)


def test_finite_names_the_first_bad_sample() -> None:
    assert finite(pool(0, margin_P=torch.empty(0)), "margin_P").shape == (0,)
    assert finite(pool(2), "log_odds_P").tolist() == [0, 0]


def test_settings_out_of_range_are_refused_by_key() -> None:
    with pytest.raises(ConfigError, match=r"^query.beta: expected a number of at least 0, got -1"):
        PowerLeastConfidence(beta=-1)
    with pytest.raises(ConfigError, match=r"^query.max_candidates: expected a whole number of at least 1"):
        Bald(max_candidates=0)
