"""One range and one default for every setting: the range in a table, the default in YAML."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import get_object
from omegaconf import OmegaConf

from alframe.audit.certificate import CertificateSpec
from alframe.audit.check_sample import CheckSpec
from alframe.auto_label import ColanderPolicy, ThresholdPolicy, ValidatedPolicy
from alframe.config import key_checks
from alframe.config.compose import VERSION_BASE
from alframe.config.ranges import RANGES, check_fields
from alframe.config.validate import conf_directory
from alframe.core.errors import ConfigError
from alframe.core.loop_plan import Cost
from alframe.query import Badge, BatchBald, Margin, PowerBald, ProbCover, TypiClust

# Groups whose file sets the arguments of a class or a function.
GROUPS = ("data", "initial", "query", "auto_label", "oracle", "stopping")
CHOICES = sorted(
    f"{group}={path.stem}" for group in GROUPS for path in (conf_directory() / group).glob("[!_]*.yaml")
)
# Settings that any value of their type fits, or that are checked as a whole.
WITHOUT_RANGE = {"data.dataset"}


@functools.cache
def composed(*overrides: str) -> dict[str, Any]:
    with initialize_config_dir(str(conf_directory()), **VERSION_BASE):
        config = OmegaConf.to_container(compose("config", overrides=list(overrides)))
    assert isinstance(config, dict)
    return config


def settings_of(choice: str) -> tuple[str, dict[str, Any], Callable[..., Any] | None]:
    """Return the group, the settings of the chosen file that its target takes, and the target."""
    group = choice.partition("=")[0]
    node = composed(choice)[group]
    if node["_target_"] is None:
        return group, {}, None
    target = get_object(node["_target_"])
    names = inspect.signature(target).parameters
    return group, {key: value for key, value in node.items() if key in names}, target


@pytest.mark.parametrize("choice", CHOICES)
def test_every_setting_that_a_file_gives_has_a_range(choice: str) -> None:
    group, settings, _ = settings_of(choice)
    missing = {f"{group}.{key}" for key in settings} - RANGES.keys() - WITHOUT_RANGE
    assert not missing


@pytest.mark.parametrize("choice", CHOICES)
def test_a_setting_that_a_file_gives_has_no_default_in_python(choice: str) -> None:
    _, settings, target = settings_of(choice)
    if target is not None:
        parameters = inspect.signature(target).parameters
        assert [key for key in settings if parameters[key].default is not inspect.Parameter.empty] == []


@pytest.mark.parametrize("choice", CHOICES)
def test_a_dataclass_that_a_file_builds_checks_its_fields(choice: str) -> None:
    group, settings, target = settings_of(choice)
    if not (isinstance(target, type) and is_dataclass(target)) or not settings:
        return
    given = {field.name: settings.get(field.name) for field in fields(target) if field.init}
    for key in settings:
        with pytest.raises(ConfigError, match=rf"^{group}\.{key}: expected"):
            target(**{**given, key: object()})


@pytest.mark.parametrize(
    ("group", "record"), [("certificate", CertificateSpec), ("check", CheckSpec), ("cost", Cost)]
)
def test_the_groups_without_a_target_have_ranges_and_no_defaults_either(group: str, record: type) -> None:
    node = composed()[group]
    assert node.keys() == {field.name for field in fields(record)}
    assert {f"{group}.{key}" for key in node} <= RANGES.keys()
    parameters = inspect.signature(record).parameters.values()
    assert all(parameter.default is inspect.Parameter.empty for parameter in parameters)


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (lambda: Margin(spread=0.5), "query.spread: expected a number of at least 1, got 0.5."),
        (
            lambda: Badge(max_candidates=0),
            "query.max_candidates: expected a whole number of at least 1 or null, got 0.",
        ),
        (
            lambda: ThresholdPolicy(threshold=95),
            "auto_label.threshold: expected a probability strictly between 0 and 1, got 95. Write 0.95.",
        ),
    ],
)
def test_an_object_made_in_python_raises_the_error_of_the_command(make: Callable[[], Any], line: str) -> None:
    with pytest.raises(ConfigError) as raised:
        make()
    assert str(raised.value) == line


def test_fields_without_a_range_are_not_checked() -> None:
    @dataclass
    class Mine:
        own: int
        spread: float

    check_fields("query", Mine(own=-1, spread=2))
    with pytest.raises(ConfigError, match=r"query\.spread"):
        check_fields("query", Mine(own=-1, spread=0))


def test_a_subclass_checks_the_fields_of_its_base_too() -> None:
    for strategy in (BatchBald, PowerBald, ProbCover, TypiClust):
        assert "max_candidates" in {field.name for field in fields(strategy)}
    assert {field.name for field in fields(ValidatedPolicy)} <= {f.name for f in fields(ColanderPolicy)}


@pytest.mark.parametrize("given", ["2/2", "1", "-1/2", "0/0", 1, "a/b"])
def test_a_shard_is_a_number_below_how_many(given: Any) -> None:
    RANGES["shard"]("shard", "1/2")
    RANGES["shard"]("shard", None)
    with pytest.raises(ConfigError, match=r"^shard: expected NUMBER/HOW_MANY such as 0/4"):
        RANGES["shard"]("shard", given)


@pytest.mark.parametrize("wrong", [["prove", "rank"], ["rank", "rank"], ["ranks"], [], "rank"])
def test_the_stages_of_an_audit_are_given_in_their_order(wrong: object) -> None:
    with pytest.raises(
        ConfigError, match="stages: expected some of estimate, rank, mend, prove in this order"
    ):
        key_checks.stages("stages", wrong)
    key_checks.stages("stages", ["rank", "prove"])
