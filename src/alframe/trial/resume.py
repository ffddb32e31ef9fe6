"""Finding where a trial was, and putting its components back there.

Nothing is half-read: a state file is taken whole, or refused by name.
"""

import warnings
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from torch import Tensor

from alframe.core.components import Components
from alframe.core.errors import TrialNotice, UserError
from alframe.core.layout import STATE
from alframe.core.ledger import LabelLedger
from alframe.trial.directory import check_same_trial
from alframe.trial.state import DamagedStateError, TrialState, load_state, state_files
from alframe.trial.summary import versions

# What `auto` came to, and the key that it is written to.
_CHOSEN = {"device": "device", "precision": "precision", "engine": "engine", "threads": "threads"}


def find_state(directory: Path, identity: Mapping[str, Any]) -> TrialState | None:
    """Return the newest whole state in a trial's directory, None where there is none yet.

    Args:
        directory: the trial's. identity: of the trial that is to go on.

    Raises:
        UserError: every state file is damaged, or one is of another trial; nothing was changed.
    """
    files = state_files(directory)
    damaged: list[str] = []
    for file in files:
        try:
            state = load_state(file)
        except DamagedStateError as error:
            damaged.append(f"{STATE}/{file.name} {error}")
            continue
        check_same_trial(file, state.identity["config"], identity)
        if damaged:
            warnings.warn(
                f"{'; '.join(damaged)}. Going on from {STATE}/{file.name} instead.",
                TrialNotice,
                stacklevel=2,
            )
        return state
    if damaged:
        raise UserError(
            f"hydra.run.dir: expected a whole state to go on from in {directory}, but {'; '.join(damaged)}. "
            f"labels.csv and rounds.csv there stand. Copy {STATE}/ anew from a backup, or begin again with "
            "another hydra.run.dir."
        )
    return None


def check_same_data(directory: Path, state: TrialState, fingerprint: str) -> None:
    """Raise `UserError` where the data are not those that the state is of."""
    if state.identity["data"] != fingerprint:
        raise UserError(
            f"data_dir: expected the data that the trial in {directory} began with, got others. Put those "
            "back, or set hydra.run.dir to another directory."
        )


def versions_that_matter() -> dict[str, str | None]:
    """Return the versions that the last bits of a trial may depend on."""
    return {name: version for name, version in versions().items() if name in ("alframe", "torch")}


def check_versions(state: TrialState, ours: Mapping[str, str | None]) -> None:
    """Warn where other versions began the trial: then its last bits are not promised."""
    differing = [
        f"{name} {then}, now {ours.get(name)}"
        for name, then in state.versions.items()
        if then != ours.get(name)
    ]
    if differing:
        warnings.warn(
            f"the trial began with {', '.join(differing)}: its last bits may be others than theirs.",
            TrialNotice,
            stacklevel=2,
        )


def settled(config: Mapping[str, Any], chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config with what `auto` came to before in the place of `auto`."""
    learner = {**config["learner"], "scoring_batch_size": chosen["scoring_batch_size"]}
    return {**config, **{key: chosen[name] for name, key in _CHOSEN.items()}, "learner": learner}


def states_of(components: Components) -> dict[str, Any]:
    """Return the `state_dict` of each component that has one."""
    named = {field.name: getattr(components, field.name) for field in fields(components)}
    return {
        name: component.state_dict() for name, component in named.items() if hasattr(component, "state_dict")
    }


def put_back(components: Components, state: TrialState) -> None:
    """Put the components back to where they were: where there is no state, by what was reported."""
    for name, component_state in state.components.items():
        getattr(components, name).load_state_dict(component_state)
    if "stopping" not in state.components:
        for report in state.reports:
            if report.kind == "round":
                components.stopping.reason(report.without_truth())


def empty_or_put_back(components: Components, state: TrialState | None, size: int, member_N: Tensor) -> Any:
    """Return where the loop starts: an empty ledger, or what it yielded last."""
    if state is None:
        return LabelLedger.empty(size, member_N)
    put_back(components, state)
    return state.result
