"""Says in one line what is wrong with a command line, before Hydra runs anything."""

import contextlib
import difflib
import io
import math
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from hydra import compose, initialize_config_dir
from hydra._internal.utils import get_args_parser
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException, MissingConfigException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import InterpolationResolutionError, MissingMandatoryValue, OmegaConfBaseException

from alframe.config import check, conf_directory
from alframe.directory import digest, identity, trial_name, unfinished
from alframe.errors import ConfigError, UserError
from alframe.machine import n_cores
from alframe.search import check_search

NAMED_BY_CONFIG = "auto"  # the last part of a directory that is named after the config
# Options that plug-ins of Hydra's bring, and the extra that installs them.
_PLUGINS = {
    ("hydra/launcher", "joblib"): "joblib",
    ("hydra/launcher", "submitit_slurm"): "submitit",
    ("hydra/launcher", "submitit_local"): "submitit",
    ("hydra/sweeper", "optuna"): "optuna",
    ("hydra/sweeper/sampler", "tpe"): "optuna",
}
MAX_CHECKED = 50  # values of one sweep key that are composed ahead


@dataclass(frozen=True, kw_only=True)
class CommandLine:
    """What was typed, once it is known to be right.

    Attributes:
        overrides: with the first value of each that sweeps. swept: those that sweep, as text, in their order.
        n_trials: in a grid of them, None where only the sweeper knows. multirun: whether -m was typed.
        config: what the overrides come to. hydra: Hydra's own part of it.
    """

    overrides: list[str]
    swept: list[str]
    n_trials: int | None
    multirun: bool
    config: dict[str, Any]
    hydra: DictConfig


def check_command_line(arguments: list[str]) -> CommandLine | None:
    """Compose what was typed and check it; in a sweep, each value once, those that a file sweeps over too.

    Returns:
        What was typed; None where nothing is to be run or it is not for alframe to say.

    Raises:
        UserError: an unknown key, group or option (with the closest there is), a value out of range,
            settings in conflict, or a line that cannot be read.
    """
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # argparse would print its usage
            typed = get_args_parser().parse_args(arguments)
    except SystemExit as error:
        if error.code in (0, None):
            raise
        raise UserError(
            "expected key=value, group=choice or one of Hydra's flags; see alframe --help."
        ) from None
    if typed.help or typed.hydra_help or typed.shell_completion or typed.info:
        return None
    if typed.config_path or typed.config_name:
        return None
    search_path = []
    if typed.config_dir:
        folder = Path(typed.config_dir).absolute()
        if not folder.is_dir():
            raise ConfigError("--config-dir", "a folder", typed.config_dir)
        search_path = [f"hydra.searchpath=['file://{folder}']"]
    texts = list(typed.overrides)
    values = {text: _values(text, typed.multirun) for text in texts}
    if typed.multirun:
        first = [choices[0] for choices in values.values() if choices]
        keys = {text.partition("=")[0].lstrip("+~") for text in texts}
        for text in _swept_by_files(first + search_path):
            if text.partition("=")[0] not in keys:  # what is typed takes the place of what a file sweeps over
                values[text] = _values(text, True)
    first = [choices[0] for choices in values.values() if choices]
    config, node = _composed_whole(first + search_path)
    if not typed.multirun:
        check(config)
    # The other options of a group, each beside the first values of the rest; any value of a key composes.
    for choices in values.values():
        for other in choices[1:MAX_CHECKED] if choices and _chooses(choices[0]) else []:
            _composed([other if text == choices[0] else text for text in first] + search_path)
    if typed.cfg:
        return None
    return CommandLine(
        overrides=first + search_path,
        swept=[text for text, choices in values.items() if len(choices) != 1],
        n_trials=math.prod(len(choices) for choices in values.values()) or None,
        multirun=bool(typed.multirun),
        config=config,
        hydra=node,
    )


