"""What every query strategy must do; a new file in conf/query/ is covered by being there."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from alframe.config import conf_directory
from alframe.query import LeastConfidence, Margin, RandomQuery
from alframe.records import Labelled, PoolScores
from alframe.rooms import QueryStrategy
from alframe.selection import lowest
from alframe.targets import instantiate

NAMES = sorted(path.stem for path in (conf_directory() / "query").glob("*.yaml") if path.stem != "none")


@pytest.fixture(params=NAMES)
def strategy(request: pytest.FixtureRequest) -> QueryStrategy:
    from omegaconf import OmegaConf

    node = OmegaConf.to_container(OmegaConf.load(conf_directory() / "query" / f"{request.param}.yaml"))
    settings = {k: v for k, v in node.items() if k in ("_target_", "spread")}
    return instantiate("query", settings, [])


def scores(n: int, *, equal: bool = False, seed: int = 0) -> PoolScores:
    generator = torch.Generator().manual_seed(seed)
    odds = torch.zeros(n) if equal else torch.randn(n, generator=generator)
    return PoolScores(
        index_P=torch.arange(n) * 3 + 100,  # not pool positions
        predicted_P=torch.zeros(n, dtype=torch.int64),
        log_odds_P=odds,
        margin_P=odds.abs(),
    )


def labelled() -> Labelled:
    return Labelled(
        index_L=torch.tensor([1, 2]),
        label_L=torch.tensor([0, 1]),
        hand_L=torch.tensor([True, True]),
        pool_P=torch.arange(5),
    )


def ask(strategy: QueryStrategy, pool: PoolScores, n: int, seed: int = 7) -> torch.Tensor:
    return strategy.select(pool, labelled(), n, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("n_pool", "n"), [(50, 7), (50, 50), (50, 80), (1, 1), (1, 5), (0, 3), (5, 0)])
def test_size_subset_and_no_repeats(strategy: QueryStrategy, n_pool: int, n: int) -> None:
    pool = scores(n_pool)
    index_Q = ask(strategy, pool, n)
    assert index_Q.dtype == torch.int64
    assert len(index_Q) == min(n, n_pool)
    assert set(index_Q.tolist()) <= set(pool.index_P.tolist())
    assert len(index_Q.unique()) == len(index_Q)


def test_same_seed_same_choice(strategy: QueryStrategy) -> None:
    assert torch.equal(ask(strategy, scores(40), 9), ask(strategy, scores(40), 9))


def test_ties_break_nothing(strategy: QueryStrategy) -> None:
    assert len(ask(strategy, scores(40, equal=True), 9).unique()) == 9


def test_the_global_random_state_is_left_alone(strategy: QueryStrategy) -> None:
    before = torch.get_rng_state()
    ask(strategy, scores(40), 9)
    assert torch.equal(torch.get_rng_state(), before)


def test_needs_is_declared(strategy: QueryStrategy) -> None:
    assert isinstance(strategy.needs, frozenset)


def test_least_confidence_takes_the_smallest_log_odds() -> None:
    pool = PoolScores(
        index_P=torch.tensor([5, 6, 7, 8]),
        predicted_P=torch.zeros(4, dtype=torch.int64),
        log_odds_P=torch.tensor([2.0, -1.0, 0.5, 3.0]),
    )
    assert ask(LeastConfidence(), pool, 2).tolist() == [6, 7]


def test_margin_takes_the_smallest_margin_and_spread_draws_from_more() -> None:
    pool = scores(300)
    order = pool.index_P[pool.margin_P.argsort()]
    assert set(ask(Margin(), pool, 10).tolist()) == set(order[:10].tolist())
    spread = ask(Margin(spread=3), pool, 10)
    assert set(spread.tolist()) <= set(order[:30].tolist())
    assert set(spread.tolist()) != set(order[:10].tolist())


def test_random_is_uniform() -> None:
    pool = scores(10)
    drawn = torch.cat([ask(RandomQuery(), pool, 3, seed) for seed in range(2000)])
    counts = torch.bincount((drawn - 100) // 3, minlength=10)
    # 600 expected each, standard deviation 20.5; five of them on either side.
    assert counts.min() > 497
    assert counts.max() < 703


@given(st.lists(st.integers(-5, 5), max_size=40), st.integers(0, 45))
@settings(max_examples=200, deadline=None)
def test_lowest_is_the_head_of_a_stable_sort(values: list[int], n: int) -> None:
    expected = sorted(range(len(values)), key=lambda position: (values[position], position))[:n]
    assert lowest(torch.tensor(values, dtype=torch.float32), n).tolist() == expected
