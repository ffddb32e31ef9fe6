"""The jobs of a sweep on a Slurm cluster: their submission by submitit, and waiting until all have ended.

submitit asks `sacct` for the states of jobs, which knows nothing on a cluster without accounting. It also
raises the error of the first killed job while others are still at work. Here `squeue` is asked, and a killed
job has no result.
"""

import shutil
import subprocess
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus

from alframe._text import one_line
from alframe.cli import sweep
from alframe.core.errors import UserError

POLL_SECONDS = (1.0, 10.0)  # between two questions to the queue: the shortest and the longest
FILE_SECONDS = 15.0  # how long a result file may need to be seen on a shared disk
_UNKNOWN = "Invalid job id"  # what squeue prints if the cluster has forgotten a job


def launch(submitit_launcher: Any, overrides: Sequence[Sequence[str]], first: int) -> list[JobReturn]:
    """Submit a job for each list of overrides, wait for all, and return their results in order.

    Args:
        submitit_launcher: a `SlurmLauncher` of hydra-submitit-launcher, which runs in each job.
        first: number of the first job in the sweep.

    Raises:
        UserError: the cluster refuses the jobs.
        KeyboardInterrupt: on the second Ctrl-C; the jobs are cancelled.
    """
    jobs = submit(submitit_launcher, overrides, first)
    try:
        wait(jobs, Path(submitit_launcher.config.hydra.sweep.dir))
    except KeyboardInterrupt:
        cancel(jobs)
        raise
    return [result(job, list(each)) for job, each in zip(jobs, overrides, strict=True)]


def submit(submitit_launcher: Any, overrides: Sequence[Sequence[str]], first: int) -> list[Any]:
    """Submit a job for each list of overrides as one job array.

    Raises:
        UserError: the cluster refuses them.
    """
    import submitit
    from submitit.core.utils import FailedJobError

    params = dict(submitit_launcher.params)
    executor = submitit.AutoExecutor(
        folder=params.pop("submitit_folder"),
        cluster="slurm",
        slurm_max_num_timeout=params.pop("max_num_timeout"),
    )
    executor.update_parameters(**_named(params))
    state = Singleton.get_state()
    numbers = range(first, first + len(overrides))
    try:
        return executor.map_array(
            submitit_launcher,
            [list(each) for each in overrides],
            ["hydra.sweep.dir"] * len(overrides),
            numbers,
            [f"job_id_for_{number}" for number in numbers],
            [state] * len(overrides),
        )
    except FailedJobError as error:
        raise UserError(
            f"hydra.launcher: expected settings that the cluster accepts, but sbatch says: {one_line(error)}"
        ) from error


def _named(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings with the names that submitit uses; those of Slurm alone have a prefix."""
    from hydra_plugins.hydra_submitit_launcher.config import BaseQueueConf

    shared = BaseQueueConf.__dataclass_fields__
    return {key if key in shared else f"slurm_{key}": value for key, value in params.items()}


def wait(jobs: Sequence[Any], directory: Path) -> None:
    """Return when every job has a result or has left the queue.

    If the sweep in the directory is asked to stop, jobs that have not begun are cancelled.
    """
    begin, cancelled = time.monotonic(), False
    while waiting := [job for job in jobs if not job.paths.result_pickle.exists()]:
        if sweep.stop_requested(directory) and not cancelled:
            cancel(waiting, "--state=PENDING")
            cancelled = True
        queued = in_queue(array_ids(waiting))
        if queued is not None and not any(job.job_id in queued for job in waiting):
            return _wait_for_files(waiting)
        shortest, longest = POLL_SECONDS
        time.sleep(min(longest, max(shortest, (time.monotonic() - begin) / 20)))
    return None


def _wait_for_files(jobs: Sequence[Any]) -> None:
    """Wait for the results of jobs that have left the queue, which a shared disk may show later."""
    deadline = time.monotonic() + FILE_SECONDS
    while time.monotonic() < deadline and not all(job.paths.result_pickle.exists() for job in jobs):
        time.sleep(1)


def array_ids(jobs: Sequence[Any]) -> list[str]:
    """Return the numbers of the job arrays of some jobs, each once."""
    return list(dict.fromkeys(job.job_id.partition("_")[0] for job in jobs))


def in_queue(arrays: Sequence[str]) -> Collection[str] | None:
    """Return the jobs of some arrays that are in the queue; None if the cluster does not answer."""
    found: list[str] = []
    for array in arrays:
        command = ["squeue", "--noheader", "--array", "--format=%i", f"--jobs={array}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode and _UNKNOWN not in done.stderr:
            return None
        found += done.stdout.split()
    return set(found)


def cancel(jobs: Sequence[Any], *options: str) -> None:
    """Cancel jobs."""
    if jobs and shutil.which("scancel"):
        subprocess.run(["scancel", *options, *array_ids(jobs)], capture_output=True, check=False)


def result(job: Any, overrides: list[str]) -> JobReturn:
    """Return what a job returned. A killed job has returned None, as one whose trial failed."""
    if not job.paths.result_pickle.exists():
        return JobReturn(overrides=overrides, status=JobStatus.COMPLETED)
    try:
        found: JobReturn = job.results()[0]
    except Exception as error:  # the job's own, such as a package that is missing on its machine
        return JobReturn(overrides=overrides, status=JobStatus.FAILED, _return_value=error)
    return found
