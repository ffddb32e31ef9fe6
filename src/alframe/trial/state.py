"""What a trial needs to go on after its process has ended: one sealed file per finished round.

A state file is a line that names the format, a line of JSON (what the state is of), torch's bytes, and 32
bytes of SHA-256 over all that. The newest two are kept: one that is damaged costs a round, not the trial.
"""

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch

from alframe._files import replace_file
from alframe.core.errors import AlframeError
from alframe.core.layout import STATE
from alframe.core.ledger import LabelLedger
from alframe.core.loop import RoundResult
from alframe.core.records import Counts, FitReport, PoolScores, RoundReport

KEPT = 2  # state files
_MAGIC = b"alframe trial state, format 1\n"
_SEAL = hashlib.sha256().digest_size


class DamagedStateError(AlframeError):
    """A state file is not what was written."""


@dataclass(frozen=True, kw_only=True)
class TrialState:
    """A trial after a finished round, or in a round that waits for answers.

    Attributes:
        identity: what the trial is of, as plain containers: its config and its data.
        chosen: what `auto` came to.
        reports: of the finished rounds, in order; empty before the seed set is labelled.
        result: what the loop yielded last; None before the seed set is labelled.
        components: the `state_dict` of each component that has one, by the component's name.
        elapsed_seconds: of the trial so far.
        versions: of alframe and torch.
    """

    identity: Mapping[str, Any]
    chosen: Mapping[str, Any]
    reports: tuple[RoundReport, ...]
    result: RoundResult
    components: Mapping[str, Any]
    elapsed_seconds: float
    versions: Mapping[str, str | None]


def save_state(directory: Path, state: TrialState) -> Path:
    """Write a state into `state/` of the trial's directory and return its file; older ones go.

    Raises:
        TrialError: it could not be written; those before stand.
    """
    folder = directory / STATE
    file = folder / f"round-{state.result.report.round:04d}.state"
    replace_file(file, encode(state))
    for old in state_files(directory)[KEPT:]:
        old.unlink(missing_ok=True)
    return file


def state_files(directory: Path) -> list[Path]:
    """Return the state files of a trial's directory, the newest round first."""
    return sorted((directory / STATE).glob("round-*.state"), reverse=True)


def load_state(file: Path) -> TrialState:
    """Return the state in a file.

    Raises:
        DamagedStateError: a byte of it is not as it was written, or it is another round's.
    """
    try:
        state = decode(file.read_bytes())
    except OSError as error:
        raise DamagedStateError(f"cannot be read: {error.strerror}") from error
    if file.name != f"round-{state.result.report.round:04d}.state":
        raise DamagedStateError(f"holds round {state.result.report.round}")
    return state


def drop_states(directory: Path) -> None:
    """Take away what only a trial that goes on needs."""
    for file in state_files(directory):
        file.unlink(missing_ok=True)


def encode(state: TrialState) -> bytes:
    """Return a state as the content of a file."""
    result = state.result
    header = {
        "identity": state.identity,
        "chosen": state.chosen,
        "reports": [asdict(report) for report in state.reports],
        "elapsed_seconds": state.elapsed_seconds,
        "versions": state.versions,
    }
    tensors = {
        "ledger": _fields_of(result.ledger),
        "validation_V": result.validation_V,
        "left": None if result.left is None else _fields_of(result.left),
        "rooms": dict(state.components),
    }
    body = io.BytesIO()
    torch.save(tensors, body)
    content = _MAGIC + json.dumps(header).encode() + b"\n" + body.getvalue()
    return content + hashlib.sha256(content).digest()


def decode(content: bytes) -> TrialState:
    """Return the state that `encode` made the content of.

    Raises:
        DamagedStateError: it is not as it was written.
    """
    if not content:
        raise DamagedStateError("is empty")
    if not content.startswith(_MAGIC):
        raise DamagedStateError(f"does not begin with {_MAGIC.decode().strip()!r}")
    sealed, seal = content[:-_SEAL], content[-_SEAL:]
    if hashlib.sha256(sealed).digest() != seal:
        raise DamagedStateError("has other bytes than were written: its checksum does not fit")
    header_line, _, body = sealed[len(_MAGIC) :].partition(b"\n")
    header = json.loads(header_line)
    tensors = torch.load(io.BytesIO(body), weights_only=True)
    reports = tuple(_report(each) for each in header["reports"])
    left = tensors["left"]
    return TrialState(
        identity=header["identity"],
        chosen=header["chosen"],
        reports=reports,
        result=RoundResult(
            ledger=LabelLedger(**tensors["ledger"]),
            report=reports[-1],
            validation_V=tensors["validation_V"],
            left=None if left is None else PoolScores(**left),
        ),
        components=tensors["rooms"],
        elapsed_seconds=header["elapsed_seconds"],
        versions=header["versions"],
    )


def _fields_of(record: Any) -> dict[str, Any]:
    # Cloned: a view would be written with all of what it is a view of.
    values = {field.name: getattr(record, field.name) for field in fields(record)}
    return {
        name: value.clone() if isinstance(value, torch.Tensor) else value for name, value in values.items()
    }


def _report(values: dict[str, Any]) -> RoundReport:
    fit, errors = values["fit"], values["validation_errors"]
    return RoundReport(
        **{
            **values,
            "counts": Counts(**values["counts"]),
            "fit": None if fit is None else FitReport(**fit),
            "validation_errors": tuple((float(share), float(error)) for share, error in errors),
        }
    )
