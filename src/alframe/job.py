"""One job of Hydra's: from a composed config to a trial in Hydra's output directory.

The job of a sweep may run in another process or on another machine than the command: what became of it goes
into the sweep's directory; only the figure that a search optimises and one kind of error leave it otherwise.
"""

import json
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from alframe import sweep
from alframe.compose import named_choices
from alframe.directory import finished_summary
from alframe.errors import AlframeError, AnswersNeeded, TrialError, TrialNotice, UserError
from alframe.interrupts import polite_interrupts
from alframe.sweep import Job

Objective = float | list[float] | None


def run_job(node: DictConfig) -> Objective:
    """Run the trial of a composed config in Hydra's output directory.

    Returns:
        The figures that `objective` names, None where it names none.

    Raises:
        AlframeError, KeyboardInterrupt: as `run_trial`. In a sweep every error is a `TrialError` of one line,
            which can pass between processes.
    """
    warnings.formatwarning = _in_one_line
    state = HydraConfig.get()
    directory = Path(state.runtime.output_dir)
    if state.mode != RunMode.MULTIRUN:
        return _objective(node, _trial(node, directory, group=None))
    place, number = Path(state.sweep.dir).absolute(), int(state.job.num)
    if not _is_basic(state) and sweep.stopped(place):
        sweep.tell(place, number, Job(directory=directory.name, status="not begun"))
        return None
    sweep.tell(place, number, Job(directory=directory.name, status="running"))
    try:
        found = _objective(node, _trial(node, directory, group=place.name))
    except AnswersNeeded as error:
        print(f"alframe: {error}", flush=True)
        sweep.tell(place, number, Job(directory=directory.name, status="waiting", reason=_in_line(error)))
        return None
    except KeyboardInterrupt:
        sweep.tell(place, number, Job(directory=directory.name, status="interrupted"))
        sweep.stop(place)
        if _is_basic(state):
            raise
        return None  # the command says so when all have ended
    except Exception as error:
        if not isinstance(error, AlframeError):
            traceback.print_exc()
        _leave_failure(directory, error)
        sweep.tell(place, number, Job(directory=directory.name, status="failed", reason=_in_line(error)))
        raise TrialError(_in_line(error)) from None
    sweep.tell(place, number, Job(directory=directory.name, status="finished"))
    return found


def _trial(node: DictConfig, directory: Path, group: str | None) -> dict[str, Any]:
    from alframe.trial import Own, run_trial  # torch is imported here, not for --help

    state = HydraConfig.get()
    overrides = [override for override in state.overrides.task if not override.startswith("+sweep=")]
    content = OmegaConf.to_container(node, resolve=True)
    assert isinstance(content, dict)
    config = {str(key): value for key, value in content.items() if key != "experiment"}
    if config.get("trusted_packages"):
        sys.path.insert(0, str(Path.cwd()))  # a package of the user's own, beside where they work
    if group is not None:
        summary = finished_summary(directory, config)
        if summary is not None:
            print(f"{directory.name}: finished before", flush=True)
            return summary
        (directory / "failure.json").unlink(missing_ok=True)
    alone = group is None or _is_basic(state)
    with _interrupts(state, alone) as stop_wanted:
        summary = run_trial(
            config,
            directory,
            name=" ".join(overrides) or "defaults",
            group=group,
            choices=named_choices(state.runtime.choices, state.overrides.task),
            stop_wanted=stop_wanted,
            own=Own(console=alone),  # tables of several trials at once would mix
        )
    if not alone:
        print(f"{directory.name}: {_in_short(summary)}", flush=True)
    return summary


def _in_short(summary: Mapping[str, Any]) -> str:
    """Return a finished trial in one line.

    >>> figures = {"hand_labels": 1438, "hand_share": 0.024, "mislabelled_share": None}
    >>> _in_short({**figures, "rounds": 7, "seconds": 55})
    '1,438 hand labels (2.40 %) in 7 rounds and 55 s'
    """
    wrong = summary["mislabelled_share"]
    told = "" if wrong is None else f", {100 * wrong:.2f} % mislabelled"
    return (
        f"{summary['hand_labels']:,} hand labels ({100 * summary['hand_share']:.2f} %){told} "
        f"in {summary['rounds']} rounds and {summary['seconds']:.0f} s"
    )


@contextmanager
def _interrupts(state: Any, alone: bool) -> Iterator[Callable[[], bool]]:
    """Yield what says whether to end after this round: Ctrl-C, or a sweep of several processes."""
    if alone:
        with polite_interrupts() as pressed:
            yield pressed
        return
    place = Path(state.sweep.dir).absolute()
    with polite_interrupts(None) as pressed:  # the command says what Ctrl-C does
        yield lambda: pressed() or sweep.stopped(place)


def _is_basic(state: Any) -> bool:
    """Return whether jobs run one after the other in the command's own process."""
    return str(state.launcher.get("_target_")).endswith("BasicLauncher")


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


def _leave_failure(directory: Path, error: Exception) -> None:
    """Leave word of a failure in the trial's directory where the trial itself could not."""
    taken = any((directory / name).exists() for name in ("summary.json", "failure.json"))
    if taken or not directory.is_dir():
        return
    expected = isinstance(error, AlframeError)
    reason = str(error) if expected else "".join(traceback.format_exception(error))
    (directory / "failure.json").write_text(
        json.dumps({"status": "failed", "reason": reason, "rounds": 0}, indent=2) + "\n"
    )


def _in_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _in_one_line(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
) -> str:
    """Return a warning as it is printed: ours are for the user, others for whoever mends the code."""
    if issubclass(category, TrialNotice):
        return f"alframe: {message}\n"
    return f"{filename}:{lineno}: {category.__name__}: {message}\n"
