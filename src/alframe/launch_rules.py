"""The range of the settings of a sweeper and a launcher, which their libraries check late or not at all."""

from collections.abc import Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf

from alframe.checks import Check, number, whole
from alframe.errors import ConfigError, UserError
from alframe.overrides import Typed


def _directions(key: str, value: Any) -> None:
    for each in value if isinstance(value, list) else [value]:
        if each not in ("minimize", "maximize"):
            raise ConfigError(key, "minimize, maximize or a list of them", each)


def _processes(key: str, value: Any) -> None:
    if value == 0:
        raise ConfigError(key, "a number of processes, or -1 for one for each core", value)


def _batch(key: str, value: Any) -> None:
    if not (value == "auto" or (str(value).isdecimal() and int(value) > 0)):
        raise ConfigError(key, "auto or a whole number of at least 1", value)


_RULES: dict[str, Check] = {
    "sweeper.max_batch_size": whole(1, optional=True),
    "sweeper.n_trials": whole(1),
    "sweeper.n_jobs": whole(1),
    "sweeper.max_failure_rate": number(least=0, most=1),
    "sweeper.direction": _directions,
    "launcher.n_jobs": _processes,
    "launcher.batch_size": _batch,
}


def check_launch(node: DictConfig, overrides: Sequence[Typed]) -> None:
    """Check how a sweep is to be launched.

    Args:
        node: Hydra's part of the config. overrides: what was typed, and what files sweep over.

    Raises:
        UserError: a setting is out of range, or an interval has no sweeper that draws from it.
    """
    for key, rule in _RULES.items():
        group, _, name = key.partition(".")
        if name in node[group]:
            rule(f"hydra.{key}", _plain(node[group][name]))
    if str(node.sweeper.get("_target_")).endswith("BasicSweeper"):
        for override in overrides:
            if override.ends:
                raise UserError(
                    f"{override.text}: expected values such as {override.key}=1,2, got an interval, which is "
                    "for a search. Write hydra/sweeper=optuna or +sweep=search."
                )


def _plain(value: Any) -> Any:
    if isinstance(value, DictConfig) or OmegaConf.is_list(value):
        return OmegaConf.to_container(value, resolve=True, enum_to_str=True)
    return getattr(value, "name", value)  # an enum's
