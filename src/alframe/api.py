"""LabelResult arrays from a notebook or a program: a trial in a line, records back.

The config is the command's own: groups by the names of their options, keys as they are typed.
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
from alframe.core.errors import ConfigError, UserError
from alframe.core.layout import KEY
from alframe.core.ledger import LabelLedger
from alframe.core.protocols import MEMBERS
from alframe.core.records import RoundReport
from alframe.data import ImageDataset
from alframe.oracle.callable import Answers, CallableOracle
from alframe.tracking import ConsoleTracker, Outcome, TrialInfo
from alframe.trial.run import Replacements, run_trial

_PLAIN = (bool, int, float, str, type(None))  # attributes that tell an object of the user's from others


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelResult:
    """What a trial came to.

    Attributes:
        ledger: who labelled what, when and how sure.
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
        """(N,) int64 labels, -1 where there is none."""
        return self.ledger.label_N.numpy()

    @property
    def is_hand(self) -> np.ndarray[Any, Any]:
        """(N,) bool: the label is an answer of the oracle."""
        mask_N = torch.zeros(len(self.ledger.label_N), dtype=torch.bool)
        return mask_N.index_fill_(0, self.ledger.index_hand, True).numpy()

    @property
    def confidence(self) -> np.ndarray[Any, Any]:
        """(N,) float64 probability that the classifier gave to an auto-label, NaN elsewhere."""
        return self.ledger.log_odds_N.double().sigmoid().numpy()

    @property
    def certificate(self) -> Mapping[str, Any] | None:
        """What was proven, as in summary.json; None where nothing was asked for."""
        proven: Mapping[str, Any] | None = self.summary["certificate"]
        return proven


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
    """Label images with active learning and return the labels with all that is known about them.

    Args:
        images: (N, height, width), (N, height, width, channels) or (N, channels, height, width) uint8.
        labels: (N,) integers from 0, the truth that a simulated oracle answers with and mistakes are counted
            by; or None.
        oracle: "simulated", "noisy", a function from (Q,) int64 indices to (Q,) labels, or an object with
            `label(index_Q)`.
        class_names: one name per class; needed without labels.
        test_images, test_labels: a test set, or neither.
        seed: of the trial.
        directory: where the trial leaves its files and goes on after an interruption; None leaves none.
        console: whether rounds are printed.
        settings: keys as they are typed, such as {"auto_label.threshold": 0.9, "query.num": 50}.
        **choices: options of groups by name, such as query="badge" or experiment="one_percent"; for
            `initial`, `query`, `auto_label` and `stopping` also an object of your own
            (see `alframe.core.protocols`).

    Raises:
        UserError: what was asked for cannot be. TrialError: training failed.

    >>> import numpy as np
    >>> label(np.zeros((4, 8, 8), np.uint8))
    Traceback (most recent call last):
    ...
    alframe.core.errors.DataError: arrays: expected class names or labels, got neither. Give class_names.
    """
    dataset = ImageDataset.from_arrays(
        "arrays", images, labels, test_images=test_images, test_labels=test_labels, class_names=class_names
    )
    own = {name: choices.pop(name) for name in MEMBERS if not isinstance(choices.get(name, ""), str)}
    if not isinstance(oracle, str):
        own["oracle"] = oracle if hasattr(oracle, "label") else CallableOracle(oracle, dataset.n_classes)
    else:
        choices["oracle"] = oracle
    _check_call(choices, own, settings or {}, directory)
    config = _config(choices, {"seed": seed, **(settings or {})}, own)
    choices.pop("tracker", None)
    keeper = _Keeper()
    given = Replacements(
        dataset=dataset, components=own, trackers=[keeper], console=ConsoleTracker() if console else None
    )
    if directory is not None:
        try:
            summary = run_trial(config, Path(directory), choices=choices, replacements=given)
        except UserError as error:
            raise _about_directory(error) from error
    else:
        with tempfile.TemporaryDirectory(prefix="alframe-") as folder:
            summary = run_trial(config, Path(folder), choices=choices, replacements=given)
    assert keeper.ledger is not None, "a trial that finished has told its trackers"
    return LabelResult(
        ledger=keeper.ledger,
        reports=tuple(keeper.reports),
        summary=summary,
        class_names=dataset.class_names,
    )


def _check_call(choices: Mapping[str, Any], own: Mapping[str, Any], settings: Any, directory: object) -> None:
    """Refuse what a call cannot mean, in the words of the call."""
    if "data" in choices:
        raise ConfigError("data", "no choice, since the images are given", choices["data"], "Leave it out.")
    for group, option in choices.items():
        if not isinstance(option, str) or not _NAME.fullmatch(option):
            raise ConfigError(group, "the name of an option", option)
    for group, component in own.items():
        if component is None:
            raise ConfigError(
                group, "the name of an option or an object of your own", hint=f'Write {group}="none".'
            )
    if isinstance(own.get("oracle"), CallableOracle) and not callable(own["oracle"].answers):
        raise ConfigError("oracle", "a name, a function or an object with label", own["oracle"].answers)
    if not isinstance(settings, Mapping) or not all(_NAME.fullmatch(str(key)) for key in settings):
        raise ConfigError("settings", 'keys with their values, such as {"query.num": 50}', settings)
    if choices.get("oracle") == "files" and directory is None:
        raise ConfigError("directory", "a folder for the questions of oracle=files", hint="Give directory.")


_NAME = re.compile(r"[\w./-]+")


def _about_directory(error: UserError) -> UserError:
    """Return an error in which the directory has the name that it has in the call."""
    text = str(error)
    if not text.startswith(KEY):
        return error
    return UserError(text.replace(" (hydra.sweep.dir in a sweep)", "").replace(KEY, "directory"))


def _config(
    choices: Mapping[str, Any], settings: Mapping[str, Any], own: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the config; objects of the user's own are named in it, so that it tells trials apart."""
    choices = {"tracker": "none", **choices}
    overrides = [f"{group}={option}" for group, option in choices.items()]
    overrides += ["data=arrays", "data.path=memory"]
    overrides += [f"{key}={_typed(value)}" for key, value in settings.items()]
    config = composed(overrides)
    named = {name: _named(component) for name, component in own.items()}
    return {**config, "given": named} if named else config


def _named(component: Any) -> str:
    """Return an object's class with its plain attributes: what tells it from others in a config.

    >>> _named(CallableOracle(len, 10))
    'alframe.oracle.callable.CallableOracle(n_classes=10)'
    """
    held = getattr(component, "__dict__", {})
    plain = {name.lstrip("_"): value for name, value in held.items() if isinstance(value, _PLAIN)}
    settings = ", ".join(f"{name}={value!r}" for name, value in plain.items())
    return f"{type(component).__module__}.{type(component).__qualname__}" + (
        f"({settings})" if settings else ""
    )


def _typed(value: Any) -> str:
    """Return a value as it would be typed after key=."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace("'", "\\'")
        return f"'{escaped}'"
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{_typed(each)}" for key, each in value.items()) + "}"
    if isinstance(value, Sequence):
        return "[" + ",".join(_typed(each) for each in value) + "]"
    return str(value)


@dataclass
class _Keeper:
    """A tracker that keeps what it is told."""

    reports: list[RoundReport] = field(default_factory=list)
    ledger: LabelLedger | None = None

    def start(self, info: TrialInfo) -> None:
        """Keep the rounds that were done before."""
        self.reports = list(info.reports)

    def log(self, report: RoundReport) -> None:
        """Keep a round."""
        self.reports.append(report)

    def finish(self, outcome: Outcome) -> None:
        """Keep the ledger."""
        self.ledger = outcome.ledger
