"""Refine: a filter of several strategies, then coverage."""

from typing import Any

import pytest
import torch

from alframe.core.errors import ConfigError
from alframe.core.records import Labelled, PoolScores
from alframe.query import Coreset, LeastConfidence, Margin, ProbabilityMargin, RandomQuery, Refine
from tests.support.helpers import file_settings
from tests.support.pool_scores import NO_LABELS, generator, labelled, normal, pool


class Recorder:
    """Asks the lowest indices and records what it was given."""

    needs = frozenset({"margin"})

    def __init__(self) -> None:
        self.seen: list[list[int]] = []

    def select(
        self, scores: PoolScores, labels: Labelled, n: int, generator: torch.Generator
    ) -> torch.Tensor:
        self.seen.append(scores.index_P.tolist())
        return scores.index_P.sort().values[:n]


def refine(**changes: Any) -> Refine:
    settings = {
        "max_candidates": None,
        "strategies": [Recorder()],
        "cover": Recorder(),
        "rounds": 1,
        "batches": 1,
        "first_drawn": 1000,
        "drawn_share": 0.5,
        "max_kept": 1000,
    }
    return Refine(**settings | changes)


def asked(strategy: Refine, scores: PoolScores, n: int, seed: int = 0) -> list[int]:
    return (strategy.select(scores, NO_LABELS, n, generator(seed)) - 10).tolist()


def test_the_last_strategy_asks_of_the_union_of_the_questions() -> None:
    margin_P, log_odds_P = torch.arange(20.0), torch.arange(20.0).flip(0)
    cover = Recorder()
    judges = [Margin(spread=1), LeastConfidence(spread=1)]
    strategy = refine(strategies=judges, cover=cover)
    asked(strategy, pool(20, margin_P=margin_P, log_odds_P=log_odds_P), 3)
    assert cover.seen == [[10, 11, 12, 27, 28, 29]]


def test_the_sizes_of_the_random_parts_and_of_what_is_left() -> None:
    judge, cover = Recorder(), Recorder()
    strategy = refine(strategies=[judge], cover=cover, rounds=2, batches=4, first_drawn=20, max_kept=12)
    asked(strategy, pool(200, margin_P=torch.zeros(200)), 5)
    assert [len(seen) for seen in judge.seen] == [20] * 4 + [6] * 4  # half of 12
    assert len({tuple(seen) for seen in judge.seen}) == 8
    first = {index for seen in judge.seen[:4] for index in sorted(seen)[:5]}
    assert all(set(seen) <= first for seen in judge.seen[4:])
    assert set(cover.seen[0]) <= {index for seen in judge.seen[4:] for index in sorted(seen)[:5]}


def test_there_are_always_enough_samples_left() -> None:
    for n in (1, 7, 30, 99):
        strategy = refine(rounds=3, first_drawn=1, drawn_share=0.01, max_kept=1)
        assert len(set(asked(strategy, pool(30, margin_P=torch.zeros(30)), n))) == min(n, 30)


def test_a_slow_second_implementation_agrees() -> None:
    scores = pool(60, margin_P=normal(60).abs(), log_odds_P=normal(60, seed=1), features_PD=normal(60, 3))
    labels = labelled(normal(4, 3, seed=2))
    judges = [RandomQuery(), ProbabilityMargin(spread=1)]
    cover = Coreset(max_candidates=None)
    draws, left = generator(5), scores
    for n_drawn in (25, None):
        kept: set[int] = set()
        size = max(6, n_drawn or round(0.5 * len(left)))
        for judge in judges:
            for _ in range(2):
                part = left
                if size < len(left):
                    part = left.at(torch.randperm(len(left), generator=draws)[:size].sort().values)
                kept |= set(judge.select(part, labels, 6, draws).tolist())
        left = left.at(torch.tensor([index in kept for index in left.index_P.tolist()]))
    expected = cover.select(left, labels, 6, draws)
    strategy = refine(strategies=judges, cover=cover, rounds=2, batches=2, first_drawn=25)
    assert strategy.select(scores, labels, 6, generator(5)).equal(expected)


def test_needs_and_device_are_those_of_all_strategies() -> None:
    strategy = refine(
        strategies=[Recorder(), RandomQuery()], cover=Coreset(max_candidates=None), device="meta"
    )
    assert strategy.needs == {"margin", "features", "labelled_features"}
    assert strategy.cover.device == "meta"


@pytest.mark.parametrize("wrong", [None, [], "margin", [None], [RandomQuery(), {"spread": 1}]])
def test_what_is_no_list_of_strategies_is_refused(wrong: Any) -> None:
    with pytest.raises(
        ConfigError, match=r"^query.strategies.*: expected a (list of query strategies|query)"
    ):
        refine(strategies=wrong)


def test_its_strategies_have_the_settings_of_their_files() -> None:
    settings = file_settings("query", "refine")
    names = {"RandomQuery": "random", "ProbabilityMargin": "probability_margin"}
    own = {"ProbabilityMargin": {"spread"}, "TypiClust": {"max_clusters"}}  # as published, and in less time
    for each in (*settings["strategies"], settings["cover"]):
        name = each["_target_"].rpartition(".")[2]
        of_file = file_settings("query", names.get(name, name.lower()))
        assert {
            key: value for key, value in each.items() if key not in own.get(name, ())
        }.items() <= of_file.items()
