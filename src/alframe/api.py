"""Label arrays from a notebook or a program: one call runs a trial and returns its records.

The config is that of the command: groups by the names of their options, keys as typed.
"""

import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from alframe.config.compose import composed
from alframe.config.overrides import value_text
from alframe.core.errors import ConfigError, UserError
from alframe.core.file_names import KEY
from alframe.core.ledger import LabelLedger
from alframe.core.protocols import MEMBERS
from alframe.core.reports import RoundReport
from alframe.core.trial_summary import TrialSummary
from alframe.data import ImageDataset
from alframe.oracle.callable import Answers, CallableOracle
from alframe.tracking import ConsoleTracker, Outcome, TrialInfo
from alframe.trial.run import Replacements, run_trial

_PLAIN = (bool, int, float, str, type(None))  # types of attributes that identify a user's object


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelResult:
    """The result of a trial.

    Attributes:
        ledger: the labels, each with its source, round and confidence.
        reports: of the seed set, each round and the closing row.
        summary: the content of summary.json.
        class_names: C names.
    """

    ledger: LabelLedger
    reports: tuple[RoundReport, ...]
    summary: Mapping[str, Any]
    class_names: tuple[str, ...]

    @property
    def labels(self) -> np.ndarray[Any, Any]:
        """(N,) int64 labels, -1 for a sample without one."""
        return self.ledger.label_N.numpy()

    @property
    def is_hand(self) -> np.ndarray[Any, Any]:
        """(N,) bool, True if the label is an answer of the oracle."""
        mask_N = torch.zeros(len(self.ledger.label_N), dtype=torch.bool)
        return mask_N.index_fill_(0, self.ledger.index_hand, True).numpy()

    @property
    def confidence(self) -> np.ndarray[Any, Any]:
        """(N,) float64 probability that the classifier gave to an auto-label; NaN for other samples."""
        return self.ledger.log_odds_N.double().sigmoid().numpy()

    @property
    def certificate(self) -> Mapping[str, Any] | None:
        """The certificate, as in summary.json, or None."""
        certificate: Mapping[str, Any] | None = self.summary["certificate"]
        return certificate


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
        images: (N, height, width), (N, height, width, channels) or (N, channels, height, width) uint8.
        labels: (N,) integers from 0, or None. They are the truth: a simulated oracle answers with them, and
            wrong labels are counted against them.
        oracle: "simulated", "noisy", a function from (Q,) int64 indices to (Q,) labels, or an object with
            `label(index_Q)`.
        class_names: one name per class; required if there are no labels.
        test_images, test_labels: a test set; give both or neither. seed: of the trial.
        directory: for the trial's files; the same call resumes an interrupted trial. None keeps no file.
        console: True prints the rounds. settings: config keys, such as {"auto_label.threshold": 0.9}.
        **choices: options of groups by name, such as query="badge" or experiment="one_percent". For
            `initial`, `query`, `auto_label` and `stopping` also your own object (`alframe.core.protocols`).

    Raises:
        UserError: the arguments do not fit. TrialError: training failed.

    >>> import numpy as np
    >>> label(np.zeros((4, 8, 8), np.uint8))
    Traceback (most recent call last):
    ...
    alframe.core.errors.DataError: arrays: expected class names or labels, got neither. Give class_names.
    """
    dataset = ImageDataset.from_arrays(
        "arrays", images, labels, test_images=test_images, test_labels=test_labels, class_names=class_names
    )
    choices, objects = _split({**choices, "oracle": oracle}, dataset.n_classes)
    _check_call(choices, objects, settings or {}, directory)
    config = _config(choices, {"seed": seed, **(settings or {})}, objects)
    choices.pop("tracker", None)
    memory = _Memory()
    replacements = Replacements(
        dataset=dataset,
        components=objects,
        trackers=[memory],
        console=ConsoleTracker() if console else None,
    )
    summary = _run(config, directory, choices, replacements)
    assert memory.ledger is not None, "a finished trial passes its ledger to its trackers"
    return LabelResult(
        ledger=memory.ledger,
        reports=tuple(memory.reports),
        summary=summary.to_json(),
        class_names=dataset.class_names,
    )


def _split(choices: Mapping[str, Any], n_classes: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the options by name and the user's own objects; a function becomes an oracle."""
    objects = {
        name: choice for name, choice in choices.items() if name in MEMBERS and not isinstance(choice, str)
    }
    if "oracle" in objects and not hasattr(objects["oracle"], "label"):
        objects["oracle"] = CallableOracle(objects["oracle"], n_classes)
    return {name: choice for name, choice in choices.items() if name not in objects}, objects


