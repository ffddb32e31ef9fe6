"""One job of Hydra: from a composed config to a trial in Hydra's output directory.

A job of a sweep may run in another process or on another machine than the command. Its status goes into the
sweep's directory; it returns only the metrics that a search optimises.
"""

import os
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from alframe._text import counted, duration, one_line, percent
from alframe.cli import sweep
from alframe.cli.command_record import command_recorded, without_failure
from alframe.cli.interrupts import PAGE, TRIAL, end_with_parent, two_step_interrupts
from alframe.cli.pruning import PruningTracker
from alframe.cli.sweep import Job, Launch, Status
from alframe.config.compose import named_choices
from alframe.config.validate import PAGE_ORACLE
from alframe.core.errors import (
    AlframeError,
    AnswersNeeded,
    OtherTrialError,
    Terminated,
    TrialError,
    TrialNotice,
    UserError,
)
from alframe.core.file_names import FAILURE, SUMMARY
from alframe.core.trial_summary import TrialSummary
from alframe.trial.directory import drop_leftovers, finished_summary

Objective = float | list[float] | None


def run_job(node: DictConfig, launch: Launch) -> Objective:
    """Run the trial of a composed config in Hydra's output directory.

    Returns:
        The metrics that `objective` names. None if it names none, or if a trial of a sweep did not finish.

    Raises:
        AlframeError, KeyboardInterrupt: as `run_trial`, but not in a sweep, so that its other trials run.
        Terminated: on SIGTERM.
    """
    warnings.formatwarning = format_warning
    state = HydraConfig.get()
    directory = Path(state.runtime.output_dir)
    if state.mode != RunMode.MULTIRUN:
        on_page = config_of(node)["oracle"]["_target_"] == PAGE_ORACLE
        with two_step_interrupts(PAGE if on_page else TRIAL) as stop_wanted:
            summary = _trial(node, directory, state.overrides.task, stop_wanted)
        return _objective(node, summary)
    if not launch.in_this_process():
        end_with_parent()
    return _job_of_sweep(node, Path(state.sweep.dir).absolute(), directory, launch)


def _job_of_sweep(node: DictConfig, sweep_directory: Path, directory: Path, launch: Launch) -> Objective:
    state = HydraConfig.get()
    name, number = os.path.relpath(directory, sweep_directory), int(state.job.num)

    def set_status(status: Status, reason: str = "") -> Job:
        job = Job(directory=name, overrides=launch.swept(state.overrides.task), status=status, reason=reason)
        _write_status(sweep_directory, number, job)
        return job

    if sweep.stop_requested(sweep_directory):
        set_status("not begun")
        return None
    title = f"[{launch.position(number)}] {set_status('running')}"
    pruning: PruningTracker | None = None
    try:
        pruning = _pruning(node, sweep_directory, number)
        summary = _trial_of_sweep(node, sweep_directory, directory, title, launch, pruning)
        found = _objective(node, summary)
    except AnswersNeeded as error:
        set_status("waiting", one_line(error))
        print(f"{title}: {one_line(error).partition('. ')[0]}", flush=True)
        return None
    except (KeyboardInterrupt, Terminated) as error:
        if pruning is not None and pruning.pruned:
            set_status("pruned")
            print(f"{title}: pruned", flush=True)
            return None
        set_status("interrupted")
        sweep.request_stop(sweep_directory)
        if isinstance(error, Terminated):
            raise
        return None
    except Exception as error:
        if not isinstance(error, AlframeError):
            traceback.print_exc()
        if not isinstance(error, OtherTrialError):
            _write_failure(directory, error)
        set_status("failed", one_line(error))
        print(f"{title}: failed: {one_line(error)}", flush=True)
        return None
    set_status("finished")
    return found


def _pruning(node: DictConfig, sweep_directory: Path, number: int) -> PruningTracker | None:
    """Return what ends the trial if it does worse than others of its search, or None."""
    sweeper = HydraConfig.get().sweeper
    if sweeper.get("pruner") is None:
        return None
    settings = OmegaConf.to_container(sweeper, resolve=True)
    assert isinstance(settings, dict)
    by_key = {str(key): value for key, value in settings.items()}
    return PruningTracker.of(by_key, node.get("objective"), sweep_directory, number)


def _trial_of_sweep(
    node: DictConfig,
    sweep_directory: Path,
    directory: Path,
    title: str,
    launch: Launch,
    pruning: PruningTracker | None,
) -> TrialSummary:
    from alframe.trial.shared_parts import parts_of_sweeps  # imports torch

    summary = finished_summary(directory, config_of(node))
    if summary is not None:
        drop_leftovers(directory)
        print(f"{title}: finished before", flush=True)
        return summary
    # The bars of several trials at once would mix. Trials that are trained together have a thread each.
    one_at_a_time = launch.in_this_process() and threading.current_thread() is threading.main_thread()
    bar = None if one_at_a_time else False
    overrides = HydraConfig.get().overrides.task

    def stop_wanted() -> bool:
        return sweep.stop_requested(sweep_directory) or (pruning is not None and pruning.pruned)

    with parts_of_sweeps(), without_failure(directory):
        summary = _trial(
            node,
            directory,
            overrides,
            stop_wanted,
            group=sweep_directory.name,
            title=title,
            bar=bar,
            trackers=[] if pruning is None else [pruning],
        )
    print(f"{title}: {short_summary(summary)}", flush=True)
    return summary


