"""Runs the jobs of a sweep in turns in this process, so that their trials are trained together."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, run_job, setup_globals
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict

from alframe.learner.compute.threads import threads_of_process
from alframe.learner.engines.turns import Turns
from alframe.trial.shared_parts import parts_in_common

Task = Callable[[], JobReturn]


def sweep_jobs(
    context: HydraContext,
    function: TaskFunction,
    config: DictConfig,
    job_overrides: Sequence[Sequence[str]],
    first: int,
) -> list[Task]:
    """Return a job of Hydra for each list of overrides.

    Args:
        context, function, config: as Hydra passes them to a launcher. first: the number of the first job.
    """
    setup_globals()
    Path(str(config.hydra.sweep.dir)).mkdir(parents=True, exist_ok=True)
    return [
        partial(_job, context, function, config, list(overrides), number)
        for number, overrides in enumerate(job_overrides, first)
    ]


def run_together(jobs: Sequence[Task], n_jobs: int, n_threads: int | None) -> list[JobReturn]:
    """Run jobs in turns and return what they return, in order.

    Args:
        n_jobs: jobs that have begun and not ended, at most. n_threads: None for those that are free.
    """
    turns, hydra_config = Turns(max(1, min(n_jobs, len(jobs)))), HydraConfig.instance()
    before = hydra_config.cfg
    try:
        with threads_of_process(n_threads), parts_in_common(turns):
            return turns.run(jobs)
    finally:
        hydra_config.cfg = before  # the last job to end restores what the first had found


def _job(
    context: HydraContext, function: TaskFunction, config: DictConfig, overrides: list[str], number: int
) -> JobReturn:
    of_job = context.config_loader.load_sweep_config(config, overrides)
    with open_dict(of_job):
        of_job.hydra.job.id, of_job.hydra.job.num = str(number), number
    return run_job(
        hydra_context=context,
        task_function=function,
        config=of_job,
        job_dir_key="hydra.sweep.dir",
        job_subdir_key="hydra.sweep.subdir",
    )
