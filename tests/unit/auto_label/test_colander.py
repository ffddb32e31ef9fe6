"""The learned confidence: its objective, its learning, and what it is for."""

import math
from dataclasses import replace

import pytest
import torch

from alframe.auto_label import ColanderPolicy, ValidatedPolicy
from alframe.auto_label.colander import Weights, surrogate_objective
from alframe.core.errors import ConfigError, TrialError
from alframe.core.records import PoolScores, Validation
from tests.support.helpers import config_of

C, D = 4, 4


def shipped(**changes: object) -> ColanderPolicy:
    node = config_of("auto_label=colander")["auto_label"]
    settings = {key: value for key, value in node.items() if key not in ("_target_", "keep")}
    return ColanderPolicy(**{**settings, **changes})


def uninformative(n: int, seed: int, first: int = 0) -> tuple[PoolScores, torch.Tensor]:
    """Return scores whose log-odds are noise while two features tell the wrong ones, and which are wrong."""
    generator = torch.Generator().manual_seed(seed)
    predicted = torch.randint(C, (n,), generator=generator)
    features = torch.randn(n, D, generator=generator)
    odds = torch.randn(n, generator=generator) + 2
    log_probs = torch.log((1 - odds.sigmoid()) / (C - 1))[:, None].expand(n, C).clone()
    log_probs.scatter_(1, predicted[:, None], odds.sigmoid().log()[:, None])
    chance = torch.sigmoid(-4 - 6 * features[:, 0] + 4 * features[:, 1])
    wrong = torch.rand(n, generator=generator) < chance
    scores = PoolScores(
        index_P=torch.arange(first, first + n),
        predicted_P=predicted,
        log_odds_P=odds,
        log_probs_PC=log_probs,
        features_PD=features,
    )
    return scores, wrong


def judged(n: int, seed: int) -> Validation:
    scores, wrong = uninformative(n, seed, first=90_000)
    return Validation(scores=scores, label_V=(scores.predicted_P + wrong.long()) % C)


def accept(policy: ValidatedPolicy, pool: PoolScores, validation: Validation, seed: int = 0):
    return policy.accept(pool, validation, torch.Generator().manual_seed(seed))


def some_weights(seed: int = 0) -> Weights:
    generator = torch.Generator().manual_seed(seed)
    shapes = ((16, C + D), (C, 16), (C,))
    drawn = [torch.randn(shape, generator=generator, dtype=torch.float64) / 3 for shape in shapes]
    return Weights(*drawn)


def slow_objective(weights: Weights, inputs, predicted, wrong, penalty: float, steepness: float) -> float:
    """Return -P + penalty * E sample by sample, with the standard library."""
    accepted = []
    for row, label in zip(inputs.tolist(), predicted.tolist(), strict=True):
        hidden = [
            math.tanh(sum(w * x for w, x in zip(each, row, strict=True))) for each in weights[0].tolist()
        ]
        logits = [sum(w * h for w, h in zip(each, hidden, strict=True)) for each in weights[1].tolist()]
        g = math.exp(logits[label]) / sum(math.exp(each) for each in logits)
        accepted.append(1 / (1 + math.exp(-steepness * (g - float(weights[2][label].detach())))))
    missed = sum(s for s, is_wrong in zip(accepted, wrong.tolist(), strict=True) if is_wrong)
    return -sum(accepted) / len(accepted) + penalty * missed / sum(accepted)


