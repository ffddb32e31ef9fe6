"""What every auto-label policy must do; a new file in conf/auto_label/ is covered by being there."""

import math
from dataclasses import replace

import pytest
import torch

from alframe.auto_label import ThresholdPolicy
from alframe.config.validate import conf_directory
from alframe.core.errors import ConfigError, TrialError
from alframe.core.log_odds import log_odds
from alframe.core.protocols import AutoLabelPolicy, SpotChecks
from alframe.core.records import Accepted, PoolScores, Validation
from alframe.trial.instantiate import instantiate
from tests.support.helpers import config_of

NAMES = sorted(path.stem for path in (conf_directory() / "auto_label").glob("*.yaml") if path.stem != "none")
# Cheap enough to learn in a test, and tolerant enough to accept something of small pools.
SMALLER = {"epochs": 20, "learning_rate": 0.01, "tolerance": 0.15, "min_support": 5, "threshold": 0.6}


@pytest.fixture(params=NAMES)
def policy(request: pytest.FixtureRequest) -> AutoLabelPolicy:
    node = config_of(f"auto_label={request.param}")["auto_label"]
    settings = {key: SMALLER.get(key, value) for key, value in node.items() if key != "keep"}
    policy = instantiate("auto_label", settings, [])
    if isinstance(policy, SpotChecks):
        policy.n_checks(1, 100, 1)  # so sure that no spot check is wanted
    return policy


def scored(n: int, *, first: int = 50, seed: int = 0, equal: bool = False) -> PoolScores:
    """Return scores with all that a policy can need: 3 classes, 2 members, 4 features."""
    generator = torch.Generator().manual_seed(seed)
    logits_PKC = 3 * torch.randn(n, 1, 3, generator=generator) + torch.randn(n, 2, 3, generator=generator)
    features_PD = torch.randn(n, 4, generator=generator)
    if equal:
        logits_PKC, features_PD = torch.zeros(n, 2, 3) + torch.tensor([2.0, 0.0, 0.0]), torch.ones(n, 4)
    members_PKC = logits_PKC.log_softmax(dim=2)
    log_probs_PC = members_PKC.mean(dim=1).log_softmax(dim=1)
    predicted_P, log_odds_P = log_odds(log_probs_PC)
    return PoolScores(
        index_P=torch.arange(n, dtype=torch.int64) + first,
        predicted_P=predicted_P,
        log_odds_P=log_odds_P,
        log_probs_PC=log_probs_PC,
        features_PD=features_PD,
        members_PKC=members_PKC,
    )


def validation(n: int = 150, *, seed: int = 5, first: int = 5000, equal: bool = False) -> Validation:
    """Return validation samples, the less confident the more often wrong."""
    scores_V = scored(n, first=first, seed=seed, equal=equal)
    drawn_V = torch.rand(n, generator=torch.Generator().manual_seed(seed))
    wrong_V = drawn_V > (1.5 * scores_V.log_odds_P - 0.5).sigmoid()
    return Validation(scores=scores_V, label_V=(scores_V.predicted_P + wrong_V.long()) % 3)


def scores(*odds: float) -> PoolScores:
    n = len(odds)
    return PoolScores(
        index_P=torch.arange(n, dtype=torch.int64) + 50,
        predicted_P=torch.arange(n, dtype=torch.int64) % 10,
        log_odds_P=torch.tensor(odds, dtype=torch.float32),
    )


def accept(policy: AutoLabelPolicy, pool: PoolScores, judged: Validation | None = None) -> Accepted:
    return policy.accept(pool, judged, torch.Generator().manual_seed(0))


@pytest.mark.parametrize("n", [0, 1, 40])
@pytest.mark.parametrize(
    "judged", [None, validation(0), validation(1), validation()], ids=["none", "empty", "one", "many"]
)
def test_accepts_a_subset_with_its_predictions(
    policy: AutoLabelPolicy, n: int, judged: Validation | None
) -> None:
    pool = scored(n)
    accepted = accept(policy, pool, judged)
    position = accepted.index_A - 50
    assert len(accepted.index_A.unique()) == len(accepted.index_A) <= n
    assert torch.equal(accepted.label_A, pool.predicted_P[position])
    assert torch.equal(accepted.log_odds_A, pool.log_odds_P[position])
    assert accepted.threshold is None or 0 <= accepted.threshold < 1
    assert accepted.note is None or "\n" not in accepted.note


def test_same_seed_same_choice_whatever_the_global_state(policy: AutoLabelPolicy) -> None:
    first = accept(policy, scored(60), validation())
    before = torch.get_rng_state()
    torch.rand(3)
    again = accept(policy, scored(60), validation())
    assert torch.equal(first.index_A, again.index_A)
    assert torch.equal(first.inside_V, again.inside_V)
    torch.set_rng_state(before)
    accept(policy, scored(60), validation())
    assert torch.equal(torch.get_rng_state(), before)


