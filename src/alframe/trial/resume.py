"""Resuming a trial: find its newest whole state file and restore its components.

A state file is used as a whole or not at all; a refusal names the file.
"""

import warnings
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from alframe.core.components import Components
from alframe.core.errors import TrialNotice, UserError
from alframe.core.file_names import ANSWER_STORE, ANSWERS, KEY, LABELS, ROUNDS, STATE
from alframe.core.ledger import LabelLedger
from alframe.core.loop import RoundResult
from alframe.trial.assemble import Trial
from alframe.trial.directory import check_same_trial
from alframe.trial.matched_data import start_with_members
from alframe.trial.settings import TrialSettings
from alframe.trial.state import DamagedStateError, TrialState, load_state, state_files
from alframe.trial.summarise import versions

BY_STORE = "by the store of answers"  # the fingerprint of data that the store identifies


def find_state(directory: Path, identity: Mapping[str, Any]) -> TrialState | None:
    """Return the newest whole state in a trial's directory, or None if it has no state file.

    Args:
        directory: the trial's. identity: of the trial that is to be resumed.

    Raises:
        UserError: every state file is damaged, or the newest whole one belongs to another trial. No file has
            been changed.
    """
    damaged: list[str] = []
    for file in state_files(directory):
        try:
            state = load_state(file)
        except DamagedStateError as error:
            damaged.append(f"{STATE}/{file.name} {error}")
            continue
        check_same_trial(file, state.identity["config"], identity)
        if state.identity["data"] == BY_STORE and not (directory / ANSWER_STORE).exists():
            _check_answers(directory)
            return None
        if damaged:
            warnings.warn(
                f"{'; '.join(damaged)}. The trial resumes from {STATE}/{file.name} instead.",
                TrialNotice,
                stacklevel=2,
            )
        return state
    if damaged:
        raise UserError(
            f"{KEY}: expected a whole state file to resume from in {directory}, but {'; '.join(damaged)}. "
            f"{LABELS} and {ROUNDS} there are unchanged. Copy {STATE}/ again from a backup, or start anew "
            f"with another {KEY}{_and_answers(directory)}."
        )
    return None


def _and_answers(directory: Path) -> str:
    """Return how a new trial gets the answers of people, empty if there are none."""
    return f" and oracle.answers_from={directory}" if (directory / ANSWER_STORE).exists() else ""


def _check_answers(directory: Path) -> None:
    """Check that answers.csv holds the answers of a trial whose store is lost.

    The states are of no use: only the store says which image and class their numbers mean. The import of
    answers.csv sets them aside.

    Raises:
        UserError: answers.csv is lost as well.
    """
    if not (directory / ANSWERS).exists():
        raise UserError(
            f"{KEY}: expected {ANSWER_STORE} or {ANSWERS}, the answers of the trial, in {directory}, found "
            f"neither. Copy one of them again from a backup, or start anew with another {KEY}."
        )
    warnings.warn(
        f"{ANSWER_STORE} is no longer in {directory}: the answers in {ANSWERS} are taken, and the rounds "
        "begin again with them as a part of the seed set.",
        TrialNotice,
        stacklevel=3,
    )


def check_same_data(directory: Path, state: TrialState, fingerprint: str) -> None:
    """Raise `UserError` if the data differ from those that the trial started with."""
    if state.identity["data"] != fingerprint:
        raise UserError(
            f"data: expected the images that the trial in {directory} started with, got others (other files, "
            f"another order, other labels or other classes). Restore them, or set {KEY} to another directory."
        )


def check_same_encoder(directory: Path, state: TrialState, identity: str | None) -> None:
    """Raise `UserError` if the vectors or weights differ from those that the trial started with."""
    if state.identity.get("encoder", identity) != identity:  # older states have no such entry
        raise UserError(
            f"encoder: expected the vectors, or the weights of the encoder, that the trial in {directory} "
            f"started with, got others. Restore them, or set {KEY} to another directory."
        )


def versions_that_matter() -> dict[str, str | None]:
    """Return the versions that the last bits of a trial may depend on."""
    return {name: version for name, version in versions().items() if name in ("alframe", "torch")}


def check_versions(state: TrialState, ours: Mapping[str, str | None]) -> None:
    """Warn if the trial started with other versions: its last bits may then differ."""
    differing = [
        f"{name} {then}, now {ours.get(name)}"
        for name, then in state.versions.items()
        if then != ours.get(name)
    ]
    if differing:
        warnings.warn(
            f"the trial started with {', '.join(differing)}: the last bits of its results may differ.",
            TrialNotice,
            stacklevel=2,
        )


def settled(settings: TrialSettings, chosen: Mapping[str, Any]) -> TrialSettings:
    """Return the settings with everything automatic replaced by the choices of the trial's first process.

    A trial that was trained together with others continues with them if it can, and else alone.
    """
    learner = replace(settings.learner, scoring_batch_size=chosen["scoring_batch_size"])
    compute = {key: chosen[key] for key in ("device", "precision", "engine", "threads")}
    if compute["engine"] == "packed":
        compute["engine"] = "auto"
    compute["scoring_engine"] = chosen.get("scoring_engine", "torch")  # older trials have no such choice
    return replace(settings, learner=learner, **compute)


def states_of(components: Components) -> dict[str, Any]:
    """Return the `state_dict` of each component that has one, by the name of the component."""
    named = {field.name: getattr(components, field.name) for field in fields(components)}
    return {
        name: component.state_dict() for name, component in named.items() if hasattr(component, "state_dict")
    }


def restore(components: Components, state: TrialState, n_classes: int) -> None:
    """Restore the components. A stopping rule without a state sees all reports again.

    A learner of fewer classes is not restored: it begins with fresh weights, and a round that waits for
    answers is fitted again.
    """
    before = state.identity.get("n_classes", n_classes)
    for name, component_state in state.components.items():
        if name == "learner" and before != n_classes:
            continue
        getattr(components, name).load_state_dict(component_state)
    if "stopping" not in state.components:
        for report in state.reports:
            if report.kind == "round":
                components.stopping.reason(report.without_truth())


def start_of(trial: Trial, state: TrialState | None) -> LabelLedger | RoundResult:
    """Return the start of the loop: an empty ledger, or the last result, with the components restored."""
    if state is None:
        return LabelLedger.empty(len(trial.dataset), trial.member_N)
    restore(trial.components, state, trial.dataset.n_classes)
    return start_with_members(state.result, trial.member_N)
