"""`hydra/sweeper=search`: a search over settings, in batches of trials, by any launcher."""

from collections.abc import Sequence
from typing import Any

from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class SearchSweeper(Sweeper):
    """Launches the trials that Optuna asks for. Its settings are those of conf/hydra/sweeper/search.yaml.

    Hydra imports this module at every start, so that Optuna is imported by a search alone.
    """

    def __init__(self, **settings: Any) -> None:
        self.settings = settings

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Make the launcher."""
        self.config, self.config_loader = config, hydra_context.config_loader
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: Sequence[str]) -> None:
        """Run the search."""
        from alframe.cli.search_loop import run_search

        assert self.config is not None
        assert self.launcher is not None
        run_search(self.launcher, self.config, arguments, self.config_loader)
