"""The loop of a search: ask for a batch of trials, launch them, tell their figures."""

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig, OmegaConf

from alframe._text import counted
from alframe.cli import sweep
from alframe.cli.job import config_of
from alframe.cli.search_space import read_space
from alframe.cli.search_study import SearchStudy
from alframe.cli.sweep import Job
from alframe.config.overrides import parse
from alframe.config.trial_identity import identity
from alframe.core.errors import TrialError


def run_search(launcher: Launcher, config: DictConfig, arguments: Sequence[str], config_loader: Any) -> None:
    """Run the trials of a search until `hydra.sweeper.n_trials` have ended or the sweep is asked to stop.

    Args:
        launcher: of the trials, a batch at a time. config: of the command, with Hydra's part.
        arguments: the overrides of the command. config_loader: Hydra's, for values such as glob(*).

    Raises:
        TrialError: more trials of a batch failed than `hydra.sweeper.max_failure_rate` allows.
    """
    from optuna.logging import set_verbosity

    set_verbosity(logging.WARNING)
    settings = OmegaConf.to_container(config.hydra.sweeper, resolve=True)
    assert isinstance(settings, dict)
    lines = [*(f"{key}={value}" for key, value in (settings["params"] or {}).items()), *arguments]
    space, fixed = read_space(parse(line, config_loader) for line in lines)
    directory = Path(config.hydra.sweep.dir)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # experimental parts of Optuna
        study = SearchStudy.open(
            directory, {str(key): value for key, value in settings.items()}, space, _identity(config)
        )
    search = Search(study=study, launcher=launcher, directory=directory, fixed=fixed, settings=settings)
    search.show_ended()
    search.run()
    study.write_results(directory)


def _identity(config: DictConfig) -> dict[str, Any]:
    """Return what the figures of all trials of a search depend on, besides the keys that it searches."""
    of_trials = config_of(OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"]))
    return {"objective": of_trials["objective"], **identity(of_trials)}


class Search:
    """A search at work."""

    def __init__(
        self,
        *,
        study: SearchStudy,
        launcher: Launcher,
        directory: Path,
        fixed: Sequence[str],
        settings: dict[Any, Any],
    ) -> None:
        self._study, self._launcher, self._directory = study, launcher, directory
        self._fixed, self._settings = list(fixed), settings

    def show_ended(self) -> None:
        """Write the statuses of trials that ended before, which this launch does not run again."""
        ended = self._study.ended()
        for number, status in ended.items():
            overrides = " ".join(self._study.overrides(number))
            job = Job(directory=str(number), status=status, overrides=overrides)  # type: ignore[arg-type]
            sweep.write_status(self._directory, number, job)
        if ended:
            print(f"{counted(len(ended), 'trial')} finished before", flush=True)

    def run(self) -> None:
        """Run open trials, then new ones."""
        opened = self._study.opened()
        while not sweep.stop_requested(self._directory):
            batch = self._first_in_a_row(opened) or self._new()
            if not batch:
                return
            opened = opened[len(batch) :]
            self._run(batch)

    def _first_in_a_row(self, numbers: Sequence[int]) -> list[int]:
        """Return the first numbers that follow each other, since a launcher counts its jobs up."""
        batch = list(numbers[:1])
        for number in numbers[1 : self._settings["n_jobs"]]:
            if number == batch[-1] + 1:
                batch.append(number)
        return batch

    def _new(self) -> list[int]:
        left = self._settings["n_trials"] - len(self._study)
        return self._study.ask(max(0, min(left, self._settings["n_jobs"])))

    def _run(self, batch: Sequence[int]) -> None:
        overrides = [[*self._study.overrides(number), *self._fixed] for number in batch]
        returns = self._launcher.launch(overrides, initial_job_idx=batch[0])
        failed = [
            number
            for number, found in zip(batch, returns, strict=True)
            if not self._tell(number, found.return_value)
        ]
        stopped = sweep.stop_requested(self._directory)
        if not stopped and len(failed) > self._settings["max_failure_rate"] * len(batch):
            most = self._settings["max_failure_rate"]
            raise TrialError(
                f"hydra.sweeper.max_failure_rate: {len(failed)} of {counted(len(batch), 'trial')} failed, "
                f"more than the share {most:g}. The same command runs them again."
            )

    def _tell(self, number: int, found: float | Sequence[float] | None) -> bool:
        """Record what a trial returned. Return False if it has not ended: it stays open."""
        if found is not None:
            self._study.tell(number, found if isinstance(found, Sequence) else [found])
            return True
        job = sweep.read_status(self._directory, number)
        if job is None or job.status != "pruned":
            return False
        self._study.tell_pruned(number)
        return True
