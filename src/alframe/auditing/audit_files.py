"""The files of an audit: rounds, labels, changes, suspects and the images of the changes."""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from alframe._files import replace_file
from alframe.audit.audit_state import AuditRow, AuditState
from alframe.audit.oddities import Oddity
from alframe.core.file_names import AUDIT_ROUNDS, CHANGES, CHANGES_IMAGES, LABELS, LABELS_BY_NAME, SUSPECTS
from alframe.core.ledger import CANNOT_TELL
from alframe.data import ImageDataset
from alframe.oracle.class_names import answer_text
from alframe.tracking.files import are_named, csv_lines, label_lines, named_label_lines

CHANGE_COLUMNS = ("index", "file", "before", "after", "by", "stage", "round", "answer")
SUSPECT_COLUMNS = ("index", "rank", "score", "given", "predicted", "file")
ODDITY_COLUMNS = ("kind", "index", "file", "given", "other", "other_given", "detail")
SHOWN_CHANGES = 100


@dataclass(frozen=True, kw_only=True)
class Change:
    """A given label that an answer calls wrong, or of which nobody can tell.

    Attributes:
        index: of the sample. before: its given class. after: a class, `CANNOT_TELL` or `NO_CLASS`.
        stage, round: of the question. answer: its number among all answers of the audit, from 1.
    """

    index: int
    before: int
    after: int
    stage: str
    round: int
    answer: int


def changes_of(state: AuditState) -> list[Change]:
    """Return the changed labels in the order of the answers."""
    changes, n = [], 0
    for asked in state.questions:
        pairs = zip(asked.index_Q.tolist(), asked.answer_Q.tolist(), strict=True)
        for index, answer in pairs:
            n += 1
            before = int(state.given_N[index])
            if answer != before:
                changes.append(
                    Change(
                        index=index,
                        before=before,
                        after=answer,
                        stage=asked.stage,
                        round=asked.round,
                        answer=n,
                    )
                )
    return changes


def write_rounds(directory: Path, rows: Sequence[AuditRow]) -> None:
    """Write audit_rounds.csv."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(AuditRow)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(
        {key: "" if value is None else value for key, value in asdict(row).items()} for row in rows
    )
    replace_file(directory / AUDIT_ROUNDS, text.getvalue())


def write_labels(directory: Path, state: AuditState, dataset: ImageDataset, by: Callable[[int], str]) -> None:
    """Write labels.csv, labels_by_name.csv, changes.csv and suspects.csv as they are now.

    Args:
        by: returns who answered about a sample.
    """
    names, files_N = dataset.class_names, dataset.files_N
    changes = changes_of(state)
    replace_file(directory / CHANGES, change_lines(changes, names, files_N, by))
    if state.first is not None:
        replace_file(directory / SUSPECTS, suspect_lines(state, names, files_N))
    if are_named(names, files_N):
        replace_file(directory / LABELS_BY_NAME, named_label_lines(state.ledger, names, files_N))
    replace_file(directory / LABELS, label_lines(state.ledger))


def change_lines(
    changes: Sequence[Change], names: Sequence[str], files_N: Sequence[str] | None, by: Callable[[int], str]
) -> Iterator[str]:
    """Yield the lines of changes.csv. The class is "?" for "cannot tell" and "-" for "no class"."""
    rows = (
        (
            each.index,
            files_N[each.index] if files_N else "",
            names[each.before],
            answer_text(each.after, names),
            by(each.index),
            each.stage,
            each.round,
            each.answer,
        )
        for each in changes
    )
    return csv_lines(chain([CHANGE_COLUMNS], rows))


def suspect_lines(state: AuditState, names: Sequence[str], files_N: Sequence[str] | None) -> Iterator[str]:
    """Yield the lines of suspects.csv: all labels that the first ranking has ranked, the most suspect first.

    The score is the quality, between 0 and 1; low is suspect.
    """
    ranking = state.first
    assert ranking is not None
    index_S = suspects_of(state)
    columns = zip(
        index_S.tolist(),
        ranking.quality_N[index_S].double().exp().tolist(),
        state.given_N[index_S].tolist(),
        ranking.predicted_N[index_S].tolist(),
        strict=True,
    )
    rows = (
        (index, rank, f"{score:.9g}", names[given], names[predicted], files_N[index] if files_N else "")
        for rank, (index, score, given, predicted) in enumerate(columns, start=1)
    )
    return csv_lines(chain([SUSPECT_COLUMNS], rows))


def oddity_lines(
    oddities: Sequence[Oddity], given_N: Tensor, names: Sequence[str], files_N: Sequence[str] | None
) -> Iterator[str]:
    """Yield the lines of oddities.csv: copies with other labels, and images that are odd."""

    def given(index: int | None) -> str:
        return "" if index is None or int(given_N[index]) < 0 else names[int(given_N[index])]

    def shown(index: int | None) -> str:
        return "" if index is None else str(index)

    rows = (
        (
            each.kind,
            shown(each.index),
            files_N[each.index] if files_N and each.index is not None else "",
            given(each.index),
            shown(each.other),
            given(each.other),
            each.detail,
        )
        for each in oddities
    )
    return csv_lines(chain([ODDITY_COLUMNS], rows))


def suspects_of(state: AuditState) -> Tensor:
    """Return int64: the labels that nobody had looked at before the first ranking, most suspect first."""
    ranking = state.first
    assert ranking is not None
    open_N = ~ranking.quality_N.isnan()
    for asked in state.questions:
        if asked.stage == "estimate":
            open_N[asked.index_Q] = False
    index = open_N.nonzero().flatten()
    return index[ranking.quality_N[index].argsort(stable=True)]


def write_change_images(directory: Path, state: AuditState, dataset: ImageDataset) -> None:
    """Write changes.npz for the report: up to 100 changes that name another class, evenly over the answers.

    Its arrays: index, before and after, (M,) int64; images, (M, channels, height, width) uint8. Without such
    a change, no file is written.
    """
    changes = [each for each in changes_of(state) if each.after != CANNOT_TELL]
    if not changes:
        return
    shown = torch.linspace(0, len(changes) - 1, min(SHOWN_CHANGES, len(changes))).round().long().tolist()
    picked = [changes[k] for k in shown]
    file = io.BytesIO()
    np.savez_compressed(
        file,
        index=np.array([each.index for each in picked]),
        before=np.array([each.before for each in picked]),
        after=np.array([each.after for each in picked]),
        images=np.stack([dataset.images_N[each.index].cpu().numpy() for each in picked]),
    )
    replace_file(directory / CHANGES_IMAGES, file.getvalue())