def _run(
    config: dict[str, Any],
    directory: str | Path | None,
    choices: Mapping[str, str],
    replacements: Replacements,
) -> TrialSummary:
    """Run a trial in a directory, or in a temporary one, and return its summary."""
    if directory is None:
        with tempfile.TemporaryDirectory(prefix="alframe-") as folder:
            return run_trial(config, Path(folder), choices=choices, replacements=replacements)
    try:
        return run_trial(config, Path(directory), choices=choices, replacements=replacements)
    except UserError as error:
        raise _about_directory(error) from error


def _check_call(
    choices: Mapping[str, Any], objects: Mapping[str, Any], settings: Any, directory: object
) -> None:
    """Raise `ConfigError`, with the names of the arguments, for a call that cannot be run."""
    if "data" in choices:
        raise ConfigError("data", "no choice, since the images are given", choices["data"], "Leave it out.")
    for group, option in choices.items():
        if not isinstance(option, str) or not _NAME.fullmatch(option):
            raise ConfigError(group, "the name of an option", option)
    for group, component in objects.items():
        if component is None:
            raise ConfigError(
                group, "the name of an option or an object of your own", hint=f'Write {group}="none".'
            )
    oracle = objects.get("oracle")
    if isinstance(oracle, CallableOracle) and not callable(oracle.answers):
        raise ConfigError("oracle", "a name, a function or an object with label", oracle.answers)
    if not isinstance(settings, Mapping) or not all(_NAME.fullmatch(str(key)) for key in settings):
        raise ConfigError("settings", 'keys with their values, such as {"query.num": 50}', settings)
    if choices.get("oracle") == "files" and directory is None:
        raise ConfigError("directory", "a folder for the questions of oracle=files", hint="Give directory.")


_NAME = re.compile(r"[\w./-]+")


def _about_directory(error: UserError) -> UserError:
    """Return the error with the argument's name, `directory`, instead of the config key."""
    text = str(error)
    if not text.startswith(KEY):
        return error
    return UserError(text.replace(" (hydra.sweep.dir in a sweep)", "").replace(KEY, "directory"))


def _config(
    choices: Mapping[str, Any], settings: Mapping[str, Any], objects: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the config of a call, with the user's own objects described: they identify the trial too."""
    choices = {"tracker": "none", **choices}
    overrides = [f"{group}={option}" for group, option in choices.items()]
    overrides += ["data=arrays", "data.path=memory"]
    overrides += [f"{key}={value_text(value)}" for key, value in settings.items()]
    config = composed(overrides)
    described = {name: _described(component) for name, component in objects.items()}
    return {**config, "given": described} if described else config


def _described(component: Any) -> str:
    """Return an object's class and plain attributes, which identify it in a config.

    >>> _described(CallableOracle(len, 10))
    'alframe.oracle.callable.CallableOracle(n_classes=10)'
    """
    attributes = getattr(component, "__dict__", {})
    plain = {name.lstrip("_"): value for name, value in attributes.items() if isinstance(value, _PLAIN)}
    settings = ", ".join(f"{name}={value!r}" for name, value in plain.items())
    return f"{type(component).__module__}.{type(component).__qualname__}" + (
        f"({settings})" if settings else ""
    )


@dataclass
class _Memory:
    """A tracker that keeps the reports and the ledger."""

    reports: list[RoundReport] = field(default_factory=list)
    ledger: LabelLedger | None = None

    def start(self, info: TrialInfo) -> None:
        """Keep the rounds of earlier processes."""
        self.reports = list(info.reports)

    def log(self, report: RoundReport) -> None:
        """Keep a round."""
        self.reports.append(report)

    def finish(self, outcome: Outcome) -> None:
        """Keep the ledger."""
        self.ledger = outcome.ledger
