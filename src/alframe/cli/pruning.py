"""Ends a trial of a search after a round if it does worse than others did: pruning by Optuna."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from alframe.cli.optuna_search import pruned_by
from alframe.core.reports import RoundReport


class PruningTracker:
    """Reports a figure of each round to the study of the search, whose pruner decides.

    Attributes:
        pruned: True if the trial is to end.
    """

    def __init__(self, directory: Path, number: int, pruner: Mapping[str, Any], figure: str) -> None:
        from alframe.cli.search_study import load_study  # imports Optuna

        self.pruned = False
        self._figure = figure
        self._storage, self._study = load_study(directory, pruner)
        study_id = self._storage.get_study_id_from_name(self._study.study_name)
        self._trial_id = self._storage.get_trial_id_from_study_id_trial_number(study_id, number)

    @classmethod
    def of(cls, sweeper: Mapping[str, Any], objective: Any, directory: Path, number: int) -> Self | None:
        """Return the tracker of a job, or None if its sweep is no search or prunes nothing.

        Args:
            sweeper: settings of `hydra.sweeper`. objective: the figure that the search optimises.
            directory: of the sweep. number: of the job.
        """
        figure = pruned_by(objective, sweeper)
        return None if figure is None else cls(directory, number, sweeper["pruner"], figure)

    def start(self, info: Any) -> None:
        """Do nothing: the study knows the trial."""

    def log(self, report: RoundReport) -> None:
        """Report a round that trained, and ask whether the trial is to end."""
        value = getattr(report.row(), self._figure)
        if report.kind != "round" or value is None:
            return
        trial = self._storage.get_trial(self._trial_id)
        if trial.state.is_finished():  # the study has its result from an earlier launch
            return
        self._storage.set_trial_intermediate_value(self._trial_id, report.round, float(value))
        self.pruned = self._study.pruner.prune(self._study, self._storage.get_trial(self._trial_id))

    def finish(self, outcome: Any) -> None:
        """Do nothing: the search tells the study how the trial ended."""
