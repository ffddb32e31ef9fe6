"""The output directory of a command, and how many trials of a sweep run at a time."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from alframe._machine import n_cores
from alframe.cli.optuna_search import check_search
from alframe.config.command_line import CommandLine
from alframe.config.trial_identity import digest, identity, trial_name
from alframe.core.errors import UserError
from alframe.trial.directory import unfinished

# The setting of a launcher that bounds its trials at a time; "" if none does.
_MOST_AT_A_TIME = {
    "JoblibLauncher": "n_jobs",
    "PackedLauncher": "n_jobs",
    "SlurmLauncher": "array_parallelism",
    "LocalLauncher": "",
}
NAMED_BY_CONFIG = "auto"  # replaced by a directory name that is made from the config


@dataclass(frozen=True, kw_only=True)
class RunTarget:
    """The directory of a command, and the way in which it runs its trials.

    Attributes:
        overrides: to add to the command line. They set the directory if it is named after the config, and the
            number of processes if the launcher leaves it open.
        sweep: the sweep's directory, None for a single trial.
        trial: the directory of a single trial, None for a sweep.
        new: the directories above it that do not exist yet, the innermost first.
        n_trials: in the sweep, None if only the sweeper knows.
        at_a_time: how many trials the launcher runs at the same time, None for one after the other.
        objective: the metrics that a search optimises, empty if the sweep is not a search.
    """

    overrides: list[str]
    sweep: Path | None
    trial: Path | None = None
    new: tuple[Path, ...] = ()
    n_trials: int | None = None
    at_a_time: int | None = None
    objective: tuple[str, ...] = ()

    @contextmanager
    def removed_if_refused(self) -> Iterator[None]:
        """Remove new and empty directories above a single trial if the user has made a mistake."""
        try:
            yield
        except UserError:
            with suppress(OSError):  # not empty
                for parent in self.new:
                    parent.rmdir()
            raise


def run_target(line: CommandLine) -> RunTarget:
    """Return the directory of a command, and the way in which it runs its trials.

    A trial takes the directory of an unfinished trial with the same config, if there is one. A sweep takes
    the directory of the same sweep.

    Raises:
        UserError: the launcher cannot work on this machine, or a search has no objective.
    """
    node, config = line.hydra, line.config
    sweeps = line.multirun or str(node.mode) == "RunMode.MULTIRUN"
    given = Path(node["sweep" if sweeps else "run"].dir)
    if not sweeps:
        named = given.name == NAMED_BY_CONFIG
        path = unfinished(given.parent, trial_name(config)) if named else given
        new = tuple(parent for parent in path.parents if not parent.exists())
        overrides = [f"hydra.run.dir={path}"] if named else []
        return RunTarget(overrides=overrides, sweep=None, trial=path, new=new)
    sweeper = OmegaConf.to_container(node.sweeper, resolve=True, enum_to_str=True)
    assert isinstance(sweeper, dict)
    n_trials = sweeper.get("n_trials", line.n_trials)  # a search sets its own number
    at_a_time = _at_a_time(node.launcher, n_trials, sweeper.get("n_jobs"))
    # Processes share the cores, so there are no more processes than trials at a time.
    open_ended = node.launcher.get("n_jobs") == -1
    overrides = [f"hydra.launcher.n_jobs={at_a_time}"] if open_ended else []
    path = given
    if given.name == NAMED_BY_CONFIG:
        chosen = [text.partition("=")[2] for text in line.overrides if text.startswith("+sweep=")]
        content = [identity(config), config["objective"], line.swept, _which_trials(sweeper)]
        path = given.parent / f"{(chosen or ['sweep'])[0]}_{digest(content)}"
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
    """Return the settings of a sweeper that decide which trials it runs."""
    # A search with another number of trials is the same search.
    amounts = ("n_trials", "max_failure_rate", "max_batch_size")
    return {str(key): value for key, value in sweeper.items() if key not in amounts and value is not None}


def _at_a_time(launcher: DictConfig, n_trials: int | None, together: int | None) -> int | None:
    """Return how many trials a launcher runs at the same time, or None for one after the other.

    Raises:
        UserError: the launcher needs Slurm, which this machine does not have.
    """
    name = str(launcher.get("_target_")).rpartition(".")[2]
    if name == "SlurmLauncher" and shutil.which("srun") is None:
        raise UserError(
            "hydra/launcher: expected a machine of a Slurm cluster, got one without srun. "
            "Write hydra/launcher=cores for several trials at once on this one."
        )
    most = _MOST_AT_A_TIME.get(name)
    if most is None:
        return None
    bounds = (n_cores() if launcher.get(most) == -1 else launcher.get(most), n_trials, together)
    return min((n for n in bounds if n is not None and n > 0), default=None)
