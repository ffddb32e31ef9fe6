"""Audits of earlier processes in a directory: one to resume, or a finished one."""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from alframe._files import replace_file
from alframe.config.trial_identity import identity
from alframe.core.errors import UserError
from alframe.core.file_names import KEY, STATE, SUMMARY, state_file
from alframe.trial.directory import check_same_trial
from alframe.trial.read_finished import Damaged, parse_file, read_config


@dataclass(frozen=True, kw_only=True)
class BegunAudit:
    """The record that the first process of an audit writes and later processes go on with.

    Attributes:
        identity: of the config. fingerprint: of the data with the given labels.
        chosen: what `auto` and the data decided. seconds: wall-clock seconds of all processes so far.
    """

    identity: Mapping[str, Any]
    fingerprint: str
    chosen: Mapping[str, Any]
    seconds: float

    def check_data(self, directory: Path, fingerprint: str) -> None:
        """Raise `UserError` if the data have another fingerprint now."""
        if self.fingerprint != fingerprint:
            raise UserError(
                f"data: expected the images and labels that the audit in {directory} started with, got "
                f"others. Restore them, or set {KEY} to another directory."
            )


def begun_audit(directory: Path, config: Mapping[str, Any]) -> BegunAudit | None:
    """Return the record of the unfinished audit in a directory, or None without one.

    Raises:
        UserError: the audit there has other settings, or its record is damaged.
    """
    file = directory / STATE / state_file(0)
    if not file.exists():
        return None
    try:
        content = torch.load(io.BytesIO(file.read_bytes()), weights_only=True)
        begun = BegunAudit(**json.loads(content["begun"]))
    except Exception as error:
        raise UserError(
            f"{KEY}: expected an audit that can be resumed in {directory}, but {file.name} is damaged. Move "
            "the directory away and start again; answers of people are taken over with oracle.answers_from."
        ) from error
    check_same_trial(directory, begun.identity, identity(config))
    return begun


def write_begun(directory: Path, begun: BegunAudit, seconds: float) -> None:
    """Write the record, with the seconds so far."""
    content = {"begun": json.dumps({**vars(begun), "seconds": seconds})}
    replace_file(directory / STATE / state_file(0), lambda opened: torch.save(content, opened))


def finished_audit(directory: Path, config: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the content of summary.json of the finished audit in a directory, or None if there is none.

    Raises:
        UserError: what is finished there has other settings, or is no audit.
    """
    if not (directory / SUMMARY).exists():
        return None
    try:
        found, summary = read_config(directory), parse_file(directory / SUMMARY, json.loads)
    except Damaged as error:
        raise UserError(f"{directory}/{error}. Move that folder away and run again.") from error
    check_same_trial(directory, identity(found), identity(config))
    return dict(summary)