def _chooses(override: str) -> bool:
    """Return whether an override chooses an option of a group."""
    key = override.partition("=")[0].lstrip("+~").partition("@")[0]
    return key.startswith("hydra/") or (conf_directory() / key).is_dir() or "/" in key


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a command works.

    Attributes:
        overrides: what names the directory after the config, empty where another one was given, and how many
            processes a launcher takes that leaves it open.
        sweep: the sweep's directory, None for a single trial.
        n_trials: how many trials it has, None where only the sweeper knows.
        at_a_time: how many of them its launcher runs at the same time, None for one after the other.
        objective: the figures that a search optimises; none where trials are not searched for.
    """

    overrides: list[str]
    sweep: Path | None
    n_trials: int | None = None
    at_a_time: int | None = None
    objective: tuple[str, ...] = ()


def place_of(line: CommandLine) -> Place:
    """Return where a command works.

    A trial goes where an unfinished one of the same config lies, a sweep where the same sweep lies.

    Raises:
        UserError: its launcher cannot work here, or its search has no objective.
    """
    node, config = line.hydra, line.config
    sweeps = line.multirun or str(node.mode) == "RunMode.MULTIRUN"
    given = Path(node["sweep" if sweeps else "run"].dir)
    if not sweeps:
        named = given.name == NAMED_BY_CONFIG
        path = unfinished(given.parent, trial_name(config)) if named else given
        return Place(overrides=[f"hydra.run.dir={path}"] if named else [], sweep=None)
    sweeper = OmegaConf.to_container(node.sweeper, resolve=True, enum_to_str=True)
    assert isinstance(sweeper, dict)
    n_trials = sweeper.get("n_trials", line.n_trials)  # a search has a number of its own
    at_a_time = _at_a_time(node.launcher, n_trials, sweeper.get("n_jobs"))
    # Each process computes with its part of the cores: no more of them than there are trials at a time.
    open_ended = node.launcher.get("n_jobs") == -1
    overrides = [f"hydra.launcher.n_jobs={at_a_time}"] if open_ended else []
    path = given
    if given.name == NAMED_BY_CONFIG:
        chosen = [text.partition("=")[2] for text in line.overrides if text.startswith("+sweep=")]
        asked = [identity(config), config["objective"], line.swept, _which_trials(sweeper)]
        path = given.parent / f"{(chosen or ['sweep'])[0]}_{digest(asked)}"
        overrides.append(f"hydra.sweep.dir={path}")
    objective = check_search(config["objective"], {str(key): value for key, value in sweeper.items()})
    return Place(
        overrides=overrides,
        sweep=path.absolute(),
        n_trials=n_trials,
        at_a_time=at_a_time,
        objective=objective,
    )


def _which_trials(sweeper: Mapping[Any, Any]) -> dict[str, Any]:
    """Return the part of a sweeper's settings that says which trials it asks for."""
    amounts = ("n_trials", "max_failure_rate", "max_batch_size")  # with more trials it is the same search
    return {str(key): value for key, value in sweeper.items() if key not in amounts and value is not None}


def _at_a_time(launcher: DictConfig, n_trials: int | None, together: int | None) -> int | None:
    """Return how many trials a launcher runs at the same time, None where one after the other.

    Raises:
        UserError: the launcher hands trials to Slurm, which is not here.
    """
    name = str(launcher.get("_target_")).rpartition(".")[2]
    if name == "SlurmLauncher" and shutil.which("srun") is None:
        raise UserError(
            "hydra/launcher: expected a machine of a Slurm cluster, got one without srun. "
            "Write hydra/launcher=cores for several trials at once on this one."
        )
    most = {"JoblibLauncher": "n_jobs", "SlurmLauncher": "array_parallelism", "LocalLauncher": ""}.get(name)
    if most is None:
        return None
    bounds = (n_cores() if launcher.get(most) == -1 else launcher.get(most), n_trials, together)
    return min((n for n in bounds if n is not None and n > 0), default=None)


def _swept_by_files(overrides: list[str]) -> list[str]:
    """Return the overrides of `hydra.sweeper.params`, as an experiment or a sweep sets them."""
    _, node = _composed_whole(overrides)
    return [f"{key}={value}" for key, value in (node.sweeper.get("params") or {}).items()]


@contextlib.contextmanager
def apart_from_hydra() -> Iterator[None]:
    """Compose while the block runs, also within an application that has its own Hydra at work."""
    hydra = GlobalHydra.instance()
    theirs, hydra.hydra = hydra.hydra, None
    try:
        yield
    finally:
        GlobalHydra.instance().hydra = theirs  # another instance by now


def composed(overrides: list[str]) -> dict[str, Any]:
    """Return the resolved config of some overrides as plain containers.

    Raises:
        UserError: an override that cannot be, in the words of the command.
    """
    with apart_from_hydra():
        config = _composed(overrides)
    config.pop("experiment", None)
    return config


