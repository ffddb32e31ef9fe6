"""Agreement with scikit-activeml, where it is installed: pip install 'alframe[agreement]'."""

import numpy as np
import pytest
import torch

from alframe.core.log_odds import entropy, log_odds
from alframe.query import Coreset, DropQuery, MaxHerding
from alframe.query.batchbald import greedy_batch
from alframe.query.disagreement import bald, variation_ratio, vote_entropy
from alframe.query.power import log_closeness, log_error
from tests.support.pool_scores import NO_LABELS, generator, labelled, members, normal, pool
from tests.unit.query.test_batchbald import random_members

theirs = pytest.importorskip("skactiveml.pool", reason="scikit-activeml is not installed")


def test_uncertainty_scores() -> None:
    log_probs = normal(200, 5).mul(2).log_softmax(dim=1)
    probs = log_probs.double().exp().numpy()
    _, odds = log_odds(log_probs)
    top = log_probs.topk(2, dim=1).values
    ours = {
        "least_confident": log_error(odds).exp(),
        "margin_sampling": log_closeness(odds, top[:, 0] - top[:, 1]).exp(),
        "entropy": entropy(log_probs),
    }
    for method, score in ours.items():
        expected = theirs.uncertainty_scores(probs, method=method)
        assert score.numpy() == pytest.approx(expected, rel=1e-4, abs=1e-6), method


def test_disagreement_of_a_committee() -> None:
    members_PKC = random_members(200, n_members=7, n_classes=4)
    votes = members_PKC.argmax(dim=2).numpy()
    assert variation_ratio(members_PKC).numpy() == pytest.approx(theirs.variation_ratios(votes))
    assert vote_entropy(members_PKC).numpy() == pytest.approx(theirs.vote_entropy(votes, np.arange(4)))


def test_bald_and_batchbald() -> None:
    members_PKC = random_members(60, n_members=5, seed=2)
    utilities = theirs.batch_bald(
        members_PKC.exp().transpose(0, 1).numpy().copy(), 3, n_MC_samples=4000, random_state=0
    )
    assert utilities[0] == pytest.approx(bald(members_PKC).numpy(), abs=1e-6)
    expected = [int(np.nanargmax(row)) for row in utilities]
    assert greedy_batch(members_PKC, bald(members_PKC), 3, 10**6, generator()).tolist() == expected


def test_k_center_greedy() -> None:
    x, start = normal(100, 4), normal(6, 4, seed=1)
    y = np.full(106, np.nan)
    y[:6] = 0
    expected, _ = theirs.k_greedy_center(torch.cat([start, x]).numpy(), y, batch_size=20)
    strategy = Coreset(max_candidates=None)
    asked = strategy.select(pool(100, features_PD=x), labelled(start), 20, generator()) - 10
    assert asked.tolist() == (expected - 6).tolist()


def test_dropquery() -> None:
    """Their passes draw from NumPy, so a classifier returns the same votes to both."""
    from skactiveml.base import SkactivemlClassifier

    angle_P = torch.deg2rad(torch.arange(4.0).repeat_interleave(25) * 90 + normal(100))
    x = torch.stack([angle_P.cos(), angle_P.sin()], dim=1)
    votes_PK = torch.randint(0, 2, (100, 3), generator=generator(1))

    class Votes(SkactivemlClassifier):
        def fit(self, X, y, sample_weight=None):
            return self

        def predict_proba(self, X):
            raise NotImplementedError

        def predict(self, X):
            calls.append(len(X))
            return np.zeros(100) if len(calls) == 1 else votes_PK[:, len(calls) - 2].numpy()

    calls: list[int] = []
    expected = theirs.DropQuery(n_dropout_samples=3, random_state=0, cluster_algo_dict={"n_init": 5}).query(
        x.numpy(), np.full(100, np.nan), Votes(classes=[0, 1]), fit_clf=False, batch_size=4
    )
    strategy = DropQuery(max_candidates=None, passes=3, spread=1)
    scores = pool(100, features_PD=x, members_PKC=members(*map(tuple, votes_PK.tolist()), n_classes=2))
    asked = strategy.select(scores, NO_LABELS, 4, generator()) - 10
    assert sorted(asked.tolist()) == sorted(expected.tolist())


@pytest.mark.parametrize("n_labelled", [0, 6])
def test_max_herding(n_labelled: int) -> None:
    x, start = normal(100, 4), normal(n_labelled, 4, seed=1)
    both = torch.cat([start, x]).double().numpy()
    y = np.full(len(both), np.nan)
    y[:n_labelled] = 0
    for bandwidth in (0.5, 1.0):
        method = theirs.MaxHerding(metric_dict={"gamma": bandwidth**-2}, random_state=0)
        expected = method.query(both, y, batch_size=20)
        strategy = MaxHerding(max_candidates=None, bandwidth=bandwidth)
        asked = strategy.select(pool(100, features_PD=x), labelled(start), 20, generator()) - 10
        assert asked.tolist() == (expected - n_labelled).tolist()
