"""A schedule of two strategies."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from alframe.core.errors import ConfigError
from alframe.core.records import Labelled
from alframe.query import Badge, Coreset, ProbabilityMargin, RandomQuery, Schedule, TypiClust
from tests.support.helpers import file_settings
from tests.support.pool_scores import generator, pool


def held(n_hand: int, n_auto: int = 0, n_classes: int = 3) -> Labelled:
    n = n_hand + n_auto
    return Labelled(
        index_L=torch.arange(n),
        label_L=torch.arange(n) % n_classes,
        hand_L=torch.arange(n) < n_hand,
        pool_P=torch.arange(3),
    )


def schedule(**changes: Any) -> Schedule:
    settings = {"first": RandomQuery(), "then": ProbabilityMargin(spread=1), "labels_per_class": 4}
    return Schedule(**{**settings, "n_classes": 3, **changes})


def test_the_second_strategy_takes_over_at_enough_hand_labels_for_each_class() -> None:
    for labelled, kind in ((held(11), RandomQuery), (held(12), ProbabilityMargin), (held(0), RandomQuery)):
        assert type(schedule().in_force(labelled)) is kind
    assert type(schedule().in_force(held(11, n_auto=50))) is RandomQuery
    assert type(schedule(labels_per_class=0.5).in_force(held(2))) is ProbabilityMargin


def test_without_a_number_of_classes_those_with_a_label_count() -> None:
    assert type(schedule(n_classes=None).in_force(held(8, n_classes=2))) is ProbabilityMargin
    assert type(schedule(n_classes=None).in_force(held(8, n_classes=3))) is RandomQuery


def test_it_asks_as_the_strategy_in_force_and_needs_what_both_need() -> None:
    scores = pool(30, margin_P=torch.arange(30).flip(0).float())
    strategy = schedule()
    assert strategy.needs == {"margin"}
    assert strategy.select(scores, held(12), 3, generator()).tolist() == [39, 38, 37]
    random = RandomQuery().select(scores, held(1), 3, generator())
    assert strategy.select(scores, held(1), 3, generator()).equal(random)


def test_a_schedule_in_a_schedule() -> None:
    inner = schedule(first=ProbabilityMargin(spread=2), labels_per_class=8)
    outer = schedule(then=inner)
    spreads = [getattr(outer.in_force(held(n)), "spread", None) for n in (3, 12, 24)]
    assert spreads == [None, 2, 1]


def test_the_device_is_passed_on() -> None:
    strategy = schedule(first=Badge(max_candidates=None), then=Coreset(max_candidates=None), device="meta")
    assert strategy.first.device == strategy.then.device == "meta"


@pytest.mark.parametrize("wrong", [None, "margin", {}, {"_target_": None}, object()])
def test_what_is_no_strategy_is_refused(wrong: Any) -> None:
    with pytest.raises(ConfigError, match=r"^query.first: expected a query strategy, got "):
        schedule(first=wrong)


def test_a_strategy_without_needs_is_refused() -> None:
    with pytest.raises(
        ConfigError, match=r"^query: expected an object with select and needs, got '.* without"
    ):
        schedule(first=type("object", (), {"select": None})())


def test_tcm_has_the_settings_of_its_two_strategies() -> None:
    settings = file_settings("query", "tcm")
    for key, name in (("first", "typiclust"), ("then", "probability_margin")):
        own = settings[key] | ({"spread": file_settings("query", name)["spread"]} if key == "then" else {})
        assert own.items() <= file_settings("query", name).items()
    made = replace(
        schedule(), first=TypiClust(**{k: v for k, v in settings["first"].items() if k != "_target_"})
    )
    assert type(made.in_force(held(11))) is TypiClust