def named_choices(chosen: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, str]:
    """Return what was chosen for each group of a trial, by the last part of the group's name.

    Args:
        chosen: Hydra's choices. overrides: as typed; a `_target_` among them is no longer the choice.

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


def _composed(overrides: list[str]) -> dict[str, Any]:
    return _composed_whole(overrides)[0]


def _composed_whole(overrides: list[str]) -> tuple[dict[str, Any], DictConfig]:
    """Return the resolved config of some overrides, and Hydra's own part beside it."""
    try:
        with initialize_config_dir(str(conf_directory()), version_base="1.3"):
            node = compose("config", overrides=overrides, return_hydra_config=True)
            own = OmegaConf.masked_copy(node, [str(key) for key in node if key != "hydra"])
            config = OmegaConf.to_container(own, resolve=True, throw_on_missing=True)
    except MissingMandatoryValue as error:
        key = str(error.full_key or error).removeprefix("Missing mandatory value: ")
        raise ConfigError(key, "a value", "none", f"Write {key}=VALUE.") from error
    except MissingConfigException as error:
        raise _unknown_option(error) from error
    except InterpolationResolutionError as error:
        raise UserError(f"{error.full_key}: {_first_line(error)}") from error
    except (HydraException, OmegaConfBaseException, ValueError, yaml.YAMLError) as error:
        raise _unknown_key(error) from error
    assert isinstance(config, dict)
    return {str(key): value for key, value in config.items()}, node.hydra


def _values(text: str, multirun: bool) -> list[str]:
    """Return an override once for each value it sweeps over; none where only the sweeper knows them."""
    try:
        override = OverridesParser.create().parse_override(text)
    except HydraException as error:
        raise UserError(
            f"{text}: expected key=value or group=choice. {_first_line(error)} "
            "Quote values with spaces or special characters: 'key=\"a value\"'."
        ) from error
    if not override.is_sweep_override():
        return [text]
    if not multirun:
        raise UserError(f"{text}: expected one value, got several. Add -m (or --multirun) to run them all.")
    prefix = text[: text.index("=")]
    try:
        return [f"{prefix}={value}" for value in override.sweep_string_iterator()]
    except HydraException:  # glob(*) and interval(a,b)
        return []


def _unknown_option(error: MissingConfigException) -> UserError:
    missing = error.missing_cfg_file or ""
    group, _, choice = missing.removesuffix(".yaml").rpartition("/")
    if (group, choice) in _PLUGINS:
        extra = _PLUGINS[group, choice]
        return UserError(
            f"{group}={choice}: expected a plug-in of Hydra's that is not installed. "
            f"Write pip install 'alframe[{extra}]'."
        )
    options = sorted(path.stem for path in (conf_directory() / group).glob("*.yaml")) if group else []
    if not options:
        groups = [path.name for path in conf_directory().iterdir() if path.is_dir()]
        return UserError(f"{group or choice}: no such group. {_closest(group or choice, groups)}")
    return UserError(f"{group}={choice}: no such option. {_closest(choice, options)}")


def _unknown_key(error: Exception) -> UserError:
    text = str(error)
    found = re.search(r"Could not override '([^']+)'", text)
    if found:
        key, known = found.group(1), _known_keys()
        if key in known:
            group = key.partition(".")[0]
            return UserError(f"{key}: the choice made for {group} has no such key; another choice has.")
        return UserError(f"{key}: no such key or group. {_closest(key, _known_keys())}")
    return UserError(" ".join(text.split()))


def _closest(name: str, known: list[str]) -> str:
    shown = f"There are: {', '.join(sorted(known))}." if len(known) <= 30 else "alframe --cfg job lists all."
    best = max(known, key=lambda key: _likeness(name, key), default="")
    return f"Did you mean {best}? {shown}" if best and _likeness(name, best) >= 0.6 else shown


def _likeness(typed: str, key: str) -> float:
    """Return how alike two keys are, in [0, 1]; the last part of a dotted key counts as well as the whole."""
    pairs = ((typed, key), (typed.rpartition(".")[2], key.rpartition(".")[2]))
    return max(difflib.SequenceMatcher(None, a, b).ratio() for a, b in pairs)


def _known_keys() -> list[str]:
    groups = [path.name for path in conf_directory().iterdir() if path.is_dir() and path.name != "hydra"]
    return groups + _flat_keys(_composed([]))


def _flat_keys(node: dict[str, Any], prefix: str = "") -> list[str]:
    keys = []
    for key, value in node.items():
        keys.append(f"{prefix}{key}")
        if isinstance(value, dict):
            keys += _flat_keys(value, f"{prefix}{key}.")
    return [key for key in keys if not key.endswith("_")]


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") + "." if lines else type(error).__name__
