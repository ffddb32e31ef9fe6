"""Label arrays from a notebook or a program: one call runs a trial and returns its records.

The config is that of the command: groups by the names of their options, keys as typed.
"""

import os
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from alframe.config.compose import composed
from alframe.config.overrides import value_text
from alframe.core.component_check import MEMBERS
from alframe.core.errors import TrialNotice
from alframe.core.ledger import LabelLedger
from alframe.core.reports import RoundReport
from alframe.core.trial_summary import TrialSummary
from alframe.data import ImageDataset
from alframe.data.fingerprint import fingerprint
from alframe.oracle.callable import Answers, CallableOracle
from alframe.tracking import ConsoleTracker, Outcome, TrialInfo
from alframe.tracking.console_check import advice_lines
from alframe.trial.directory import finished_summary
from alframe.trial.label_result import LabelResult, load_result, save_result
from alframe.trial.python_call import as_of_call, check_call, plain_torch
from alframe.trial.run import Replacements, run_trial

__all__ = ["LabelResult", "label"]

_PLAIN = (bool, int, float, str, type(None))  # types of attributes that identify a user's object
_CALLER = 5  # levels of the stack from a warning to the call of `label`, through its two decorators


@as_of_call()
@plain_torch()
def label(
    images: Any,
    labels: Any = None,
    *,
    oracle: str | Answers | Any = "simulated",
    class_names: Sequence[str] | None = None,
    test_images: Any = None,
    test_labels: Any = None,
    seed: int = 0,
    directory: str | Path | None = None,
    console: bool = False,
    settings: Mapping[str, Any] | None = None,
    **choices: Any,
) -> LabelResult:
    """Label images with active learning and return the labels with the records of the trial.

    Args:
        images: (N, height, width), (N, height, width, channels) or (N, channels, height, width) uint8; other
            types and data sets of pairs (image, label) as in `ImageDataset.from_arrays`.
        labels: (N,) class names or whole numbers, or None. They are the truth: a simulated oracle answers
            with them, and wrong labels are counted against them.
        oracle: "simulated", "noisy", "files", a function from (Q,) int64 indices to Q answers as in
            `alframe.oracle.CallableOracle`, or an object with `label(index_Q)`.
        class_names: one name per class; required if there are no labels.
        test_images, test_labels: a test set; give both or neither. seed: of the trial.
        directory: for the trial's files. The same call resumes an interrupted trial and returns the result
            of a finished one. None keeps no file; the vectors of an encoder are kept only if
            `embeddings_dir` is among the settings or ALFRAME_EMBEDDINGS_DIR is set.
        console: True prints the rounds. settings: config keys, such as {"auto_label.threshold": 0.9}.
        **choices: options of groups by name, such as query="badge" or experiment="one_percent". For
            `initial`, `query`, `auto_label` and `stopping` also your own object (`alframe.core.protocols`).

    Raises:
        UserError: the arguments do not fit, or the oracle's answers. TrialError: training failed.
        AnswersNeeded: oracle="files" waits for people; the same call continues.

    >>> import numpy as np
    >>> label(np.zeros((4, 8, 8), np.uint8))
    Traceback (most recent call last):
    ...
    alframe.core.errors.DataError: arrays: expected class names or labels, got neither. Give class_names.
    """
    dataset = ImageDataset.from_arrays(
        "arrays", images, labels, test_images=test_images, test_labels=test_labels, class_names=class_names
    )
    choices, objects = _split({**choices, "oracle": oracle}, dataset.class_names)
    settings = {} if settings is None else settings
    check_call(choices, objects, settings, directory)
    config = _config(choices, {"seed": seed, **settings}, objects, dataset.class_names)
    choices.pop("tracker", None)
    call = _Call(config=config, choices=choices, objects=objects, dataset=dataset, console=console)
    if directory is not None:
        return _finished(call, Path(directory)) or _run(call, Path(directory), ConsoleTracker(again="call"))
    with tempfile.TemporaryDirectory(prefix="alframe-") as folder:
        if "embeddings_dir" not in settings and "ALFRAME_EMBEDDINGS_DIR" not in os.environ:
            config["embeddings_dir"] = str(Path(folder) / "embeddings")
        return _run(call, Path(folder), ConsoleTracker(again=None))


@dataclass(frozen=True, kw_only=True)
class _Call:
    """The checked arguments of a call; `objects` are the user's own components."""

    config: dict[str, Any]
    choices: Mapping[str, str]
    objects: Mapping[str, Any]
    dataset: ImageDataset
    console: bool

    @property
    def data(self) -> str:
        """The fingerprint of all samples."""
        return fingerprint(self.dataset, torch.ones(len(self.dataset), dtype=torch.bool))


