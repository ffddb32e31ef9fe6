"""Audit labels from a notebook or a program: one call runs an audit and returns its records.

The config is that of `alframe-audit`: groups by the names of their options, keys as typed.
"""

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from alframe.auditing.audit_lines import closing_lines
from alframe.auditing.audit_request import AuditRequest
from alframe.auditing.audit_result import AuditResult, read_audit_result
from alframe.auditing.begun_audit import finished_audit
from alframe.auditing.given_labels import GivenLabels
from alframe.auditing.run_audit import run_label_audit
from alframe.config.compose import composed
from alframe.config.overrides import value_text
from alframe.core.errors import ConfigError
from alframe.data import ImageDataset
from alframe.oracle.callable import Answers, CallableOracle
from alframe.tracking import ConsoleTracker
from alframe.trial.python_call import as_of_call, check_call, plain_torch

__all__ = ["AuditResult", "audit_labels"]


@as_of_call()
@plain_torch()
def audit_labels(
    images: Any,
    labels: Any = None,
    *,
    oracle: str | Answers | Any = None,
    truth: Any = None,
    probabilities: Any = None,
    class_names: Sequence[str] | None = None,
    seed: int = 0,
    directory: str | Path | None = None,
    console: bool = False,
    settings: Mapping[str, Any] | None = None,
    **choices: Any,
) -> AuditResult:
    """Find wrong labels, mend them with the oracle's answers, and prove how many are left at most.

    Args:
        images: as for `alframe.label`. labels: (N,) class names or whole numbers, the labels to audit; None
            takes those of a data set of pairs (image, label).
        oracle: a function from (Q,) int64 indices to Q answers as in `alframe.oracle.CallableOracle`, an
            object with `label(index_Q)`, or "files". None is right only with `truth`, or if `settings` has
            {"stages": ["rank"]}, which asks nothing.
        truth: (N,) the right labels, for a simulation: the oracle answers with them.
        probabilities: (N, C) of a model from elsewhere. With {"rank.source": "given"} among the settings,
            they order the suspects, and nothing is trained.
        class_names: one name per class. seed: of the audit.
        directory: for the audit's files. The same call resumes an interrupted audit and returns the result of
            a finished one. None keeps no file. console: True prints each question.
        settings: keys of `alframe-audit`, such as {"mend.max_answers": 500}.
        **choices: options of groups by name, such as encoder="efficientnet_lite0" or tracker="wandb".

    Raises:
        UserError: the arguments do not fit, or the oracle's answers. TrialError: training failed.
        AnswersNeeded: oracle="files" waits for people; the same call continues.
    """
    settings = {} if settings is None else settings
    labelled = ImageDataset.from_arrays("arrays", images, labels, class_names=class_names)
    if labelled.truth_N is None:
        raise ConfigError("labels", "the labels to audit", "none")
    given = GivenLabels(
        label_N=labelled.truth_N,
        log_probs_NC=_log_probs(probabilities, len(labelled), labelled.n_classes),
        without_image=(),
        without_label=(),
    )
    dataset, own, named = _answering(labelled, images, oracle, truth)
    check_call({"oracle": named, **choices}, {} if own is None else {"oracle": own}, settings, directory)
    config = _config({"tracker": "none", "oracle": named, **choices}, {"seed": seed, **settings}, labelled)
    if directory is not None:
        return _result(config, Path(directory), dataset, given, own, choices, console)
    with tempfile.TemporaryDirectory(prefix="alframe-") as folder:
        if "embeddings_dir" not in settings and "ALFRAME_EMBEDDINGS_DIR" not in os.environ:
            config["embeddings_dir"] = str(Path(folder) / "embeddings")
        return _result(config, Path(folder) / "audit", dataset, given, own, choices, console)


def _answering(labelled: ImageDataset, images: Any, oracle: Any, truth: Any) -> tuple[ImageDataset, Any, str]:
    """Return the data set with what is known to be right, the caller's own oracle or None, and its option."""
    names = labelled.class_names
    if truth is not None:
        if oracle not in (None, "simulated", "noisy"):
            raise ConfigError("oracle", "none, since truth is given and answers", str(oracle))
        right = ImageDataset.from_arrays("truth", images, truth, class_names=names)
        return replace(labelled, truth_N=right.truth_N), None, oracle or "simulated"
    unknown = replace(labelled, truth_N=None)
    if oracle is None or isinstance(oracle, str):
        return unknown, None, oracle or "simulated"
    is_function = not hasattr(oracle, "label") and not isinstance(oracle, type)
    return unknown, CallableOracle(oracle, names) if is_function else oracle, "simulated"


def _log_probs(probabilities: Any, n: int, n_classes: int) -> torch.Tensor | None:
    if probabilities is None:
        return None
    probs = np.asarray(probabilities, dtype=np.float64)
    if probs.shape != (n, n_classes) or not np.isfinite(probs).all() or (probs < 0).any():
        raise ConfigError("probabilities", f"({n}, {n_classes}) numbers of at least 0", probs.shape)
    if np.abs(probs.sum(axis=1) - 1).max() > 0.01:
        worst = int(np.abs(probs.sum(axis=1) - 1).argmax())
        raise ConfigError("probabilities", "rows that sum to 1", f"{probs[worst].sum():.6g} in row {worst}")
    return torch.from_numpy(probs).clamp(min=1e-30).log().float()


def _config(choices: Mapping[str, str], settings: Mapping[str, Any], dataset: ImageDataset) -> dict[str, Any]:
    overrides = [*(f"{group}={option}" for group, option in choices.items()), "+hydra/command=audit"]
    overrides += ["data=arrays", "data.path=memory"]
    overrides += [f"{key}={value_text(value)}" for key, value in settings.items()]
    config = composed(overrides)
    return {**config, "data": {**config["data"], "class_names": list(dataset.class_names)}}


def _result(
    config: dict[str, Any],
    directory: Path,
    dataset: ImageDataset,
    given: GivenLabels,
    own: Any,
    choices: Mapping[str, str],
    console: bool,
) -> AuditResult:
    summary = finished_audit(directory, config)
    if summary is None:
        bar = ConsoleTracker(bar=None if console else False)

        def say(line: str) -> None:
            bar.close_bar()
            if console:
                print(line, flush=True)  # noqa: T201

        found = run_label_audit(
            AuditRequest(
                config=config,
                directory=directory,
                choices={key: option for key, option in choices.items() if key != "tracker"},
                dataset=dataset,
                given=given,
                oracle=own,
                say=say,
                progress=bar.progress,
            )
        )
        for line in closing_lines(found, directory):
            say(line)
        summary = found.to_json()
    return read_audit_result(directory, summary, dataset.class_names, len(dataset))