def test_some_samples_are_accepted_and_some_are_not(policy: AutoLabelPolicy) -> None:
    # Otherwise the other tests here prove nothing.
    accepted = accept(policy, scored(60), validation())
    assert 0 < len(accepted.index_A) < 60
    assert accepted.inside_V.any()
    assert not accepted.inside_V.all()


def test_a_validation_sample_in_the_pool_is_accepted_exactly_if_inside(policy: AutoLabelPolicy) -> None:
    pool, judged = scored(40), validation()
    inside_V = accept(policy, pool, judged).inside_V
    assert inside_V.shape == (150,)
    assert inside_V.dtype == torch.bool
    for each in range(0, 150, 7):
        guest = judged.scores.at(torch.tensor([each]))
        accepted = accept(policy, joined(pool, guest), judged)
        assert (int(guest.index_P) in accepted.index_A.tolist()) == bool(inside_V[each])


def joined(one: PoolScores, other: PoolScores) -> PoolScores:
    names = ("index_P", "predicted_P", "log_odds_P", "log_probs_PC", "features_PD", "members_PKC")
    return PoolScores(**{name: torch.cat([getattr(one, name), getattr(other, name)]) for name in names})


@pytest.mark.parametrize("right", [True, False])
def test_equal_confidences_are_taken_all_or_by_index(policy: AutoLabelPolicy, right: bool) -> None:
    pool, judged = scored(40, equal=True), validation(equal=True)
    judged = replace(judged, label_V=judged.scores.predicted_P + (0 if right else 1))
    accepted = accept(policy, pool, judged)
    assert accepted.index_A.tolist() == list(range(50, 50 + len(accepted.index_A)))
    takes = accepted.inside_V.long().sum()
    assert takes in (0, 150)
    judges = hasattr(policy, "validation_size")
    assert not judges or (len(accepted.index_A) > 0) == right == bool(takes)


def test_without_its_validation_set_a_policy_accepts_nothing_and_notes_why(
    policy: AutoLabelPolicy,
) -> None:
    if not hasattr(policy, "validation_size"):
        assert accept(policy, scored(60)).inside_V is None
        return
    for judged in (None, validation(0)):
        accepted = accept(policy, scored(60), judged)
        assert len(accepted.index_A) == 0
        assert "no validation sample" in accepted.note


@pytest.mark.parametrize("n_wrong", [0, 150])
def test_a_validation_set_of_one_class_all_right_or_all_wrong(policy: AutoLabelPolicy, n_wrong: int) -> None:
    pool, judged = scored(200), validation(500)
    zero_V = judged.scores.predicted_P == 0
    judged = Validation(
        scores=judged.scores.at(zero_V), label_V=torch.zeros(int(zero_V.sum()), dtype=torch.int64)
    )
    judged.label_V[:n_wrong] = 1
    accepted = accept(policy, pool, judged)
    if hasattr(policy, "validation_size"):
        assert (len(accepted.index_A) > 0) == (n_wrong == 0)
        assert (accepted.note is None) == (n_wrong == 0)
        if getattr(policy, "group", "joint") == "per_class":
            assert set(accepted.label_A.tolist()) <= {0}


def test_needs_are_declared_and_a_missing_score_is_named(policy: AutoLabelPolicy) -> None:
    assert isinstance(policy.needs, frozenset)
    bare = scores(1.0, 2.0)
    judged = Validation(scores=bare, label_V=torch.tensor([0, 1]))
    if policy.needs:
        with pytest.raises(TrialError, match="expected scores with"):
            accept(policy, bare, judged)
    else:
        accept(policy, bare, judged)


def test_the_threshold_is_strict() -> None:
    # logit(0.5) is 0: a sample exactly there is not accepted, the next float32 above is.
    pool = scores(0.0, 1e-45, 0.1, -0.1)
    assert accept(ThresholdPolicy(threshold=0.5), pool).index_A.tolist() == [51, 52]


@pytest.mark.parametrize(
    ("threshold", "below", "above"), [(0.999999, 13.8155, 13.8156), (1 - 1e-9, 20.7232, 20.7234)]
)
def test_thresholds_near_one_are_exact(threshold: float, below: float, above: float) -> None:
    assert accept(ThresholdPolicy(threshold=threshold), scores(below, above)).index_A.tolist() == [51]


@pytest.mark.parametrize("threshold", [0, 1, -0.1, 95, math.nan, "0.9", True, None])
def test_a_threshold_that_is_not_a_probability_is_refused(threshold: object) -> None:
    with pytest.raises(ConfigError, match=r"auto_label.threshold: expected a probability strictly between"):
        ThresholdPolicy(threshold=threshold)  # type: ignore[arg-type]