def _split(choices: Mapping[str, Any], class_names: tuple[str, ...]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the options by name and the user's own objects; a function becomes an oracle."""
    objects = {
        name: choice for name, choice in choices.items() if name in MEMBERS and not isinstance(choice, str)
    }
    oracle: Any = objects.get("oracle")
    if "oracle" in objects and not hasattr(oracle, "label") and not isinstance(oracle, type):
        objects["oracle"] = CallableOracle(oracle, class_names)
    return {name: choice for name, choice in choices.items() if name not in objects}, objects


def _finished(call: _Call, directory: Path) -> LabelResult | None:
    """Return the result of the finished trial in a directory, or None if there is none."""
    summary = finished_summary(directory, call.config)
    if summary is None:
        return None
    ledger, reports, class_names = load_result(directory, call.data)
    warnings.warn(
        f"directory: the trial in {directory} is finished, so that its result is returned. Give another "
        "directory for a new trial.",
        TrialNotice,
        stacklevel=_CALLER,
    )
    return _result(summary, ledger, reports, class_names)


def _run(call: _Call, directory: Path, console: ConsoleTracker) -> LabelResult:
    """Run a trial in a directory and return its result; warn if its auto-labels are not to be used."""
    memory = _Memory(data=call.data)
    replacements = Replacements(
        dataset=call.dataset,
        components=call.objects,
        trackers=[memory],
        console=console if call.console else None,
    )
    summary = run_trial(call.config, directory, choices=call.choices, replacements=replacements)
    advice = advice_lines(summary, call.config, directory)
    if advice and not call.console:
        warnings.warn(advice[0], TrialNotice, stacklevel=_CALLER)
    assert memory.ledger is not None, "a finished trial passes its ledger to its trackers"
    return _result(summary, memory.ledger, tuple(memory.reports), memory.class_names)


def _result(
    summary: TrialSummary,
    ledger: LabelLedger,
    reports: tuple[RoundReport, ...],
    class_names: tuple[str, ...],
) -> LabelResult:
    return LabelResult(ledger=ledger, reports=reports, summary=summary.to_json(), class_names=class_names)


def _config(
    choices: Mapping[str, Any],
    settings: Mapping[str, Any],
    objects: Mapping[str, Any],
    class_names: tuple[str, ...],
) -> dict[str, Any]:
    """Return the config of a call.

    The class names and the description of the user's own objects identify the trial too.
    """
    choices = {"tracker": "none", **choices}
    overrides = [f"{group}={option}" for group, option in choices.items()]
    overrides += ["data=arrays", "data.path=memory"]
    overrides += [f"{key}={value_text(value)}" for key, value in settings.items()]
    config = composed(overrides)
    config["data"] = {**config["data"], "class_names": [name.replace("${", "\\${") for name in class_names]}
    described = {name: _described(component) for name, component in objects.items()}
    return {**config, "given": described} if described else config


def _described(component: Any) -> str:
    """Return an object's class and plain attributes, which identify it in a config.

    >>> from alframe.query import RandomQuery
    >>> _described(RandomQuery())
    'alframe.query.uncertainty.RandomQuery'
    """
    attributes = getattr(component, "__dict__", {})
    plain = {name.lstrip("_"): value for name, value in attributes.items() if isinstance(value, _PLAIN)}
    settings = ", ".join(f"{name}={value!r}" for name, value in plain.items())
    return f"{type(component).__module__}.{type(component).__qualname__}" + (
        f"({settings})" if settings else ""
    )


@dataclass
class _Memory:
    """A tracker that keeps the reports and the ledger; `data` is the fingerprint of the data."""

    data: str
    directory: Path = field(default_factory=Path)
    reports: list[RoundReport] = field(default_factory=list)
    ledger: LabelLedger | None = None
    class_names: tuple[str, ...] = ()

    def start(self, info: TrialInfo) -> None:
        """Keep the rounds of earlier processes."""
        self.reports, self.directory = list(info.reports), info.directory

    def log(self, report: RoundReport) -> None:
        """Keep a round."""
        self.reports.append(report)

    def finish(self, outcome: Outcome) -> None:
        """Keep the ledger, in a file too if the trial is finished."""
        self.ledger, self.class_names = outcome.ledger, tuple(outcome.class_names)
        if outcome.ledger is not None and outcome.summary is not None:
            save_result(self.directory, self.data, outcome.ledger, tuple(self.reports), self.class_names)
