"""Scores of one sample each: closed forms, and what does not cancel or saturate."""

import math
from itertools import permutations

import pytest
import torch

from alframe.core.errors import ConfigError
from alframe.core.records import Labelled, PoolScores
from alframe.query import Bald, Entropy, PowerLeastConfidence, VariationRatio
from alframe.query.base import finite, gumbel, soonest
from alframe.query.disagreement import bald, variation_ratio, vote_entropy
from alframe.query.power import log_closeness, log_error, power_draw


def pool(n: int, **fields: torch.Tensor) -> PoolScores:
    zeros = torch.zeros(n)
    return PoolScores(
        **{"index_P": torch.arange(n) + 10, "predicted_P": zeros.long(), "log_odds_P": zeros} | fields
    )


NOTHING = torch.empty(0, dtype=torch.int64)
NOBODY = Labelled(index_L=NOTHING, label_L=NOTHING, hand_L=NOTHING.bool(), pool_P=torch.arange(3))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def members(*votes: tuple[int, ...], n_classes: int = 3) -> torch.Tensor:
    """Log-probabilities (P, K, C) of members that give 0.9 to the class they vote for."""
    probs = torch.full((len(votes), len(votes[0]), n_classes), 0.1 / (n_classes - 1))
    return probs.scatter_(2, torch.tensor(votes)[:, :, None], 0.9).log()


def test_variation_ratio_and_vote_entropy_by_hand() -> None:
    said = members((0, 0, 0, 0), (0, 0, 1, 1), (2, 1, 1, 1), (0, 1, 2, 1))
    assert variation_ratio(said).tolist() == [0, 0.5, 0.25, 0.5]
    half, quarter = 0.5 * math.log(2), 0.25 * math.log(4)
    by_hand = [0, 2 * half, 0.75 * math.log(4 / 3) + quarter, half + 2 * quarter]
    assert vote_entropy(said).tolist() == pytest.approx(by_hand, abs=1e-12)


def test_the_same_votes_for_other_classes_are_as_much_disagreement_to_the_last_bit() -> None:
    # Votes of 4, 3, 2 and 1 out of ten, whose terms add up to two different sums in different orders.
    rows = [
        tuple(place for place, n in zip(places, (4, 3, 2, 1), strict=True) for _ in range(n))
        for places in permutations(range(4))
    ]
    assert len(vote_entropy(members(*rows, n_classes=7)).unique()) == 1


def test_equal_disagreement_asks_the_least_confident_first() -> None:
    scores = pool(
        4, members_PKC=members((0, 1), (0, 0), (1, 2), (0, 2)), log_odds_P=torch.tensor([2.0, -9.0, 1.0, 1.0])
    )
    strategy = VariationRatio(max_candidates=None)
    assert strategy.select(scores, NOBODY, 3, generator()).tolist() == [12, 13, 10]


def test_soonest_is_a_stable_sort_by_value_then_confidence() -> None:
    value = torch.randint(4, (200,), generator=generator(1)).float()
    odds = torch.randint(3, (200,), generator=generator(2)).float()
    expected = sorted(range(200), key=lambda p: (value[p], odds[p], p))
    for n in (0, 1, 37, 200, 300):
        assert (soonest(value, pool(200, log_odds_P=odds), n) - 10).tolist() == expected[:n]


def test_bald_by_hand() -> None:
    # Members sure of different classes; members of one mind; half of the entropy agreed upon.
    probs = torch.tensor([[[1.0, 0.0], [0.0, 1.0]], [[0.3, 0.7], [0.3, 0.7]], [[0.5, 0.5], [1.0, 0.0]]])
    h = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    expected = [math.log(2), 0, h - math.log(2) / 2]
    assert bald(probs.log().clamp_min(-200)).tolist() == pytest.approx(expected, abs=1e-7)


def test_bald_is_never_negative_and_sees_what_float32_does_not() -> None:
    same = torch.randn(500, 1, 10, generator=generator()).mul(5).log_softmax(dim=2).expand(-1, 8, -1)
    assert (bald(same) >= 0).all()
    assert bald(same).max() < 1e-12
    # p = 0.5 +- d has BALD 2 d^2 nats: 2e-8 of 0.69, below what float32 resolves.
    d = 1e-4
    probs = torch.tensor([[[0.5 + d, 0.5 - d], [0.5 - d, 0.5 + d]]], dtype=torch.float64)
    assert bald(probs.log()).item() == pytest.approx(2 * d * d, rel=1e-3)


def test_bald_asks_what_members_differ_on_and_entropy_what_they_find_hard() -> None:
    probs = torch.tensor([[[0.5, 0.5], [0.5, 0.5]], [[0.9, 0.1], [0.1, 0.9]], [[0.9, 0.1], [0.9, 0.1]]])
    entropies = torch.tensor([math.log(2), math.log(2) - 1e-3, 0.325])
    scores = pool(3, members_PKC=probs.log(), entropy_P=entropies)
    assert Bald(max_candidates=None).select(scores, NOBODY, 1, generator()).tolist() == [11]
    assert Entropy(spread=1).select(scores, NOBODY, 2, generator()).tolist() == [10, 11]


def test_scores_of_power_keep_what_is_tiny() -> None:
    assert log_error(torch.tensor([60.0])).exp().item() == pytest.approx(math.exp(-60), rel=1e-12)
    # p = (1 - e, e): 1 - (p1 - p2) = 2 e.
    for m in (0.0, 3.0, 20.0, 60.0):
        e = 1 / (1 + math.exp(m))
        assert log_closeness(torch.tensor([m]), torch.tensor([m])).exp().item() == pytest.approx(
            2 * e, rel=1e-12
        )


def test_power_margin_is_one_minus_the_difference() -> None:
    probs = torch.rand(50, 4, generator=generator(), dtype=torch.float64)
    probs /= probs.sum(dim=1, keepdim=True)
    top = probs.topk(2, dim=1).values
    found = log_closeness(top[:, 0].logit(), (top[:, 0] / top[:, 1]).log()).exp()
    assert torch.allclose(found, 1 - (top[:, 0] - top[:, 1]), rtol=1e-10)


def test_the_first_of_a_power_draw_has_odds_of_the_power() -> None:
    scores = torch.tensor([1.0, 2.0, 4.0], dtype=torch.float64)
    for beta, expected in ((1.0, scores / 7), (2.0, scores**2 / 21), (0.0, torch.ones(3) / 3)):
        noise = generator()
        first = torch.cat([power_draw(scores.log(), 1, beta, noise) for _ in range(6000)])
        shares = torch.bincount(first, minlength=3) / 6000
        # Four standard deviations.
        assert torch.allclose(shares.double(), expected.double(), atol=0.026)


def test_a_large_power_asks_the_highest_and_zero_scores_come_last_at_random() -> None:
    log_score = torch.tensor([0.1, 0.2, 0.3, 0.0, 0.0, 0.0, 0.0]).double().log()
    assert power_draw(log_score, 3, 1e6, generator()).tolist() == [2, 1, 0]
    drawn = [tuple(power_draw(log_score, 7, 1.0, generator(seed)).tolist()) for seed in range(20)]
    assert all(set(order[:3]) == {0, 1, 2} for order in drawn)
    assert len({order[3:] for order in drawn}) > 5


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