def _trial(
    node: DictConfig,
    directory: Path,
    overrides: Sequence[str],
    stop_wanted: Callable[[], bool],
    *,
    group: str | None = None,
    title: str | None = None,
    bar: bool | None = None,
    trackers: Sequence[PruningTracker] = (),
) -> TrialSummary:
    from alframe.page.settings import (
        page_settings,
        without_page,
    )  # they import torch, which --help must not load
    from alframe.tracking import ConsoleTracker
    from alframe.trial.run import Replacements, run_trial

    config = config_of(node)
    find_own_packages(config)
    name = " ".join(override for override in overrides if not override.startswith(("+sweep=", "page.")))
    run = partial(
        run_trial,
        without_page(config),
        directory,
        name=name or "defaults",
        group=group,
        choices=named_choices(HydraConfig.get().runtime.choices, overrides),
        stop_wanted=stop_wanted,
    )
    page = page_settings(config) if group is None else None
    with command_recorded(directory, node):
        if page is not None:
            from alframe.cli.page_job import page_site, run_on_page

            with page_site(page, directory) as site:
                return run_on_page(site, run, stop_wanted)
        console = ConsoleTracker(bar=bar, title=title)
        return run(replacements=Replacements(console=console, trackers=trackers))


def find_own_packages(config: Mapping[str, Any]) -> None:
    """Let packages in the current directory be imported if the config trusts some."""
    if config.get("trusted_packages"):
        sys.path.insert(0, str(Path.cwd()))


def config_of(node: DictConfig) -> dict[str, Any]:
    """Return a composed config as plain containers."""
    content = OmegaConf.to_container(node, resolve=True)
    assert isinstance(content, dict)
    return {str(key): value for key, value in content.items() if key != "experiment"}


def short_summary(summary: TrialSummary) -> str:
    """Return a finished trial in one line.

    >>> from types import SimpleNamespace as Summary
    >>> figures = {"hand_labels": 1438, "hand_share": 0.024, "mislabelled_share": None}
    >>> short_summary(Summary(**figures, rounds=7, seconds=55))
    '1,438 hand labels (2.40 %) in 7 rounds and 55.0 s'
    """
    wrong = summary.mislabelled_share
    mislabelled = "" if wrong is None else f", {percent(wrong)} mislabelled"
    return (
        f"{summary.hand_labels:,} hand labels ({percent(summary.hand_share)}){mislabelled} "
        f"in {counted(summary.rounds, 'round')} and {duration(summary.seconds)}"
    )


def _objective(node: DictConfig, summary: TrialSummary) -> Objective:
    """Return the metrics that a search optimises.

    Raises:
        UserError: a metric is null for this trial.
    """
    named = node.get("objective")
    if named is None:
        return None
    names = [named] if isinstance(named, str) else list(named)
    values = [getattr(summary, name) for name in names]
    for name, value in zip(names, values, strict=True):
        if value is None:
            raise UserError(
                f"objective: expected a figure that is known for every trial, but {name} is null. Choose "
                "another one, or give the data labels or a test set."
            )
    return float(values[0]) if isinstance(named, str) else [float(value) for value in values]


def _write_status(sweep_directory: Path, number: int, job: Job) -> None:
    """Write a job's status file. If the disk is full, print the status instead."""
    try:
        sweep.write_status(sweep_directory, number, job)
    except (TrialError, OSError) as error:
        line = f"{job}: {job.status}, but its status could not be written: {one_line(error)}"
        print(line, file=sys.stderr, flush=True)


def _write_failure(directory: Path, error: Exception) -> None:
    """Write failure.json into the trial's directory, unless the trial has already written its own end."""
    written = any((directory / name).exists() for name in (SUMMARY, FAILURE))
    if written or not directory.is_dir():
        return
    from alframe.tracking.files import write_failure  # imports torch

    expected = isinstance(error, AlframeError)
    reason = str(error) if expected else "".join(traceback.format_exception(error))
    with suppress(TrialError):  # if the disk is full, only the terminal shows the reason
        write_failure(directory, "failed", reason, 0)


def format_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
) -> str:
    """Return a warning as it is printed: a notice to the user without its place in the code."""
    if issubclass(category, TrialNotice):
        return f"alframe: {message}\n"
    return f"{filename}:{lineno}: {category.__name__}: {message}\n"
