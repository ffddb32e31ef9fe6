"""From overrides to a resolved config, with one line of text for overrides that cannot be composed."""

import contextlib
import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml
from hydra import __version__ as hydra_version
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException, MissingConfigException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import InterpolationResolutionError, MissingMandatoryValue, OmegaConfBaseException

from alframe._text import one_line
from alframe.config.moved_keys import check_moved_key
from alframe.config.ranges import COMMAND_KEYS, OF_COMMAND, RANGES
from alframe.config.validate import GROUPS, conf_directory
from alframe.core.errors import ConfigError, UserError

# Hydra 1.4 warns of this argument, and Hydra 1.3 behaves like 1.1 without it.
VERSION_BASE: dict[str, str] = {"version_base": "1.3"} if hydra_version.startswith("1.3.") else {}
MOST_LISTED = 60  # names in a message: all options of a group, but not all keys

# Options of Hydra's plug-ins, and the extra of alframe that installs each.
_PLUGINS = {
    ("hydra/launcher", "joblib"): "joblib",
    ("hydra/launcher", "submitit_slurm"): "submitit",
    ("hydra/launcher", "submitit_local"): "submitit",
}


@contextlib.contextmanager
def apart_from_hydra() -> Iterator[None]:
    """Allow composing while the block runs, even in an application that uses Hydra itself."""
    hydra = GlobalHydra.instance()
    of_application, hydra.hydra = hydra.hydra, None
    try:
        yield
    finally:
        GlobalHydra.instance().hydra = of_application  # composing replaced the instance


def composed(overrides: list[str]) -> dict[str, Any]:
    """Return the resolved config of some overrides as plain containers.

    Raises:
        UserError: an override cannot be composed.
    """
    with apart_from_hydra():
        config, _ = composed_whole(overrides)
    config.pop("experiment", None)
    return config


def named_choices(chosen: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, str]:
    """Return the option chosen for each group of a trial, by the last part of the group's name.

    Args:
        chosen: Hydra's choices. overrides: as typed; a group whose `_target_` they set is left out.

    >>> chosen = {"query": "margin", "sweep/policy": "top_k", "experiment": None, "hydra/help": "default"}
    >>> named_choices(chosen, ["seed=1"])
    {'query': 'margin', 'policy': 'top_k'}
    >>> named_choices(chosen, ["query._target_=mine.Query"])
    {'policy': 'top_k'}
    """
    replaced = {text.lstrip("+~").partition("._target_=")[0] for text in overrides if "._target_=" in text}
    return {
        group.rpartition("/")[2]: str(choice)
        for group, choice in chosen.items()
        if choice is not None and not group.startswith("hydra/") and group not in {*replaced, "tracker"}
    }


def composed_whole(overrides: list[str]) -> tuple[dict[str, Any], DictConfig]:
    """Return the resolved config of some overrides, and Hydra's own part beside it.

    Raises:
        UserError: an override cannot be composed.
    """
    try:
        with initialize_config_dir(str(conf_directory()), **VERSION_BASE):
            node = compose("config", overrides=overrides, return_hydra_config=True)
            trial = OmegaConf.masked_copy(node, [str(key) for key in node if key != "hydra"])
            config = OmegaConf.to_container(trial, resolve=True, throw_on_missing=True)
    except MissingMandatoryValue as error:
        key = str(error.full_key or error).removeprefix("Missing mandatory value: ")
        raise ConfigError(key, "a value", "none", f"Write {key}=VALUE.") from error
    except MissingConfigException as error:
        raise _unknown_option(error) from error
    except InterpolationResolutionError as error:
        missing = first_line(error).partition("Missing mandatory value: ")[2].rstrip(".")
        if missing:  # the default of the key is another one's value
            raise ConfigError(missing, "a value", "none", f"Write {missing}=VALUE.") from error
        raise UserError(f"{error.full_key}: {first_line(error)}") from error
    except (HydraException, OmegaConfBaseException, ValueError, yaml.YAMLError) as error:
        raise _unknown_key(error, overrides) from error
    _check_top_level(trial, node.hydra.runtime.choices.get("hydra/command"))
    assert isinstance(config, dict)
    return {str(key): value for key, value in config.items()}, node.hydra


def _check_top_level(trial: DictConfig, command: str | None) -> None:
    """Raise `UserError` for a key beside the known ones that no value refers to: it would have no effect."""
    known = {"experiment", *GROUPS, *(key.partition(".")[0] for key in RANGES)}
    known -= set(COMMAND_KEYS) - set(OF_COMMAND.get(command or "", ()))
    others = [str(key) for key in trial if key not in known]
    if others:
        text = OmegaConf.to_yaml(trial)
        for key in others:
            if not re.search(rf"\${{(oc\.select:)?{re.escape(key)}\b", text):
                owner = _command_of(key)
                hint = f"{owner} has it." if owner else _closest(key, _known_keys([]))
                raise UserError(f"{key}: no such key or group. {hint}")


