"""A `_target_` by its old name is answered with the new one."""

import pytest

from alframe.core.errors import ConfigError
from alframe.trial.instantiate import check_targets, instantiate

MOVED = {
    "alframe.initial.FirstSeedSet": "alframe.query.FirstSeedSet",
    "alframe.initial.RandomSeedSet": "alframe.query.RandomSeedSet",
    "alframe.initial.StratifiedSeedSet": "alframe.query.StratifiedSeedSet",
    "alframe.initial.stratified.StratifiedSeedSet": "alframe.query.StratifiedSeedSet",
    "alframe.initial.typiclust.TypiclustSeedSet": "alframe.query.TypiclustSeedSet",
    "alframe.query.committee.Bald": "alframe.query.Bald",
    "alframe.query.committee.VoteEntropy": "alframe.query.VoteEntropy",
    "alframe.learner.consistency.ConsistencyRecipe": "alframe.learner.ConsistencyRecipe",
    "alframe.learner.supervised.SupervisedRecipe": "alframe.learner.SupervisedRecipe",
    "alframe.oracle.files.FilesOracle": "alframe.oracle.FilesOracle",
    "alframe.stopping.cheapest.mcal": "alframe.stopping.mcal",
    "alframe.stopping.cheapest.CheapestNow": "alframe.stopping.MinimumCost",
    "alframe.stopping.CheapestNow": "alframe.stopping.MinimumCost",
    "alframe.data.images.map_images": "alframe.data.map_images",
}


@pytest.mark.parametrize(("old", "new"), MOVED.items())
def test_an_old_target_is_answered_with_the_new_one(old: str, new: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_targets({"query": {"_target_": old}, "trusted_packages": []})
    assert str(caught.value) == (
        f"query._target_: expected a class that exists, got {old}, which has moved. Write {new}."
    )
    instantiate("query", {"_target_": new}, [], call=False)


def test_a_target_without_a_new_name_is_refused_with_the_reason() -> None:
    for target in ("alframe.query.Nope", "alframe.nowhere.Margin", "torch.optim.Nope"):
        with pytest.raises(
            ConfigError, match=rf"^query\._target_: expected a class that exists, got '{target}'"
        ):
            instantiate("query", {"_target_": target}, [])


def test_an_old_target_inside_a_node_is_found() -> None:
    node = {"_target_": "alframe.query.Margin", "inner": [{"_target_": "alframe.initial.RandomSeedSet"}]}
    with pytest.raises(ConfigError, match=r"Write alframe\.query\.RandomSeedSet"):
        instantiate("query", node, [])


def test_a_target_that_is_empty_has_no_package_or_is_a_module_is_refused() -> None:
    for target in ("", "nonsense"):
        with pytest.raises(ConfigError, match=rf"torchvision or a trusted package, got '{target}'\.$"):
            instantiate("query", {"_target_": target}, [])
    with pytest.raises(ConfigError, match=r"a class or a function, got 'alframe.query'\. It is a module\."):
        instantiate("query", {"_target_": "alframe.query"}, [])


def test_targets_inside_a_node_are_made_and_must_be_trusted() -> None:
    node = {"_target_": "alframe.query.Schedule", "labels_per_class": 1}
    random, margin = ({"_target_": f"alframe.query.{name}"} for name in ("RandomQuery", "Margin"))
    schedule = instantiate("query", {**node, "first": random, "then": margin | {"spread": 2}}, [])
    assert (type(schedule.first).__name__, schedule.then.spread) == ("RandomQuery", 2)
    with pytest.raises(ConfigError, match=r"^query\._target_: .* or a trusted package, got 'os\.system'"):
        instantiate("query", {**node, "first": random, "then": {"_target_": "os.system"}}, [])
    with pytest.raises(ConfigError) as caught:  # `match` would see the note that Hydra 1.4 adds
        instantiate("query", {**node, "first": random, "then": margin | {"spread": 0}}, [])
    assert str(caught.value) == "query.spread: expected a number of at least 1, got 0."
    with pytest.raises(ConfigError, match=r"^query: expected settings that alframe\.query\.Schedule takes"):
        instantiate("query", {**node, "first": random, "then": margin | {"unknown": 0}}, [])
