"""The state of a trial after each round, from which another process can resume it: one file per round.

A state file is a line with the name of the format, a line of JSON (identity, choices and reports), the
tensors as torch saves them, and 32 bytes of SHA-256 over all of that. The newest two files are kept, so that
a damaged one costs a round and not the trial.
"""

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path
from typing import IO, Any

import torch

from alframe._files import replace_file
from alframe.core.errors import AlframeError
from alframe.core.file_names import STATE, STATE_FILES, state_file
from alframe.core.ledger import LabelLedger
from alframe.core.loop import RoundResult
from alframe.core.records import PoolScores
from alframe.core.reports import Counts, FitReport, RoundReport
from alframe.data.pixel_file import drop_pixels

KEPT = 2  # state files
_MAGIC = b"alframe trial state, format 1\n"
_SEAL = hashlib.sha256().digest_size


class DamagedStateError(AlframeError):
    """The content of a state file is not what was written."""


@dataclass(frozen=True, kw_only=True)
class TrialState:
    """A trial after a finished round, or in a round that waits for answers.

    Attributes:
        identity: the config and the fingerprint of the data, as plain containers.
        chosen: device, precision, engine and the like, with `auto` decided.
        reports: of the finished rounds, in order.
        result: the newest result of the loop.
        components: the `state_dict` of each component that has one, by the name of the component.
        elapsed_seconds: wall-clock time of the trial so far, over all processes.
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
    """Write a state into `state/` of the trial's directory and return its file; remove old state files.

    Raises:
        TrialError: it could not be written; the older files are unchanged.
    """
    file = directory / STATE / state_file(state.result.report.round)
    replace_file(file, partial(write_state, state))
    for old in state_files(directory)[KEPT:]:
        old.unlink(missing_ok=True)
    return file


def state_files(directory: Path) -> list[Path]:
    """Return the state files of a trial's directory, the newest round first."""
    return sorted((directory / STATE).glob(STATE_FILES), reverse=True)


def load_state(file: Path) -> TrialState:
    """Return the state in a file.

    Raises:
        DamagedStateError: a byte has changed, or it is the state of another round.
    """
    try:
        state = decode(file.read_bytes())
    except OSError as error:
        raise DamagedStateError(f"cannot be read: {error.strerror}") from error
    if file.name != state_file(state.result.report.round):
        raise DamagedStateError(f"contains round {state.result.report.round}")
    return state


def drop_states(directory: Path) -> None:
    """Remove the state files of a finished trial, and its decoded images."""
    drop_pixels(directory / STATE)
    for file in state_files(directory):
        file.unlink(missing_ok=True)


def write_state(state: TrialState, file: IO[bytes]) -> None:
    """Write a state into an open file, without a copy of it in memory."""
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
        "rooms": dict(state.components),  # the key in format 1
    }
    sealed = _Sealed(file)
    sealed.write(_MAGIC + json.dumps(header).encode() + b"\n")
    torch.save(tensors, sealed)  # type: ignore[arg-type]
    file.write(sealed.seal.digest())


class _Sealed:
    """A file that keeps the SHA-256 of what is written."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self.seal = file, hashlib.sha256()

    def write(self, part: bytes) -> int:
        self.seal.update(part)
        return self._file.write(part)

    def flush(self) -> None:
        self._file.flush()


def decode(content: bytes) -> TrialState:
    """Return the state from the content of its file.

    Raises:
        DamagedStateError: the content has changed since it was written.
    """
    if not content:
        raise DamagedStateError("is empty")
    if not content.startswith(_MAGIC):
        raise DamagedStateError(f"does not begin with {_MAGIC.decode().strip()!r}")
    sealed, seal = memoryview(content)[:-_SEAL], content[-_SEAL:]
    if hashlib.sha256(sealed).digest() != seal:
        raise DamagedStateError("has changed since it was written: its checksum does not fit")
    body = content.index(b"\n", len(_MAGIC)) + 1
    header = json.loads(content[len(_MAGIC) : body])
    tensors = torch.load(io.BytesIO(sealed[body:]), weights_only=True)
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
    return {field.name: _whole(getattr(record, field.name)) for field in fields(record)}


def _whole(value: Any) -> Any:
    """Return a value; a clone of a view, since torch saves it with the whole tensor that it is a view of."""
    is_view = isinstance(value, torch.Tensor) and value.untyped_storage().nbytes() > value.nbytes
    return value.clone() if is_view else value


def _report(values: dict[str, Any]) -> RoundReport:
    fit, errors = values["fit"], values["validation_errors"]
    return RoundReport(
        **{
            **values,
            "counts": Counts(**values["counts"]),
            "fit": None if fit is None else FitReport(**fit),
            "validation_errors": tuple((float(share), float(error)) for share, error in errors),
            "class_accuracies": tuple(values.get("class_accuracies", ())),
        }
    )
