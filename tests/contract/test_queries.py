"""What every query strategy must do; a new file in conf/query/ is covered by being there."""

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import pytest
import torch

from alframe.config.validate import conf_directory
from alframe.core.errors import TrialError
from alframe.core.log_odds import entropy, log_margin, log_odds
from alframe.core.protocols import QueryStrategy
from alframe.core.records import Labelled, LastLayer, PoolScores
from alframe.trial.instantiate import instantiate
from tests.support.helpers import config_of

NAMES = sorted(path.stem for path in (conf_directory() / "query").glob("*.yaml") if path.stem != "none")
ALIASES = {"kcentergreedy": "coreset", "breaking_ties": "margin", "variationratios": "variation_ratio"}
FIELDS = {
    "margin": "margin_P",
    "entropy": "entropy_P",
    "log_probs": "log_probs_PC",
    "members": "members_PKC",
    "features": "features_PD",
    "last_layer": "last_layer",
}
LABELLED = {"labelled_features": "features_LD", "labelled_log_probs": "log_probs_LC"}
NEEDS = {*FIELDS, *LABELLED}
# Strategies that are deterministic if no two samples are equal.
DETERMINISTIC = {"bald", "coreset", "kcentergreedy", "least_confidence", "variation_ratio", "vote_entropy"}
# Settings that make a strategy cheap to test.
CHEAPER = {"refine": {"rounds": 1, "batches": 1}}


def node(name: str) -> dict[str, Any]:
    return config_of(f"query={name}")["query"]


def made(name: str, **changes: Any) -> QueryStrategy:
    amount = ("share", "num", "default_share", "default_at_least", "share_of")
    kept = {key: value for key, value in node(name).items() if key not in amount}
    return instantiate("query", {**kept, **CHEAPER.get(name, {}), **changes}, [])


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def strategy(name: str) -> QueryStrategy:
    return made(name)


def pool_of(features_PD: torch.Tensor, *, equal: bool = False, seed: int = 0) -> PoolScores:
    """Return a pool whose scores follow from features and the last layers of five members.

    The last layer is the members' mean, since their mean log-probabilities are those of its logits.
    """
    generator = torch.Generator().manual_seed(seed)
    weight_KCD = torch.randn(5, 3, features_PD.shape[1], generator=generator) * (0 if equal else 1)
    members_PKC = torch.einsum("pd,kcd->pkc", features_PD, weight_KCD).log_softmax(dim=2)
    log_probs_PC = members_PKC.mean(dim=1).log_softmax(dim=1)
    predicted_P, log_odds_P = log_odds(log_probs_PC)
    return PoolScores(
        index_P=torch.arange(len(features_PD)) * 3 + 100,  # not pool positions
        predicted_P=predicted_P,
        log_odds_P=log_odds_P,
        margin_P=log_margin(log_probs_PC),
        entropy_P=entropy(log_probs_PC),
        log_probs_PC=log_probs_PC,
        members_PKC=members_PKC,
        features_PD=features_PD,
        last_layer=LastLayer(weight_CD=weight_KCD.mean(dim=0), bias_C=torch.zeros(3)),
    )


def scores(n: int, *, equal: bool = False, seed: int = 0) -> PoolScores:
    features_PD = torch.randn(n, 6, generator=torch.Generator().manual_seed(seed + 1000))
    return pool_of(features_PD, equal=equal, seed=seed)


def labelled(n: int = 2) -> Labelled:
    seen = pool_of(torch.randn(n, 6, generator=torch.Generator().manual_seed(99)))
    return Labelled(
        index_L=torch.arange(n) + 1,
        label_L=torch.arange(n) % 3,
        hand_L=torch.ones(n, dtype=torch.bool),
        pool_P=torch.arange(5),
        features_LD=seen.features_PD,
        log_probs_LC=seen.log_probs_PC,
    )


def ask(
    strategy: QueryStrategy, pool: PoolScores, n: int, seed: int = 7, held: Labelled | None = None
) -> torch.Tensor:
    """Ask as the loop does: candidates first, then the strategy with the fields that it declares."""
    generator, held = torch.Generator().manual_seed(seed), held or labelled()
    strategy = in_force(strategy, held)
    cheap = {"margin", "entropy"} & strategy.needs
    choose = getattr(strategy, "candidates", None)
    if choose is not None:
        chosen = choose(only(pool, cheap), n, generator)
        assert len(chosen) >= min(n, len(pool))
        pool = pool.at(torch.isin(pool.index_P, chosen))
    held = replace(held, **{field: None for need, field in LABELLED.items() if need not in strategy.needs})
    return strategy.select(only(pool, strategy.needs), held, n, generator)


