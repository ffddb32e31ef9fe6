"""One job of Hydra's: from a composed config to a trial in Hydra's output directory.

The job of a sweep may run in another process or on another machine than the command: what became of it goes
into the sweep's directory; only the figure that a search optimises leaves it otherwise.
"""

import os
import sys
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

from alframe._text import counted, duration, percent
from alframe.cli import sweep
from alframe.cli.interrupts import follow_the_command, polite_interrupts
from alframe.cli.sweep import Job, Launch, Status
from alframe.config.compose import named_choices
from alframe.core.errors import AlframeError, AnswersNeeded, TrialError, TrialNotice, UserError
from alframe.trial.directory import finished_summary

Objective = float | list[float] | None


def run_job(node: DictConfig, launch: Launch) -> Objective:
    """Run the trial of a composed config in Hydra's output directory.

    Returns:
        The figures that `objective` names, None where it names none or the trial of a sweep did not finish.

    Raises:
        AlframeError, KeyboardInterrupt: as `run_trial`; nothing in a sweep, so that the others go on.
    """
    warnings.formatwarning = _in_one_line
    state = HydraConfig.get()
    directory = Path(state.runtime.output_dir)
    if state.mode != RunMode.MULTIRUN:
        with polite_interrupts() as stop_wanted:
            summary = _trial(node, directory, state.overrides.task, stop_wanted)
        return _objective(node, summary)
    if not launch.is_here():
        follow_the_command()
    return _job_of_sweep(node, Path(state.sweep.dir).absolute(), directory, launch)


def _job_of_sweep(node: DictConfig, sweep_directory: Path, directory: Path, launch: Launch) -> Objective:
    state = HydraConfig.get()
    name, number = os.path.relpath(directory, sweep_directory), int(state.job.num)

    def tell(status: Status, reason: str = "") -> Job:
        job = Job(directory=name, overrides=launch.swept(state.overrides.task), status=status, reason=reason)
        _leave_word(sweep_directory, number, job)
        return job

    if sweep.stopped(sweep_directory):
        tell("not begun")
        return None
    title = f"[{launch.numbered(number)}] {tell('running')}"
    try:
        summary = _trial_of_sweep(node, sweep_directory, directory, title, launch)
        found = _objective(node, summary)
    except AnswersNeeded as error:
        tell("waiting", _in_line(error))
        print(f"{title}: {_in_line(error).partition('. ')[0]}", flush=True)
        return None
    except KeyboardInterrupt:
        tell("interrupted")
        sweep.stop(sweep_directory)
        return None
    except Exception as error:
        if not isinstance(error, AlframeError):
            traceback.print_exc()
        _leave_failure(directory, error)
        tell("failed", _in_line(error))
        print(f"{title}: failed: {_in_line(error)}", flush=True)
        return None
    tell("finished")
    return found


def _trial_of_sweep(
    node: DictConfig, sweep_directory: Path, directory: Path, title: str, launch: Launch
) -> dict[str, Any]:
    summary = finished_summary(directory, _config(node))
    if summary is not None:
        print(f"{title}: finished before", flush=True)
        return summary
    (directory / "failure.json").unlink(missing_ok=True)
    bar = None if launch.is_here() else False  # those of several trials at once would mix
    overrides = HydraConfig.get().overrides.task
    stop_wanted = partial(sweep.stopped, sweep_directory)
    summary = _trial(
        node, directory, overrides, stop_wanted, group=sweep_directory.name, title=title, bar=bar
    )
    print(f"{title}: {_in_short(summary)}", flush=True)
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
) -> dict[str, Any]:
    from alframe.tracking import ConsoleTracker  # torch is imported here, not for --help
    from alframe.trial.run import Replacements, run_trial

    config = _config(node)
    if config.get("trusted_packages"):
        sys.path.insert(0, str(Path.cwd()))  # a package of the user's replacements, beside where they work
    name = " ".join(override for override in overrides if not override.startswith("+sweep="))
    return run_trial(
        config,
        directory,
        name=name or "defaults",
        group=group,
        choices=named_choices(HydraConfig.get().runtime.choices, overrides),
        stop_wanted=stop_wanted,
        replacements=Replacements(console=ConsoleTracker(bar=bar, one_of_many=title)),
    )


def _config(node: DictConfig) -> dict[str, Any]:
    content = OmegaConf.to_container(node, resolve=True)
    assert isinstance(content, dict)
    return {str(key): value for key, value in content.items() if key != "experiment"}


def _in_short(summary: Mapping[str, Any]) -> str:
    """Return a finished trial in one line.

    >>> figures = {"hand_labels": 1438, "hand_share": 0.024, "mislabelled_share": None}
    >>> _in_short({**figures, "rounds": 7, "seconds": 55})
    '1,438 hand labels (2.40 %) in 7 rounds and 55.0 s'
    """
    wrong = summary["mislabelled_share"]
    told = "" if wrong is None else f", {percent(wrong)} mislabelled"
    return (
        f"{summary['hand_labels']:,} hand labels ({percent(summary['hand_share'])}){told} "
        f"in {counted(summary['rounds'], 'round')} and {duration(summary['seconds'])}"
    )


def _objective(node: DictConfig, summary: dict[str, Any]) -> Objective:
    """Return the figures that a search optimises.

    Raises:
        UserError: the trial has no such figure, its value being null.
    """
    asked = node.get("objective")
    if asked is None:
        return None
    names = [asked] if isinstance(asked, str) else list(asked)
    for name in names:
        if summary.get(name) is None:
            raise UserError(
                f"objective: expected a figure that is known of every trial, but {name} is null. Choose "
                "another one, or give the data labels or a test set."
            )
    values = [float(summary[name]) for name in names]
    return values[0] if isinstance(asked, str) else values


def _leave_word(place: Path, number: int, job: Job) -> None:
    """Leave word of a job; on a full disk the terminal is all that is left for it."""
    try:
        sweep.tell(place, number, job)
    except (TrialError, OSError) as error:
        print(
            f"{job}: {job.status}, which could not be noted: {_in_line(error)}", file=sys.stderr, flush=True
        )


def _leave_failure(directory: Path, error: Exception) -> None:
    """Leave word of a failure in the trial's directory where the trial itself could not."""
    taken = any((directory / name).exists() for name in ("summary.json", "failure.json"))
    if taken or not directory.is_dir():
        return
    from alframe.tracking.files import leave_failure  # loads torch

    expected = isinstance(error, AlframeError)
    reason = str(error) if expected else "".join(traceback.format_exception(error))
    with suppress(TrialError):  # on a full disk it is told on the terminal alone
        leave_failure(directory, "failed", reason, 0)


def _in_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _in_one_line(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
) -> str:
    """Return a warning as it is printed: ours are for the user, others for whoever mends the code."""
    if issubclass(category, TrialNotice):
        return f"alframe: {message}\n"
    return f"{filename}:{lineno}: {category.__name__}: {message}\n"
