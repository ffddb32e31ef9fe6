"""The study of a search: trials by ask and tell of Optuna, kept in a file of the sweep's directory.

A trial is *open* until its figures are known. Open trials of an earlier launch are run first, with the keys
and the number that they had, so that an interrupted search continues as if nothing had happened.
"""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import optuna
import yaml
from optuna.distributions import BaseDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from alframe._files import replace_file
from alframe.cli.optuna_search import RESULTS, STUDY
from alframe.core.errors import UserError
from alframe.trial.directory import differing_settings
from alframe.trial.instantiate import instantiate

_NAME = "search"  # of the study in its file
_SETTINGS = "settings"  # those of the search, in the study
_ENDED = {TrialState.COMPLETE: "finished", TrialState.PRUNED: "pruned"}


class SearchStudy:
    """The trials of a search. The number of a trial is that of its job and of its directory."""

    def __init__(
        self, study: Study, sampler: Mapping[str, Any], space: Mapping[str, BaseDistribution]
    ) -> None:
        self._study, self._sampler, self._space = study, sampler, dict(space)

    @classmethod
    def open(
        cls,
        directory: Path,
        sweeper: Mapping[str, Any],
        space: Mapping[str, BaseDistribution],
        identity: Mapping[str, Any],
    ) -> Self:
        """Return the study of a sweep's directory, which is made if it is missing.

        Args:
            sweeper: settings of `hydra.sweeper`. space: the distribution of each key.
            identity: plain containers with what else the figures of its trials depend on.

        Raises:
            ConfigError: the sampler does not exist or does not take its settings.
            UserError: the directory has another search, whose figures cannot be compared with those to come.
        """
        direction = sweeper["direction"]
        instantiate("hydra.sweeper.sampler", sweeper["sampler"], ["optuna"])
        study = optuna.create_study(
            study_name=_NAME,
            storage=storage_of(directory),
            directions=direction if isinstance(direction, list) else [direction],
            load_if_exists=True,
        )
        keys = {key: str(distribution) for key, distribution in space.items()}
        _check_same(study, directory, {**identity, "direction": direction, "searched": keys})
        return cls(study, sweeper["sampler"], space)

    def __len__(self) -> int:
        """Return the number of trials, open ones included."""
        return len(self._study.get_trials(deepcopy=False))

    def opened(self) -> list[int]:
        """Return the numbers of the open trials, in order."""
        trials = self._study.get_trials(deepcopy=False)
        return [trial.number for trial in trials if not trial.state.is_finished()]

    def ended(self) -> dict[int, str]:
        """Return "finished" or "pruned" for the number of each trial that has ended."""
        trials = self._study.get_trials(deepcopy=False)
        return {trial.number: _ENDED[trial.state] for trial in trials if trial.state in _ENDED}

    def ask(self, n: int) -> list[int]:
        """Return the numbers of n new trials."""
        return [self._ask() for _ in range(n)]

    def _ask(self) -> int:
        """Ask with random numbers of this trial alone: a search that was interrupted asks for the same."""
        settings = dict(self._sampler)
        if settings.get("seed") is not None:
            settings["seed"] += len(self)
        self._study.sampler = instantiate("hydra.sweeper.sampler", settings, ["optuna"])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on settings of samplers that are experimental
            return self._study.ask(self._space).number

    def overrides(self, number: int) -> list[str]:
        """Return the searched keys of a trial as overrides."""
        return [f"{key}={value}" for key, value in self._trial(number).params.items()]

    def tell(self, number: int, values: Sequence[float]) -> None:
        """Record the figures of a finished trial."""
        self._study.tell(number, list(values))

    def tell_pruned(self, number: int) -> None:
        """Record that a trial was ended early."""
        self._study.tell(number, state=TrialState.PRUNED)

    def write_results(self, directory: Path) -> None:
        """Write the keys of the best trial, or of those that no other beats, if any has finished."""
        if "finished" not in self.ended().values():
            return
        best = self._study.best_trials
        found: dict[str, Any] = {"name": "optuna"}
        if len(self._study.directions) == 1:
            found |= {"best_params": best[0].params, "best_value": best[0].values[0]}
        else:
            found["solutions"] = [{"params": each.params, "values": each.values} for each in best]
        replace_file(directory / RESULTS, yaml.safe_dump(found, sort_keys=False))

    def _trial(self, number: int) -> FrozenTrial:
        return self._study.get_trials(deepcopy=False)[number]


def _check_same(study: Study, directory: Path, wanted: Mapping[str, Any]) -> None:
    """Raise `UserError` if a study has other settings. A new one gets these."""
    found = study.user_attrs.get(_SETTINGS)
    if found is None:
        study.set_user_attr(_SETTINGS, dict(wanted))
    elif differing := differing_settings(found, wanted):
        raise UserError(
            f"hydra.sweep.dir: expected this search, but {directory} belongs to another: {differing}. Search "
            "with those settings, or set hydra.sweep.dir to another directory."
        )


def storage_of(directory: Path) -> JournalStorage:
    """Return the storage in a sweep's directory, which several processes and machines may use at a time."""
    return JournalStorage(JournalFileBackend(str(directory / STUDY)))


def load_study(directory: Path, pruner: Mapping[str, Any]) -> tuple[JournalStorage, Study]:
    """Return the storage and the study of a search that has begun, in the process of one of its jobs."""
    storage = storage_of(directory)
    made = instantiate("hydra.sweeper.pruner", pruner, ["optuna"])
    return storage, optuna.load_study(study_name=_NAME, storage=storage, pruner=made)
