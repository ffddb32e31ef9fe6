"""cleanlab scores and prunes the same labels, given the same probabilities."""

import numpy as np
import pytest
import torch

from alframe.audit.label_ranking import confident_joint, label_issues, label_quality, rank_suspects
from tests.unit.audit.test_label_ranking import predictions

cleanlab_rank = pytest.importorskip(
    "cleanlab.rank", reason="cleanlab is not installed: pip install -e .[agreement]"
)
SEEDS = range(4)


def theirs(seed: int) -> tuple[torch.Tensor, torch.Tensor, np.ndarray, np.ndarray]:
    log_probs_NC, given_N = predictions(seed, n_classes=2 + seed)
    return log_probs_NC, given_N, given_N.numpy(), log_probs_NC.exp().numpy()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("method", "name"), [("self_confidence", "self_confidence"), ("normalised_margin", "normalized_margin")]
)
def test_scores_and_order_are_equal(seed, method, name):
    log_probs_NC, given_N, labels, probs = theirs(seed)
    quality_N = label_quality(log_probs_NC, given_N, method)
    scores = cleanlab_rank.get_label_quality_scores(labels, probs, method=name)
    assert quality_N.exp().numpy() == pytest.approx(scores, abs=1e-6)
    assert scores[rank_suspects(quality_N).numpy()] == pytest.approx(np.sort(scores), abs=1e-6)


@pytest.mark.parametrize("seed", SEEDS)
def test_joints_are_equal_but_for_ties_in_rounding(seed):
    from cleanlab.count import compute_confident_joint

    log_probs_NC, given_N, labels, probs = theirs(seed)
    their_CC = compute_confident_joint(labels, probs, calibrate=True)
    our_CC = confident_joint(log_probs_NC, given_N).numpy()
    assert our_CC.sum(axis=1).tolist() == their_CC.sum(axis=1).tolist()
    assert np.abs(our_CC - their_CC).max() <= 1
    assert (our_CC != their_CC).sum() <= 2


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("prune", ["class", "noise_rate", "both"])
def test_issues_of_a_joint_are_equal(seed, prune):
    from cleanlab.filter import find_label_issues

    log_probs_NC, given_N, labels, probs = theirs(seed)
    mask_N = find_label_issues(
        labels,
        probs,
        filter_by=prune if prune == "both" else f"prune_by_{prune}",
        confident_joint=confident_joint(log_probs_NC, given_N).numpy(),
        n_jobs=1,
    )
    assert label_issues(log_probs_NC, given_N, prune).tolist() == mask_N.tolist()
