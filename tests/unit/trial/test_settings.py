"""The settings of a trial: every key of the config is read, and `auto` is decided once."""

import copy
from typing import Any

import pytest

from alframe.config.compose import composed
from alframe.core.errors import ConfigError
from alframe.learner.scoring.test_time_augmentation import Views
from alframe.trial.resume import settled
from alframe.trial.settings import read_settings


@pytest.fixture(scope="module")
def default() -> dict[str, Any]:
    return composed([])


def changed(config: dict[str, Any], group: str, **changes: Any) -> dict[str, Any]:
    config = copy.deepcopy(config)
    config[group].update(changes)
    return config


class Recording(dict[str, Any]):
    """A mapping that records the keys that were read."""

    def __init__(self, content: dict[str, Any]) -> None:
        super().__init__(content)
        self.read: set[str] = set()

    def __getitem__(self, key: str) -> Any:
        self.read.add(key)
        return super().__getitem__(key)


def test_every_key_is_read_but_those_of_a_search_and_of_the_page(default: dict[str, Any]) -> None:
    config = Recording(default)
    read_settings(config)
    assert set(default) - config.read == {"objective", "page"}


def test_the_recipe_gets_the_settings_that_are_not_the_learner_s(default: dict[str, Any]) -> None:
    learner = read_settings(default).learner
    rest = {"warm_start", "ensemble", "committee", "views", "final", "crop", "scoring_batch_size", "by_data"}
    assert set(learner.recipe) == set(default["learner"]) - rest
    assert (learner.warm_start, learner.ensemble, learner.committee.kind) == (None, 3, "last_layer")
    assert learner.images_per_step == 32


@pytest.mark.parametrize(("networks", "n", "views"), [(0, 8, None), (2, 1, None), (2, 8, 8)])
def test_the_final_fit(default: dict[str, Any], networks: int, n: int, views: int | None) -> None:
    final = {"networks": networks, "warm": 0, "steps": None, "views": {"n": n, "share": 0.1, "strength": 0.5}}
    settings = read_settings(changed(default, "learner", final=final))
    assert settings.plan.final_fit == (networks > 0)
    if networks == 0:
        assert settings.learner.final is None
    else:
        assert settings.learner.final is not None
        found = settings.learner.final.views
        assert (None if found is None else found.n) == views


@pytest.mark.parametrize(("unfrozen", "is_last"), [(0, False), (1, True), (None, True)])
def test_fine_tuning_is_a_final_fit(unfrozen: int | None, is_last: bool) -> None:
    config = composed(["learner=head"])
    node = config["learner"]["fine_tuning"] | {"unfrozen": unfrozen}
    settings = read_settings(changed(config, "learner", fine_tuning=node))
    assert settings.plan.final_fit == is_last
    found = settings.learner.fine_tuning
    assert (found is not None) == is_last
    if found is not None:
        own = {"unfrozen", "held_out", "scoring_batch_size"}
        assert (found.unfrozen, set(found.recipe)) == (unfrozen, set(node) - own)


@pytest.mark.parametrize("key", ["warm_start", "ensemble", "committee"])
def test_a_learner_s_file_without_a_key_that_is_needed_is_refused(default: dict[str, Any], key: str) -> None:
    config = copy.deepcopy(default)
    del config["learner"][key]
    with pytest.raises(ConfigError, match=rf"^learner\.{key}: expected a value\. Set it in the file"):
        read_settings(config)


def test_a_choice_of_none_has_no_node() -> None:
    settings = read_settings(composed(["query=none", "auto_label=threshold", "tracker=none"]))
    assert (settings.query, settings.tracker, settings.certificate) == (None, None, None)
    assert read_settings(composed(["auto_label=none"])).plan.keep == "permanent"


def test_the_share_of_wrong_answers_of_an_oracle() -> None:
    assert read_settings(composed([])).oracle_rate == 0
    assert read_settings(composed(["oracle=noisy"])).oracle_rate == 0.05
    confused = ["oracle=noisy", "oracle.rate=null", "oracle.confusion=[[0.9,0.1],[0.1,0.9]]"]
    assert read_settings(composed(confused)).oracle_rate is None


def test_a_resumed_trial_takes_the_choices_of_its_first_process(default: dict[str, Any]) -> None:
    chosen = {"device": "cpu", "precision": "float32", "engine": "reference", "threads": 2}
    settings = settled(read_settings(default), chosen | {"scoring_batch_size": 512})
    assert {key: getattr(settings, key) for key in chosen} == chosen
    assert settings.learner.scoring_batch_size == 512
    assert settings.scoring_engine == "torch"  # of a trial that began before there was a choice
    resumed = settled(settings, chosen | {"scoring_batch_size": 512, "scoring_engine": "onnxruntime"})
    assert resumed.scoring_engine == "onnxruntime"


@pytest.mark.parametrize(("n", "views"), [(1, None), (4, Views(n=4, share=0.1, strength=0.5))])
def test_views_of_the_rounds(default: dict[str, Any], n: int, views: Views | None) -> None:
    node = {"n": n, "share": 0.1, "strength": 0.5}
    assert read_settings(changed(default, "learner", views=node)).learner.views == views
