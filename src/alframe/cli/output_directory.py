"""Where a command works: the directory of its trial or sweep, and how many trials work there at a time."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from alframe._machine import n_cores
from alframe.cli.search import check_search
from alframe.config.command_line import CommandLine
from alframe.config.identity import digest, identity, trial_name
from alframe.core.errors import UserError
from alframe.trial.directory import unfinished

NAMED_BY_CONFIG = "auto"  # the last part of a directory that is named after the config


@dataclass(frozen=True, kw_only=True)
class RunTarget:
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


def run_target(line: CommandLine) -> RunTarget:
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
        return RunTarget(overrides=[f"hydra.run.dir={path}"] if named else [], sweep=None)
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
    return RunTarget(
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
