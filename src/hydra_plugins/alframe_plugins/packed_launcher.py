"""`hydra/launcher=packed`: the trials run in turns in this process and are trained together."""

from collections.abc import Sequence

from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class PackedLauncher(Launcher):
    """Runs at most `n_jobs` trials at a time. Hydra imports this module at every start, without torch."""

    def __init__(self, n_jobs: int) -> None:
        self.n_jobs = n_jobs

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what the jobs need."""
        self.config, self.hydra_context, self.task_function = config, hydra_context, task_function

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run a job for each list of overrides and return their results in order."""
        from alframe.cli.packed import run_together, sweep_jobs

        assert self.config is not None
        assert self.hydra_context is not None
        assert self.task_function is not None
        jobs = sweep_jobs(self.hydra_context, self.task_function, self.config, job_overrides, initial_job_idx)
        return run_together(jobs, self.n_jobs, self.config.get("threads"))