def in_force(strategy: QueryStrategy, held: Labelled) -> QueryStrategy:
    return strategy.in_force(held) if hasattr(strategy, "in_force") else strategy


def only(pool: PoolScores, needs: set[str] | frozenset[str]) -> PoolScores:
    return replace(pool, **{field: None for need, field in FIELDS.items() if need not in needs})


def check(index_Q: torch.Tensor, pool: PoolScores, n: int) -> None:
    assert index_Q.dtype == torch.int64
    assert len(index_Q) == min(n, len(pool))
    assert set(index_Q.tolist()) <= set(pool.index_P.tolist())
    assert len(index_Q.unique()) == len(index_Q)


@pytest.mark.parametrize(
    ("n_pool", "n"), [(50, 7), (50, 50), (50, 80), (1, 1), (1, 5), (0, 3), (5, 0), (30, 25)]
)
def test_size_subset_and_no_repeats(strategy: QueryStrategy, n_pool: int, n: int) -> None:
    pool = scores(n_pool)
    check(ask(strategy, pool, n), pool, n)


@pytest.mark.parametrize("n", [9, 45])
def test_degenerate_pools_are_accepted(strategy: QueryStrategy, n: int) -> None:
    features_PD = torch.randn(20, 6, generator=torch.Generator().manual_seed(3))
    for pool in (
        scores(40, equal=True),  # all scores equal
        pool_of(features_PD.repeat(2, 1)),  # each sample twice
        pool_of(features_PD[:1].repeat(40, 1)),  # one image
        pool_of(torch.zeros(40, 6)),
        pool_of(torch.zeros(40, 6), equal=True),
        pool_of(features_PD * 1e4),  # certain of everything
        pool_of(features_PD * 1e-20),
        *odd_features(features_PD.repeat(2, 1)),
        *odd_probabilities(pool_of(features_PD.repeat(2, 1))),
    ):
        check(ask(strategy, pool, n), pool, n)
        assert torch.equal(ask(strategy, pool, n), ask(strategy, pool, n))


def odd_features(features_PD: torch.Tensor) -> Iterator[PoolScores]:
    """Yield pools with features of large scale, with an offset, with one far sample, and in float16."""
    for factor in (1e20, 3e37, 1e-44):
        yield replace(pool_of(features_PD), features_PD=features_PD * factor)
    yield replace(pool_of(features_PD), features_PD=features_PD * 0.01 + 100)
    for far in (1e20, -3e38):
        yield replace(pool_of(features_PD), features_PD=features_PD.index_fill(0, torch.tensor([3]), far))
    yield replace(pool_of(features_PD), features_PD=features_PD.half())


def odd_probabilities(pool: PoolScores) -> Iterator[PoolScores]:
    """Yield pools with probabilities of 0, and with members that are certain of different classes."""
    certain_PKC = torch.full_like(pool.members_PKC, -torch.inf)
    certain_PKC.scatter_(2, (torch.arange(len(pool))[:, None] + torch.arange(5))[:, :, None] % 3, 0.0)
    log_probs_PC = pool.log_probs_PC.clone()
    log_probs_PC[:, 2] = -torch.inf
    log_probs_PC = log_probs_PC.log_softmax(dim=1)
    predicted_P, log_odds_P = log_odds(log_probs_PC)
    yield replace(
        pool,
        members_PKC=certain_PKC,
        log_probs_PC=log_probs_PC,
        predicted_P=predicted_P,
        log_odds_P=log_odds_P,
        margin_P=log_margin(log_probs_PC),
        entropy_P=entropy(log_probs_PC),
    )
    yield replace(pool, log_odds_P=pool.log_odds_P * 0 + 200, margin_P=pool.margin_P * 0 + 200)


def test_labelled_features_far_from_the_pool_are_accepted(strategy: QueryStrategy) -> None:
    pool = scores(40)
    for far in (1e20, -3e38):
        check(ask(strategy, pool, 9, held=replace(labelled(), features_LD=torch.full((2, 6), far))), pool, 9)


def test_more_clusters_than_samples_and_one_candidate(strategy: QueryStrategy) -> None:
    for n_pool, n in ((3, 2), (2, 9), (1, 1)):
        pool = pool_of(torch.full((n_pool, 6), 5.0))
        check(ask(strategy, pool, n, held=labelled(50)), pool, n)


def test_no_labelled_sample_is_accepted(strategy: QueryStrategy) -> None:
    for n_pool, n in ((40, 9), (1, 1), (0, 2)):
        check(ask(strategy, scores(n_pool), n, held=labelled(0)), scores(n_pool), n)


