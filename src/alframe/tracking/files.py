"""The files of every trial: config.yaml, rounds.csv, labels.csv, summary.json and those that explain it."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, fields
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from alframe._files import replace_file
from alframe.audit.label_issues import LabelIssue
from alframe.audit.reliability import diagnosis_to_dict, most_confident
from alframe.config.verbatim import as_yaml
from alframe.core import file_names
from alframe.core.answer_codes import CANNOT_TELL_TEXT, NO_CLASS_TEXT
from alframe.core.errors import Waiting
from alframe.core.ledger import LabelLedger, Source
from alframe.core.reports import RoundReport, RoundRow
from alframe.tracking.base import Outcome, TrialInfo

CHUNK = 2**16  # samples of labels.csv that are text in memory at the same time
MAX_SHOWN = 100  # mislabelled images in mislabelled.npz
LABEL_COLUMNS = ("index", "label", "source", "round", "confidence", "log_odds")


class FilesTracker:
    """Writes the files into the trial's directory. Each is replaced as a whole or not at all."""

    def __init__(self) -> None:
        self._rows: list[RoundRow] = []
        self._directory = Path()

    def start(self, info: TrialInfo) -> None:
        """Write config.yaml, and the earlier rows of rounds.csv if the trial is resumed."""
        self._directory = info.directory
        self._rows = [report.row() for report in info.reports]
        (self._directory / file_names.FAILURE).unlink(missing_ok=True)  # of an earlier attempt
        replace_file(self._directory / file_names.CONFIG, as_yaml(info.config))
        if self._rows:
            replace_file(self._directory / file_names.ROUNDS, rounds_csv(self._rows))

    def log(self, report: RoundReport) -> None:
        """Write rounds.csv with this round as its last row."""
        self._rows.append(report.row())
        replace_file(self._directory / file_names.ROUNDS, rounds_csv(self._rows))

    def finish(self, outcome: Outcome) -> None:
        """Write the labels, then summary.json if the trial finished, else failure.json."""
        if outcome.ledger is not None:
            replace_file(self._directory / file_names.LABELS, label_lines(outcome.ledger))
            if are_named(outcome.class_names, outcome.files_N):
                lines = named_label_lines(outcome.ledger, outcome.class_names, outcome.files_N)
                replace_file(self._directory / file_names.LABELS_BY_NAME, lines)
        if outcome.suspects:
            replace_file(self._directory / file_names.SUSPECTS, suspect_lines(outcome.suspects))
        if outcome.summary is None:
            n_rounds = sum(row.kind == "round" for row in self._rows)
            write_failure(self._directory, outcome.status, outcome.reason, n_rounds, outcome.waiting)
            return
        self._explain(outcome)
        content = json.dumps(outcome.summary.to_json(), indent=2, allow_nan=False) + "\n"
        replace_file(self._directory / file_names.SUMMARY, content)
        (self._directory / file_names.FAILURE).unlink(missing_ok=True)  # of a command that could not enter

    def _explain(self, outcome: Outcome) -> None:
        """Write diagnosis.json, and mislabelled.npz if samples are mislabelled. A report draws both."""
        content = {"class_names": list(outcome.class_names), **diagnosis_to_dict(outcome.diagnosis)}
        replace_file(self._directory / file_names.DIAGNOSIS, json.dumps(content, allow_nan=False) + "\n")
        if len(outcome.mislabelled[0]):
            replace_file(self._directory / file_names.MISLABELLED, mislabelled_npz(outcome))


def mislabelled_npz(outcome: Outcome) -> bytes:
    """Return an .npz of the `MAX_SHOWN` most confident of the M mislabelled samples.

    Its arrays: index, label and truth, (M,) int64; confidence, (M,) float64, NaN for hand labels;
    images, (M, channels, height, width) uint8.
    """
    assert outcome.ledger is not None
    shown = most_confident(outcome.ledger, outcome.mislabelled[0], MAX_SHOWN)
    index_M, truth_M = (each[shown] for each in outcome.mislabelled)
    file = io.BytesIO()
    np.savez_compressed(
        file,
        index=index_M.numpy(),
        label=outcome.ledger.label_N[index_M].numpy(),
        truth=truth_M.numpy(),
        confidence=outcome.ledger.log_odds_N[index_M].double().sigmoid().numpy(),
        images=np.stack([outcome.image(index).cpu().numpy() for index in index_M.tolist()]),
    )
    return file.getvalue()


