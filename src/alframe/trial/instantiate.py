"""The one place where a `_target_` of a config becomes an object. Only trusted packages are allowed."""

import inspect
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import hydra
from omegaconf import OmegaConf

from alframe.config.verbatim import escaped
from alframe.core.errors import ConfigError

_IS_HYDRA_1_3 = hydra.__version__.startswith("1.3.")
_TRUSTED = ("alframe.", "torch.", "torchvision.", "hydra.utils.get_class")
# Packages and classes whose old names may be in a user's own config.
_RENAMED_PACKAGES = {"initial": "query"}
_RENAMED_CLASSES = {"CheapestNow": "MinimumCost"}


def instantiate(
    group: str,
    node: Mapping[str, Any],
    trusted: list[str],
    *,
    call: bool = True,
    offered: Mapping[str, Any] | None = None,
    **arguments: Any,
) -> Any:
    """Return the object of a config node.

    Args:
        group: the config group, for messages.
        node: `_target_` and settings.
        trusted: packages besides alframe, torch and torchvision that a `_target_` may name.
        call: False returns a function that makes the object from the remaining arguments.
        offered: arguments that are passed if the target has a parameter of that name.
        arguments: further arguments, which do not come from the config.

    Raises:
        ConfigError: the target is not trusted or does not exist, or does not take the settings.
    """
    _check(group, node, trusted)
    try:
        # A partial call: Hydra would look for config inside the arguments if it got them.
        make = hydra.utils.instantiate(
            OmegaConf.create(_verbatim(node)),
            _partial_=True,
            _convert_="all",
            **_allowed(trusted),
        )
        # inspect raises ValueError for a setting that the target has no parameter for.
        signature = inspect.signature(make)
        arguments |= {name: value for name, value in (offered or {}).items() if name in signature.parameters}
        if call:
            signature.bind(**arguments)
    except (hydra.errors.InstantiationException, TypeError, ValueError) as error:
        if isinstance(error.__cause__, ConfigError):  # of an object inside the settings
            raise error.__cause__ from None
        reason = " ".join(str(error.__cause__ or error).split())
        key = f"settings that {node['_target_']} takes: {reason}"
        raise ConfigError(group, key, hint=_takes(node["_target_"])) from error
    return make(**arguments) if call else make


def _verbatim(node: Mapping[str, Any]) -> Any:
    """Return a node whose texts Hydra passes on as they are.

    Hydra 1.3 resolves the whole node first, and each text again when it reads it. Later versions do it once.
    """
    once = escaped(dict(node))
    return escaped(once) if _IS_HYDRA_1_3 else once


def _allowed(trusted: list[str]) -> dict[str, list[str]]:
    """Return the argument by which Hydra 1.4 calls trusted targets only; earlier versions have none."""
    if _IS_HYDRA_1_3:
        return {}
    names = [*(prefix.rstrip(".") for prefix in _TRUSTED), *trusted]
    return {"_execution_whitelist_": [text for name in names for text in (name, f"{name}.*")]}


def _takes(target: str) -> str:
    """Return a sentence with the names of a target's parameters, empty if they cannot be found out."""
    with suppress(Exception):
        names = inspect.signature(hydra.utils.get_object(target)).parameters
        return f"It takes {', '.join(names)}." if names else "It takes none."
    return ""


def is_simulated(oracle: Mapping[str, Any]) -> bool:
    """Return True if the oracle of a config node is one of alframe that answers with the truth."""
    target = str(oracle["_target_"])
    with suppress(Exception):  # the checks of targets explain it
        if target.startswith("alframe."):
            return "truth_N" in inspect.signature(hydra.utils.get_object(target)).parameters
    return False


def check_targets(config: Mapping[str, Any]) -> None:
    """Raise `ConfigError` for the first `_target_` of a config that cannot be used."""
    for group, node in config.items():
        _check(group, node, config["trusted_packages"])


def _check(group: str, node: Any, trusted: list[str]) -> None:
    for target in _targets(node):
        if not target.startswith((*_TRUSTED, *(f"{package}." for package in trusted))):
            raise ConfigError(
                f"{group}._target_",
                "a class of alframe, torch, torchvision or a trusted package",
                target,
                f"If it is yours, add trusted_packages=[{target.split('.')[0]}]." if "." in target else "",
            )
        try:
            found = hydra.utils.get_object(target)
        except Exception as error:
            raise _unknown(group, target, error) from error
        if not callable(found):
            kind = type(found).__name__
            raise ConfigError(f"{group}._target_", "a class or a function", target, f"It is a {kind}.")


def _unknown(group: str, target: str, error: Exception) -> ConfigError:
    """Return the error for a target that does not exist, with its new name if it has moved."""
    key, expected = f"{group}._target_", "a class that exists"
    new = _new_name(target)
    if new is not None:
        return ConfigError(key, f"{expected}, got {target}, which has moved", hint=f"Write {new}.")
    reason = " ".join(str(error).split())
    return ConfigError(key, expected, target, f"{reason}.")


def _new_name(target: str) -> str | None:
    """Return the public name of a class of alframe that a config names by an old one, or None.

    The packages list their public classes, so the module of a class is not needed.

    >>> _new_name("alframe.query.committee.Bald")
    'alframe.query.Bald'
    """
    parts = target.split(".")
    if parts[0] != "alframe" or len(parts) < 3:
        return None
    package, name = _RENAMED_PACKAGES.get(parts[1], parts[1]), _RENAMED_CLASSES.get(parts[-1], parts[-1])
    new = f"alframe.{package}.{name}"
    with suppress(Exception):
        hydra.utils.get_object(new)
        return new
    return None


def _targets(node: Any) -> list[str]:
    """Return every `_target_` in a node, and the paths that `get_class` looks up."""
    if isinstance(node, list):
        return [target for item in node for target in _targets(item)]
    if not isinstance(node, Mapping):
        return []
    found = [str(node["_target_"])] if node.get("_target_") is not None else []
    if found == ["hydra.utils.get_class"]:
        found.append(str(node.get("path")))
    return found + [target for value in node.values() for target in _targets(value)]