def test_labelled_samples_equal_to_the_pool_are_accepted(strategy: QueryStrategy) -> None:
    pool = scores(40)
    held = replace(labelled(40), features_LD=pool.features_PD, log_probs_LC=pool.log_probs_PC)
    check(ask(strategy, pool, 9, held=held), pool, 9)


def test_same_seed_same_choice(strategy: QueryStrategy) -> None:
    for n in (9, 30):
        assert torch.equal(ask(strategy, scores(40), n), ask(strategy, scores(40), n))


def test_ties_are_broken_the_same_way_each_time(strategy: QueryStrategy) -> None:
    pool = scores(40, equal=True)
    assert torch.equal(ask(strategy, pool, 9), ask(strategy, pool, 9))


def test_a_deterministic_strategy_does_not_depend_on_the_order_of_the_pool(name: str) -> None:
    if name not in DETERMINISTIC:
        pytest.skip("draws by position")
    pool = scores(200)
    shuffled = pool.at(torch.randperm(200, generator=torch.Generator().manual_seed(5)))
    asked = {*ask(made(name), pool, 20).tolist()}
    assert {*ask(made(name), shuffled, 20, seed=8).tolist()} == asked
    assert asked != {*pool.index_P[:20].tolist()}


def test_all_random_numbers_come_from_the_generator(strategy: QueryStrategy) -> None:
    import random

    import numpy as np

    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    ask(strategy, scores(40), 9)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert random.getstate() == before[1]
    assert np.random.get_state()[1].tolist() == before[2]  # noqa: NPY002


def test_the_records_are_not_changed(strategy: QueryStrategy) -> None:
    pool, held = scores(40), labelled()
    ask(strategy, pool, 9, held=held)
    for record, fresh in ((pool, scores(40)), (held, labelled())):
        for field in fields(record):
            value = getattr(record, field.name)
            assert value is getattr(fresh, field.name) or same(value, getattr(fresh, field.name))


def same(value: torch.Tensor | LastLayer, other: torch.Tensor | LastLayer) -> bool:
    if isinstance(value, LastLayer):
        return torch.equal(value.weight_CD, other.weight_CD) and torch.equal(value.bias_C, other.bias_C)
    return torch.equal(value, other)


def test_needs_are_scores_that_a_learner_has(strategy: QueryStrategy) -> None:
    assert isinstance(strategy.needs, frozenset)
    assert strategy.needs <= NEEDS


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_scores_that_are_not_finite_are_refused_with_the_sample(strategy: QueryStrategy, bad: float) -> None:
    kind = "NaN" if bad != bad else "infinite"
    strategy = in_force(strategy, labelled())
    for field in [FIELDS[need] for need in sorted(strategy.needs & set(FIELDS) - {"last_layer"})]:
        pool = scores(40)
        value = getattr(pool, field).clone()
        value[4] = bad
        with pytest.raises(TrialError, match=rf"^query: expected finite .* sample 112 are {kind}\. \w+"):
            strategy.select(
                only(replace(pool, **{field: value}), strategy.needs), labelled(), 5, torch.Generator()
            )
    for field in [LABELLED[need] for need in sorted(strategy.needs & set(LABELLED))]:
        held = labelled()
        getattr(held, field)[1] = bad
        with pytest.raises(TrialError, match=rf"^query: expected finite \S+, .* sample 2 are {kind}\."):
            ask(strategy, scores(40), 5, held=held)


def test_the_value_is_lower_for_asked_samples(strategy: QueryStrategy) -> None:
    value = getattr(strategy, "value", None)
    if value is None:
        pytest.skip("no score")
    pool = only(scores(2000), {"margin", "entropy"} & strategy.needs)
    assert value(pool).shape == (2000,)
    asked = torch.isin(pool.index_P, ask(strategy, scores(2000), 20))
    assert value(pool)[asked].mean() < value(pool)[~asked].mean()


def test_max_candidates_takes_a_random_part_of_the_pool(name: str) -> None:
    if "max_candidates" not in node(name):
        pytest.skip("uses the whole pool")
    part = made(name, max_candidates=30)
    pool = scores(300)
    first, second = (part.candidates(pool, 9, torch.Generator().manual_seed(seed)) for seed in (0, 1))
    assert len(first.unique()) == len(second.unique()) == 30
    assert set(first.tolist()) != set(second.tolist())
    assert len(part.candidates(pool, 50, torch.Generator())) == 50
    everything = made(name, max_candidates=None)
    assert torch.equal(everything.candidates(pool, 9, torch.Generator()), pool.index_P)
    check(ask(part, pool, 9), pool, 9)


@pytest.mark.parametrize(("alias", "of"), ALIASES.items())
def test_an_alias_is_the_same_strategy(alias: str, of: str) -> None:
    assert node(alias) == node(of)
