"""Read the files of finished audits."""

import csv
import io
import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alframe._text import natural
from alframe.core.errors import UserError
from alframe.core.file_names import AUDIT_ROUNDS, CHANGES, CHANGES_IMAGES, DATA, SUMMARY
from alframe.trial.read_finished import Damaged, parse_file

_SKIPPED = {".hydra", "state", "questions", "wandb", "tensorboard"}


@dataclass(frozen=True, kw_only=True)
class FinishedAudit:
    """The files of a finished audit.

    Attributes:
        directory: of the audit. summary: the content of summary.json.
        rows: of audit_rounds.csv. changes: of changes.csv, in the order of the answers.
        class_names: by class number.
    """

    directory: Path
    summary: Mapping[str, Any]
    rows: Sequence[Mapping[str, str]]
    changes: Sequence[Mapping[str, str]]
    class_names: tuple[str, ...]

    @property
    def found_at(self) -> list[int]:
        """The number of the answer that found each wrong label, ascending; "cannot tell" finds none."""
        return sorted(int(row["answer"]) for row in self.changes if row["after"] != "?")

    def found_after(self, answers: int) -> int:
        """Return the wrong labels that the first answers found."""
        return sum(at <= answers for at in self.found_at)

    @property
    def confusion(self) -> Counter[tuple[str, str]]:
        """The number of changes from each class to each other class."""
        return Counter(
            (row["before"], row["after"]) for row in self.changes if row["after"] not in ("?", "-")
        )


@dataclass(frozen=True, kw_only=True)
class ChangedImages:
    """Images of some changes: (M,) index, before and after; images_M, (M, channels, height, width) uint8."""

    index_M: NDArray[np.int64]
    before_M: NDArray[np.int64]
    after_M: NDArray[np.int64]
    images_M: NDArray[np.uint8]


def find_audits(roots: Sequence[Path]) -> list[FinishedAudit]:
    """Return the finished audits in folders and below them, sorted by path.

    Raises:
        UserError: a file of an audit is damaged.
    """
    found: set[Path] = set()
    for root in roots:
        for path, folders, files in os.walk(root):
            folders[:] = [name for name in folders if name not in _SKIPPED]
            if AUDIT_ROUNDS in files and SUMMARY in files:
                found.add(Path(path))
    return [_read(directory) for directory in sorted(found, key=lambda path: natural(str(path)))]


def _read(directory: Path) -> FinishedAudit:
    try:
        return FinishedAudit(
            directory=directory,
            summary=parse_file(directory / SUMMARY, json.loads),
            rows=parse_file(directory / AUDIT_ROUNDS, _rows),
            changes=parse_file(directory / CHANGES, _rows),
            class_names=tuple(parse_file(directory / DATA, json.loads)["class_names"]),
        )
    except Damaged as error:
        raise UserError(f"{directory}/{error}. Run the audit again, or leave it out.") from None


def _rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def changed_images(audit: FinishedAudit) -> ChangedImages | None:
    """Return the content of changes.npz, or None without it."""
    file = audit.directory / CHANGES_IMAGES
    if not file.exists():
        return None
    with np.load(file, allow_pickle=False) as held:
        return ChangedImages(
            index_M=held["index"], before_M=held["before"], after_M=held["after"], images_M=held["images"]
        )
