"""The label of a sample with its provenance, and all labels of a trial."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from alframe._text import counted

Kind = Literal["hand", "auto", "given", "cannot_tell", "no_class", "none"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportedAnswer:
    """An answer that a person gave to a sample, whether it counts or not.

    Attributes:
        by: the person, empty if unknown. at: the time in UTC, ISO 8601. way: how it was given.
        label: the name of the class, "?" for cannot tell, "-" for none of the classes, empty if it takes the
            answer before it back.
    """

    by: str
    at: str
    way: str
    label: str


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelRow:
    """A sample of a trial.

    Attributes:
        index: in the data set. name: of its file, relative to the folder of the data; empty for an array.
        path: of its file, or None if it is an array or the file is not there.
        label: the class number, -1 without a label. class_name: its name, empty without a label.
        kind: who labelled it. source, round, confidence, log_odds: as in labels.csv; None if empty there.
        by: the person, or the classifier; empty if unknown. at: the time in UTC, ISO 8601, or empty.
        way: how an answer was given, such as "to_label.csv"; empty for auto-labels.
        answers: all that people have answered, in the order of time; empty in simulations.
    """

    index: int
    name: str
    path: str | None
    label: int
    class_name: str
    kind: Kind
    source: str
    round: int | None
    confidence: float | None
    log_odds: float | None
    by: str
    at: str
    way: str
    answers: Sequence[ExportedAnswer] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class TrialLabels:
    """The labels of a trial, in the order of the indices.

    Attributes:
        directory: of the trial. status: of the trial, such as "finished" or "waiting".
        data: name of the data set. class_names: by class number.
        has_files: True if each image is a file.
        folder: of the image files, None if unknown or if there are none.
        rows: one for each sample of the trial.
        notes: sentences on what is missing.
    """

    directory: Path
    status: str
    data: str
    class_names: Sequence[str]
    has_files: bool
    folder: str | None
    rows: Sequence[LabelRow]
    notes: Sequence[str]

    def labelled(self) -> Iterator[LabelRow]:
        """Yield the rows with a class."""
        return (row for row in self.rows if row.label >= 0)

    def counts(self) -> dict[Kind, int]:
        """Return the number of samples of each kind."""
        return dict(Counter(row.kind for row in self.rows))

    def counted(self) -> str:
        """Return the counts in words."""
        n = self.counts()
        words = [counted(n.get("hand", 0), "hand label")]
        words += [counted(n.get("auto", 0), "auto-label")] if n.get("auto") or not n.get("given") else []
        words += [counted(n["given"], "given label")] if n.get("given") else []
        aside = n.get("cannot_tell", 0) + n.get("no_class", 0)
        words += [f"{aside:,} set aside by people"] if aside else []
        words += [f"{n['none']:,} without a label"] if n.get("none") else []
        return ", ".join(words)
