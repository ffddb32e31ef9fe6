"""Disagreement of a committee: closed forms, and no loss of small differences."""

import math
from itertools import permutations

import pytest
import torch

from alframe.query import Bald, Entropy, VariationRatio
from alframe.query.disagreement import bald, variation_ratio, vote_entropy
from tests.support.pool_scores import NO_LABELS, generator, members, pool


def test_variation_ratio_and_vote_entropy_by_hand() -> None:
    members_PKC = members((0, 0, 0, 0), (0, 0, 1, 1), (2, 1, 1, 1), (0, 1, 2, 1))
    assert variation_ratio(members_PKC).tolist() == [0, 0.5, 0.25, 0.5]
    half, quarter = 0.5 * math.log(2), 0.25 * math.log(4)
    by_hand = [0, 2 * half, 0.75 * math.log(4 / 3) + quarter, half + 2 * quarter]
    assert vote_entropy(members_PKC).tolist() == pytest.approx(by_hand, abs=1e-12)


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
    assert strategy.select(scores, NO_LABELS, 3, generator()).tolist() == [12, 13, 10]


def test_bald_by_hand() -> None:
    # Members sure of different classes; members of one mind; half of the entropy agreed upon.
    probs = torch.tensor([[[1.0, 0.0], [0.0, 1.0]], [[0.3, 0.7], [0.3, 0.7]], [[0.5, 0.5], [1.0, 0.0]]])
    h = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    expected = [math.log(2), 0, h - math.log(2) / 2]
    assert bald(probs.log().clamp_min(-200)).tolist() == pytest.approx(expected, abs=1e-7)


def test_bald_is_never_negative_and_finer_than_float32() -> None:
    same = torch.randn(500, 1, 10, generator=generator()).mul(5).log_softmax(dim=2).expand(-1, 8, -1)
    assert (bald(same) >= 0).all()
    assert bald(same).max() < 1e-12
    # p = 0.5 +- d has BALD 2 d^2 nats: 2e-8 of 0.69, below what float32 resolves.
    d = 1e-4
    probs = torch.tensor([[[0.5 + d, 0.5 - d], [0.5 - d, 0.5 + d]]], dtype=torch.float64)
    assert bald(probs.log()).item() == pytest.approx(2 * d * d, rel=1e-3)


def test_bald_asks_where_members_differ_and_entropy_where_all_are_unsure() -> None:
    probs = torch.tensor([[[0.5, 0.5], [0.5, 0.5]], [[0.9, 0.1], [0.1, 0.9]], [[0.9, 0.1], [0.9, 0.1]]])
    entropies = torch.tensor([math.log(2), math.log(2) - 1e-3, 0.325])
    scores = pool(3, members_PKC=probs.log(), entropy_P=entropies)
    assert Bald(max_candidates=None).select(scores, NO_LABELS, 1, generator()).tolist() == [11]
    assert Entropy(spread=1).select(scores, NO_LABELS, 2, generator()).tolist() == [10, 11]
