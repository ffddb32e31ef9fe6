"""Finding where a trial was, and putting its rooms back there.

Nothing is half-read: a state file is taken whole, or refused by name.
"""

import warnings
import zlib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from alframe.data import ImageDataset
from alframe.directory import STATE, check_same_trial
from alframe.errors import TrialNotice, UserError
from alframe.ledger import LabelLedger
from alframe.rooms import Rooms
from alframe.state import DamagedStateError, TrialState, load_state, state_files
from alframe.summary import versions

_LOOKED_AT = 2048  # images of a data set, evenly spread, that its fingerprint is taken of
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


def fingerprint(dataset: ImageDataset, member_N: Tensor) -> str:
    """Return what stands for a data set: its sizes, its classes, its truth and some of its images."""
    n = len(dataset)
    some = torch.from_numpy(np.linspace(0, n - 1, min(n, _LOOKED_AT)).astype(np.int64))
    images = torch.stack([torch.as_tensor(dataset.images_N[int(index)]) for index in some])
    value = zlib.crc32(images.contiguous().numpy().tobytes())
    value = zlib.crc32(member_N.numpy().tobytes(), value)
    if dataset.truth_N is not None:
        value = zlib.crc32(dataset.truth_N.numpy().tobytes(), value)
    shape = "x".join(map(str, dataset.images_N.shape))
    return f"{shape} {dataset.n_classes} {value:08x}"


def states_of(rooms: Rooms) -> dict[str, Any]:
    """Return the `state_dict` of each room that has one."""
    named = {field.name: getattr(rooms, field.name) for field in fields(rooms)}
    return {name: room.state_dict() for name, room in named.items() if hasattr(room, "state_dict")}


def put_back(rooms: Rooms, state: TrialState) -> None:
    """Put the rooms back to where they were: where there is no state, by what was reported."""
    for name, room_state in state.rooms.items():
        getattr(rooms, name).load_state_dict(room_state)
    if "stopping" not in state.rooms:
        for report in state.reports:
            if report.kind == "round":
                rooms.stopping.reason(report.without_truth())


def empty_or_put_back(rooms: Rooms, state: TrialState | None, size: int, member_N: Tensor) -> Any:
    """Return where the loop starts: an empty ledger, or what it yielded last."""
    if state is None:
        return LabelLedger.empty(size, member_N)
    put_back(rooms, state)
    return state.result
