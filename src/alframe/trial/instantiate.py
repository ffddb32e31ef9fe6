"""The one place where a `_target_` of a config becomes an object, restricted to trusted packages."""

import inspect
from typing import Any

import hydra
from omegaconf import OmegaConf

from alframe.core.errors import ConfigError

_TRUSTED = ("alframe.", "torch.", "torchvision.", "hydra.utils.get_class")


def instantiate(
    group: str,
    node: dict[str, Any],
    trusted: list[str],
    *,
    call: bool = True,
    offered: dict[str, Any] | None = None,
    **given: Any,
) -> Any:
    """Return the object of a config node with a `_target_`, its settings and what is given here.

    Args:
        group: the config group, for messages.
        node: `_target_` and settings.
        trusted: packages besides alframe, torch and torchvision that a `_target_` may name.
        call: False returns a function that makes the object when it is given the rest.
        offered: arguments that are given where the target has a parameter of that name.
        given: arguments that do not come from the config.

    Raises:
        ConfigError: an untrusted or unknown target, or settings that it does not take.
    """
    _check(group, node, trusted)
    try:
        # Given objects go in by a partial call: Hydra would otherwise look for config inside them.
        make = hydra.utils.instantiate(OmegaConf.create(node), _partial_=True, _convert_="all")
        # ValueError: inspect's word for a setting that the target has no parameter for.
        signature = inspect.signature(make)
        given |= {name: value for name, value in (offered or {}).items() if name in signature.parameters}
        if call:
            signature.bind(**given)
    except (hydra.errors.InstantiationException, TypeError, ValueError) as error:
        reason = " ".join(str(error.__cause__ or error).split())
        raise ConfigError(group, f"settings that {node['_target_']} takes: {reason}") from error
    return make(**given) if call else make


def check_targets(config: dict[str, Any]) -> None:
    """Raise `ConfigError` for the first `_target_` of a config that is not trusted or does not exist."""
    for group, node in config.items():
        _check(group, node, config["trusted_packages"])


def _check(group: str, node: Any, trusted: list[str]) -> None:
    for target in _targets(node):
        if not target.startswith((*_TRUSTED, *(f"{package}." for package in trusted))):
            raise ConfigError(
                f"{group}._target_",
                "a class of alframe, torch, torchvision or a trusted package",
                target,
                f"If it is yours, add trusted_packages=[{target.split('.')[0]}].",
            )
        try:
            hydra.utils.get_object(target)
        except Exception as error:
            reason = " ".join(str(error).split())
            raise ConfigError(
                f"{group}._target_", "something that can be imported", target, f"{reason}."
            ) from error


def _targets(node: Any) -> list[str]:
    """Return every `_target_` in a node, and what `get_class` is to look up."""
    if isinstance(node, list):
        return [target for item in node for target in _targets(item)]
    if not isinstance(node, dict):
        return []
    own = [str(node["_target_"])] if node.get("_target_") else []
    if own == ["hydra.utils.get_class"]:
        own.append(str(node.get("path")))
    return own + [target for value in node.values() for target in _targets(value)]