def _command_of(key: str) -> str | None:
    """Return the command that alone has a key, or None."""
    return next((f"alframe-{name}" for name, keys in OF_COMMAND.items() if key in keys), None)


def _unknown_option(error: MissingConfigException) -> UserError:
    missing = error.missing_cfg_file or ""
    group, _, choice = missing.removesuffix(".yaml").rpartition("/")
    if (group, choice) in _PLUGINS:
        extra = _PLUGINS[group, choice]
        return UserError(
            f"{group}={choice}: expected a plug-in of Hydra, which is not installed. "
            f"Write pip install 'alframe[{extra}]'."
        )
    options = options_of(group) if group else []
    if not options:
        groups = [path.name for path in conf_directory().iterdir() if path.is_dir()]
        return UserError(f"{group or choice}: no such group. {_closest(group or choice, groups)}")
    if group in GROUPS and choice != choice.lower():  # the name of a class, such as package.MyQuery
        target = choice if "." in choice else f"PACKAGE.{choice}"
        hint = f"For a class of your own write {group}._target_={target}."
        return UserError(f"{group}={choice}: no such option. {hint} {_closest(choice, options)}")
    return UserError(f"{group}={choice}: no such option. {_closest(choice, options)}")


def options_of(group: str) -> list[str]:
    """Return the names of a group's options, sorted."""
    return sorted(path.stem for path in (conf_directory() / group).glob("*.yaml"))


def _unknown_key(error: Exception, overrides: Sequence[str]) -> UserError:
    """Return the closest known key if Hydra names a key that it could not override, else Hydra's own text."""
    found = re.search(r"Could not override '([^']+)'", str(error))
    if found:
        check_moved_key(found.group(1))
        key, existing = found.group(1), _known_keys(overrides)
        owner = _command_of(key.partition(".")[0])
        if owner and not any("hydra/command=" in text for text in overrides):
            return UserError(f"{key}: no such key. {owner} has it.")
        if key in RANGES or key in _known_keys([]):
            group, _, name = key.partition(".")
            deeper = [each for each in existing if each.startswith(f"{group}.") and each.endswith(f".{name}")]
            hint = f" Did you mean {deeper[0]}?" if deeper else ""
            return UserError(f"{key}: the choice made for {group} has no such key; another choice has.{hint}")
        return UserError(f"{key}: no such key or group. {_closest(key, existing)}")
    twice = re.search(r"Multiple values for ([\w/@.]+)\.", str(error))
    if twice:
        return UserError(f"{twice[1]}: expected one option, got two. Write {twice[1]}=OPTION without +.")
    cause = first_line(error.__cause__) if error.__cause__ else ""
    text = one_line(error)
    return UserError(text if cause.rstrip(".") in text else f"{text}: {cause}")


def _closest(name: str, existing: list[str]) -> str:
    shown = (
        f"There are: {', '.join(sorted(existing))}."
        if len(existing) <= MOST_LISTED
        else "alframe --cfg job lists all."
    )
    best = max(existing, key=lambda key: (_likeness(name, key), _ratio(name, key)), default="")
    return f"Did you mean {best}? {shown}" if best and _likeness(name, best) >= 0.6 else shown


def _likeness(given: str, key: str) -> float:
    """Return the similarity of two keys: that of the last parts or, in other groups, also that of the keys.

    If it is at least 0.6, a key of the same group gets 0.3 more, and one of as many parts 0.2.
    """
    group, in_group = given.partition(".")[::2]
    is_of_group = bool(in_group) and group == key.partition(".")[0]
    likeness = _ratio(given.rpartition(".")[2], key.rpartition(".")[2])
    if not is_of_group:  # the name of the group makes all of its keys alike
        likeness = max(likeness, _ratio(given, key))
    if likeness < 0.6:
        return likeness
    return likeness + 0.3 * is_of_group + 0.2 * (given.count(".") == key.count("."))


def _ratio(a: str, b: str) -> float:
    return difflib.SequenceMatcher(None, a, b).ratio()


def _known_keys(overrides: Sequence[str]) -> list[str]:
    """Return the groups, and the keys of the options that some overrides choose."""
    groups = [path.name for path in conf_directory().iterdir() if path.is_dir() and path.name != "hydra"]
    chosen = [text for text in overrides if text.lstrip("+").partition("=")[0] in (*groups, "hydra/command")]
    try:
        found = composed_whole(chosen)[0]
    except ConfigError:  # the option of data needs a value
        found = composed_whole([text for text in chosen if not text.startswith("data=")])[0]
    return groups + _flat_keys(found)


def _flat_keys(node: dict[str, Any], prefix: str = "") -> list[str]:
    keys = []
    for key, value in node.items():
        keys.append(f"{prefix}{key}")
        if isinstance(value, dict):
            keys += _flat_keys(value, f"{prefix}{key}.")
    return [key for key in keys if not key.endswith("_")]


def first_line(error: BaseException) -> str:
    """Return the first line of an error's text as a sentence, or the name of its class if it has no text."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") + "." if lines else type(error).__name__