def test_the_objective_and_its_gradient_by_differences() -> None:
    scores, wrong = uninformative(12, seed=1)
    wrong[:3] = True
    inputs = torch.cat([scores.log_probs_PC, scores.features_PD], dim=1).double()
    weights = Weights(*(weight.requires_grad_(True) for weight in some_weights()))
    settings = {"penalty": 3.0, "steepness": 2.0}
    value = surrogate_objective(weights, inputs, scores.predicted_P, wrong, **settings)
    assert float(value.detach()) == pytest.approx(
        slow_objective(weights, inputs, scores.predicted_P, wrong, **settings)
    )
    value.backward()
    for which, weight in enumerate(weights):
        for place in (0, weight.numel() // 2, weight.numel() - 1):
            moved = []
            for step in (1e-6, -1e-6):
                others = [each.detach().clone() for each in weights]
                others[which].view(-1)[place] += step
                moved.append(slow_objective(Weights(*others), inputs, scores.predicted_P, wrong, **settings))
            slope = (moved[0] - moved[1]) / 2e-6
            assert float(weight.grad.view(-1)[place]) == pytest.approx(slope, rel=1e-4, abs=1e-8)


def test_coverage_is_larger_than_with_the_classifiers_confidence() -> None:
    pool, wrong = uninformative(4000, seed=0)
    validation = judged(1000, seed=100)
    policy = shipped()
    learned = accept(policy, pool, validation)
    names = ("tolerance", "bound", "group", "delta", "sigma_weight", "min_support", "num_cuts")
    plain = accept(
        ValidatedPolicy(validation_size=1, **{n: getattr(policy, n) for n in names}), pool, validation
    )
    assert wrong.double().mean() > 0.25
    assert len(plain.index_A) < 100
    assert len(learned.index_A) > 1500
    assert wrong[learned.index_A].double().mean() < policy.tolerance
    assert learned.threshold is None
    assert torch.equal(learned.log_odds_A, pool.log_odds_P[learned.index_A])


@pytest.mark.parametrize("choose_every", [None, 1])
def test_the_judging_half_is_fresh_unless_it_chooses(choose_every: int | None) -> None:
    validation, policy = judged(60, seed=3), shipped(epochs=4, choose_every=choose_every, group="joint")
    learned = policy.learn(validation, torch.Generator().manual_seed(0))
    assert int(learned.judges_V.sum()) == 30
    # Labels of the judging half change nothing of what is learned, but they can change what is chosen.
    turned = replace(
        validation, label_V=torch.where(learned.judges_V, 3 - validation.label_V, validation.label_V)
    )
    again = policy.learn(turned, torch.Generator().manual_seed(0))
    pool, _ = uninformative(20, seed=4)
    assert torch.equal(learned.confidence(pool), again.confidence(pool)) == (choose_every is None)


def test_the_state_that_accepts_most_of_the_judging_half_is_chosen() -> None:
    validation, settings = judged(400, seed=3), {"group": "joint", "tolerance": 0.1, "learning_rate": 0.03}

    def coverage(policy: ColanderPolicy) -> float:
        learned = policy.learn(validation, torch.Generator().manual_seed(0))
        judges = validation.at(learned.judges_V)
        confidence_V = learned.confidence(judges.scores)
        cuts = policy.cuts(confidence_V, judges)
        return float((confidence_V > cuts[-1].above).double().mean())

    # With the same seed, a training of n epochs is the beginning of a longer one.
    one_by_one = [coverage(shipped(epochs=n, choose_every=None, **settings)) for n in (1, 8, 15, 22)]
    chosen = coverage(shipped(epochs=25, choose_every=7, **settings))
    assert chosen == max(one_by_one) > min(one_by_one)
    assert coverage(shipped(epochs=2, choose_every=7, **settings)) == one_by_one[0]


def test_the_seed_decides() -> None:
    pool, _ = uninformative(20, seed=4)

    def confidence(seed: int) -> torch.Tensor:
        policy = shipped(epochs=2)
        return policy.learn(judged(60, 3), torch.Generator().manual_seed(seed)).confidence(pool)

    assert torch.equal(confidence(0), confidence(0))
    assert not torch.equal(confidence(0), confidence(1))


def test_the_size_of_chunks_does_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    pool, _ = uninformative(101, seed=4)
    learned = shipped(epochs=2).learn(judged(60, 3), torch.Generator().manual_seed(0))
    whole = learned.confidence(pool)
    monkeypatch.setattr("alframe.auto_label.colander.CHUNK", 7)
    assert torch.equal(learned.confidence(pool), whole)


def test_learning_works_if_gradients_are_off() -> None:
    pool, _ = uninformative(20, seed=4)
    with torch.no_grad():
        accept(shipped(epochs=1), pool, judged(60, 3))


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("field", ["features_PD", "log_probs_PC"])
def test_scores_that_are_not_finite_are_refused_with_the_sample(bad: float, field: str) -> None:
    pool, _ = uninformative(20, seed=4, first=70)
    getattr(pool, field)[8, 2] = bad
    with pytest.raises(TrialError, match="those of sample 78 are NaN or infinite"):
        accept(shipped(epochs=1), pool, judged(60, 3))
    validation = judged(60, 3)
    getattr(validation.scores, field)[5, 0] = bad
    with pytest.raises(TrialError, match="those of sample 90005 are NaN or infinite"):
        accept(shipped(epochs=1), uninformative(20, seed=4)[0], validation)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_very_few_validation_samples_accept_nothing(n: int) -> None:
    accepted = accept(shipped(epochs=1), uninformative(20, seed=4)[0], judged(n, 3))
    assert len(accepted.index_A) == 0
    assert "are needed" in accepted.note


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("penalty", -1),
        ("steepness", 0),
        ("epochs", 0),
        ("batch_size", 0),
        ("learning_rate", 0),
        ("choose_every", 0),
    ],
)
def test_a_setting_out_of_range_is_named(key: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"auto_label.{key}: expected"):
        shipped(**{key: value})
