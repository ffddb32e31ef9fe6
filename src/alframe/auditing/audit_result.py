"""The result of an audit in Python, read from its files: the same from a finished audit and a new one."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from alframe._text import counted
from alframe.core.file_names import CHANGES, LABELS, SUSPECTS


@dataclass(frozen=True, kw_only=True)
class LabelChange:
    """A label that an answer has changed.

    Attributes:
        index: of the sample. before, after: names of classes; after is "?" for "cannot tell", "-" for "no
            class".
        by: who answered. stage: of the audit. answer: its number among all answers, from 1.
    """

    index: int
    before: str
    after: str
    by: str
    stage: str
    answer: int


@dataclass(frozen=True, kw_only=True)
class Suspect:
    """A label in the order of suspicion.

    Attributes:
        index: of the sample. score: in [0, 1], low is suspect. given, predicted: names of classes.
    """

    index: int
    score: float
    given: str
    predicted: str


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class AuditResult:
    """The result of an audit.

    Attributes:
        labels: (N,) int64, the mended class numbers, -1 without a label.
        sources: (N,) text: "given", "audit", "mend", "cannot_tell", "no_class", or "none" without a label.
        changes: in the order of the answers. suspects: of the first ranking, the most suspect first.
        summary: the content of summary.json. class_names: C names.
    """

    labels: np.ndarray[Any, Any]
    sources: np.ndarray[Any, Any]
    changes: tuple[LabelChange, ...]
    suspects: tuple[Suspect, ...]
    summary: Mapping[str, Any]
    class_names: tuple[str, ...]

    def __repr__(self) -> str:
        answers, found = counted(self.summary["answers"], "answer"), self.summary["found_wrong"]
        return f"AuditResult({answers} found {counted(found, 'wrong label')}. {self.statement})"

    @property
    def statement(self) -> str:
        """What was proven or estimated, in a sentence."""
        return str(self.summary["statement"])

    @property
    def names(self) -> np.ndarray[Any, Any]:
        """(N,) class names; "" without a label."""
        return np.array([*self.class_names, ""])[self.labels]

    @property
    def estimate(self) -> Mapping[str, Any] | None:
        """How many labels were wrong, as in summary.json, or None."""
        estimate: Mapping[str, Any] | None = self.summary["estimate"]
        return estimate

    @property
    def certificate(self) -> Mapping[str, Any] | None:
        """The certificate, as in summary.json, or None."""
        certificate: Mapping[str, Any] | None = self.summary["certificate"]
        return certificate


def read_audit_result(
    directory: Path, summary: Mapping[str, Any], class_names: tuple[str, ...], n: int
) -> AuditResult:
    """Return the result of a finished audit of n samples from its files."""
    labels, sources = np.full(n, -1, dtype=np.int64), np.full(n, "none", dtype=object)
    for row in _rows(directory / LABELS):
        labels[int(row["index"])], sources[int(row["index"])] = int(row["label"]), row["source"]
    return AuditResult(
        labels=labels,
        sources=sources.astype(str),
        changes=tuple(
            LabelChange(
                index=int(row["index"]),
                before=row["before"],
                after=row["after"],
                by=row["by"],
                stage=row["stage"],
                answer=int(row["answer"]),
            )
            for row in _rows(directory / CHANGES)
        ),
        suspects=tuple(
            Suspect(
                index=int(row["index"]),
                score=float(row["score"]),
                given=row["given"],
                predicted=row["predicted"],
            )
            for row in _rows(directory / SUSPECTS)
        ),
        summary=summary,
        class_names=class_names,
    )


def _rows(file: Path) -> list[dict[str, str]]:
    if not file.exists():
        return []
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))