def rounds_csv(rows: Sequence[RoundRow]) -> str:
    """Return the rows as CSV with a header; None is an empty field."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=[field.name for field in fields(RoundRow)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(row.to_csv() for row in rows)
    return text.getvalue()


def label_lines(ledger: LabelLedger) -> Iterator[str]:
    """Yield the lines of labels.csv, a header and one line per sample of the trial.

    Samples that were removed from the data keep their line if they have a label.

    A line has index, label, source, round, confidence and log_odds. Confidence is sigmoid(log_odds),
    computed in float64; both are empty except for auto-labels. Without a label, the label is -1 and the
    round is empty.
    """
    yield ",".join(LABEL_COLUMNS) + "\n"
    for index_M in exported(ledger).split(CHUNK):
        yield from _lines_of(ledger, index_M)


def exported(ledger: LabelLedger) -> Tensor:
    """Return int64, ascending: the samples of the trial, and those removed since that have a label."""
    return (ledger.member_N | (ledger.source_N != Source.NONE)).nonzero().flatten()


def _lines_of(ledger: LabelLedger, index_M: Tensor) -> Iterator[str]:
    names = [source.name.lower() for source in Source]
    odds_M = ledger.log_odds_N[index_M]
    columns = zip(
        index_M.tolist(),
        ledger.label_N[index_M].tolist(),
        ledger.source_N[index_M].tolist(),
        ledger.round_N[index_M].tolist(),
        torch.sigmoid(odds_M.double()).tolist(),
        odds_M.tolist(),
        strict=True,
    )
    for index, label, source, round, confidence, odds in columns:
        yield (
            f"{index},{label},{names[source]},{round if round >= 0 else ''},"
            + (f"{confidence:.12g},{odds:.9g}" if odds == odds else ",")
            + "\n"
        )


def file_lines(files_N: Sequence[str]) -> Iterator[str]:
    """Yield the lines of files.csv: the file of each index of labels.csv."""
    return csv_lines(chain([("index", "file")], enumerate(files_N)))


def are_named(class_names: Sequence[str], files_N: Sequence[str] | None) -> bool:
    """Return True if images have files or classes have names other than their numbers.

    >>> are_named(["cat", "dog"], None), are_named(["0", "1"], None), are_named(["0", "1"], ["a.png"])
    (True, False, True)
    """
    return files_N is not None or list(class_names) != [str(k) for k in range(len(class_names))]


def named_label_lines(
    ledger: LabelLedger, class_names: Sequence[str], files_N: Sequence[str] | None
) -> Iterator[str]:
    """Yield the lines of labels_by_name.csv: index, file, class, source and present.

    The file is empty if images have no files, the class if there is no label yet. The class is "?" for
    "cannot tell" and "-" for "no class". An image that is no longer in the data is not present; another one
    may have its file name.
    """
    without = {Source.CANNOT_TELL: CANNOT_TELL_TEXT, Source.NO_CLASS: NO_CLASS_TEXT}
    names = [source.name.lower() for source in Source]
    rows = (
        (
            index,
            files_N[index] if files_N else "",
            class_names[label] if label >= 0 else without.get(Source(source), ""),
            names[source],
            "yes" if member else "no",
        )
        for index_M in exported(ledger).split(CHUNK)
        for index, label, source, member in zip(
            index_M.tolist(),
            ledger.label_N[index_M].tolist(),
            ledger.source_N[index_M].tolist(),
            ledger.member_N[index_M].tolist(),
            strict=True,
        )
    )
    return csv_lines(chain([("index", "file", "class", "source", "present")], rows))


def suspect_lines(suspects: Sequence[LabelIssue]) -> Iterator[str]:
    """Yield the lines of suspects.csv: hand labels to check, each with the predicted class."""
    yield "index,label,predicted,self_confidence\n"
    for each in suspects:
        yield f"{each.index},{each.label},{each.predicted},{each.self_confidence:.6g}\n"


def csv_lines(rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """Yield rows as CSV, one at a time, quoted where needed."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for row in rows:
        writer.writerow(row)
        yield text.getvalue()
        text.seek(0)
        text.truncate()


def write_failure(
    directory: Path, status: str, reason: str, n_rounds: int, waiting: Waiting | None = None
) -> None:
    """Write failure.json: the status of a trial without a summary, the reason and the number of rounds.

    A trial that waits for answers also says what it waits for, with the fields of `Waiting`.

    Raises:
        TrialError: it could not be written.
    """
    content: dict[str, Any] = {"status": status, "reason": reason, "rounds": n_rounds}
    if waiting is not None:
        content["waiting"] = asdict(waiting)
    replace_file(directory / file_names.FAILURE, json.dumps(content, indent=2) + "\n")
