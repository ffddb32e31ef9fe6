"""Agreement of a committee, by hand."""

import math

import torch

from alframe.auto_label import ConsensusPolicy
from alframe.core.records import Accepted, PoolScores, Validation


def scores(*probabilities: list[float], predicted: list[int] | None = None) -> PoolScores:
    """Return scores of two classes; each sample says what its members give class 0."""
    p_PK = torch.tensor(probabilities)
    return PoolScores(
        index_P=torch.arange(len(probabilities)) + 10,
        predicted_P=torch.tensor(predicted) if predicted else (p_PK.mean(1) < 0.5).long(),
        log_odds_P=torch.full((len(probabilities),), 7.0),
        members_PKC=torch.stack([p_PK, 1 - p_PK], dim=2).log(),
    )


def accept(threshold: float, pool: PoolScores, validation: Validation | None = None) -> Accepted:
    return ConsensusPolicy(threshold=threshold).accept(pool, validation, torch.Generator())


def test_all_members_and_their_mean_log_odds_decide() -> None:
    # Mean log-odds: (logit .6 + logit .99) / 2 = (.405 + 4.595) / 2 = 2.5, of p = .924; the mean p is .795.
    pool = scores([0.6, 0.99], [0.49, 0.999], [0.01, 0.05])
    accepted = accept(0.92, pool)
    assert (accepted.index_A.tolist(), accepted.label_A.tolist()) == ([10, 12], [0, 1])
    assert accepted.log_odds_A.tolist() == [7.0, 7.0]  # the classifier's, not the committee's
    assert accept(0.925, pool).index_A.tolist() == [12]
    assert accepted.threshold == 0.92
    assert math.isclose(1 / (1 + math.exp(-2.5)), 0.924, abs_tol=1e-3)


def test_the_class_that_they_agree_on_must_be_the_prediction() -> None:
    assert len(accept(0.6, scores([0.9, 0.9], predicted=[1])).index_A) == 0


def test_a_committee_needs_two_members() -> None:
    accepted = accept(0.6, scores([0.99], [0.99]))
    assert len(accepted.index_A) == 0
    assert "at least two members" in accepted.note


def test_an_empty_pool_is_accepted_without_members() -> None:
    pool = PoolScores(
        index_P=torch.empty(0, dtype=torch.int64),
        predicted_P=torch.empty(0, dtype=torch.int64),
        log_odds_P=torch.empty(0),
        members_PKC=torch.empty(0),
    )
    judged = scores([0.99, 0.99], [0.4, 0.6])
    accepted = accept(0.6, pool, Validation(scores=judged, label_V=judged.predicted_P))
    assert (len(accepted.index_A), accepted.inside_V.tolist()) == (0, [True, False])
