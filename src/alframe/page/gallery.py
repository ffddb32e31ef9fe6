"""The gallery: what is labelled, what hands and classifier disagree on, what is doubtful, and equal images.

Axes: N the samples of the data set, H those of a view.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from alframe.core.answer_counting import TAKEN_BACK
from alframe.core.errors import UserError
from alframe.core.ledger import LabelLedger, Source
from alframe.oracle.answer_records import Answer

View = Literal["labels", "disagreement", "doubtful", "duplicates"]
DOUBTFUL_SHARE = 0.1  # of the auto-labels: the least confident ones
LEAST_DOUBTFUL = 20
_NONE = -1


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A part of the gallery.

    Attributes:
        view: which samples. number: of a class, None for all.
        source: "hand", "auto" or "" for both.
        offset, limit: of the items.
    """

    view: View
    number: int | None
    source: str
    offset: int
    limit: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Labels:
    """The labels as they are now, those of people newer than the ledger included.

    Attributes:
        label_N: int64, the class, `CANNOT_TELL` or `NO_CLASS`, -1 without a label.
        auto_N: bool, True for auto-labels. confidence_N: float64, of auto-labels, NaN elsewhere.
        newest_N: int64, the id of the answer that counts, 0 without one.
        round_N: int64, the round that wrote a label, -1 if it is newer than the last round.
        answers: by sample. source_N: uint8, a `Source`.
    """

    label_N: NDArray[np.int64]
    auto_N: NDArray[np.bool_]
    confidence_N: NDArray[np.float64]
    newest_N: NDArray[np.int64]
    round_N: NDArray[np.int64]
    source_N: NDArray[np.uint8]
    answers: Mapping[int, Answer]

    @classmethod
    def of(cls, ledger: LabelLedger | None, answers: Mapping[int, Answer], n: int) -> "Labels":
        """Return the labels of n samples.

        Args:
            ledger: of the last round, None before. answers: those that count.
        """
        ledger = LabelLedger.empty(n) if ledger is None else ledger
        n = max(n, len(ledger.label_N), max(answers, default=0) + 1)
        member_N = _padded(ledger.member_N, n, True)
        auto_N = _padded(ledger.source_N == Source.AUTO, n, False)
        label_N = _padded(ledger.answer_of(slice(None)), n, _NONE)
        label_N[auto_N] = _padded(ledger.label_N, n, _NONE)[auto_N]
        label_N[~member_N] = _NONE
        newest_N = np.zeros(n, dtype=np.int64)
        index_A = np.fromiter(answers, dtype=np.int64, count=len(answers))
        label_N[index_A] = [each.answer for each in answers.values()]
        newest_N[index_A] = [each.id for each in answers.values()]
        auto_N[index_A] = False
        confidence_N = _padded(torch.sigmoid(ledger.log_odds_N.double()), n, np.nan)
        confidence_N[~auto_N] = np.nan
        return cls(
            label_N=label_N,
            auto_N=auto_N,
            confidence_N=confidence_N,
            newest_N=newest_N,
            round_N=_padded(ledger.round_N.long(), n, _NONE),
            source_N=_padded(ledger.source_N, n, int(Source.NONE)),
            answers=answers,
        )


def view_of(text: str) -> View:
    """Return a view by its name.

    Raises:
        UserError: there is no such view.
    """
    if text not in get_args(View):
        raise UserError(f"view: expected one of {', '.join(get_args(View))}, got {text!r}.")
    return cast("View", text)


def chosen(
    labels: Labels,
    wanted: Wanted,
    *,
    predicted: Mapping[int, tuple[int, float]],
    group_of: Mapping[int, int],
    hidden: Collection[int],
) -> NDArray[np.int64]:
    """Return (H,) int64: the samples of a view in the order in which they are shown.

    Args:
        predicted: what the classifier said before people answered, with its confidence; for "disagreement".
        group_of: the group of equal images of each sample that has equal ones; for "duplicates".
        hidden: samples that are not shown, since people must answer them without knowing any label.
    """
    index_H = (labels.label_N != _NONE).nonzero()[0]
    index_H = index_H[~np.isin(index_H, np.fromiter(hidden, dtype=np.int64, count=len(hidden)))]
    if wanted.source:
        index_H = index_H[labels.auto_N[index_H] == (wanted.source == "auto")]
    if wanted.view == "labels":
        found = _all(labels, index_H)
    elif wanted.view == "doubtful":
        found = _doubtful(labels, index_H)
    elif wanted.view == "disagreement":
        found = _disagreement(labels, index_H, predicted)
    else:
        found = _duplicates(labels, index_H, group_of)
    return found if wanted.number is None else found[labels.label_N[found] == wanted.number]


def items(
    labels: Labels,
    index_H: Sequence[int],
    *,
    predicted: Mapping[int, tuple[int, float]],
    rows: Mapping[int, Sequence[Answer]],
    group_of: Mapping[int, int],
) -> list[dict[str, Any]]:
    """Return samples as the gallery shows them.

    Args:
        predicted, group_of: as in `chosen`, at least for these samples. rows: all answers by sample.
    """
    return [_item(labels, index, predicted, rows.get(index, ()), group_of.get(index)) for index in index_H]


def history(rows: Sequence[Answer]) -> list[dict[str, Any]]:
    """Return all answers to a sample, the newest last; the answer is None where one was taken back."""
    return [
        {
            "who": row.who,
            "at": row.at,
            "answer": None if row.answer == TAKEN_BACK else row.answer,
            "way": row.way,
            "seconds": row.seconds,
            "suggestion": row.suggestion,
            "shown": row.shown,
        }
        for row in rows
    ]


def _padded(values: torch.Tensor, n: int, fill: Any) -> NDArray[Any]:
    """Return a copy with n values."""
    given = values.numpy()
    padded = np.full(n, fill, dtype=given.dtype)
    padded[: len(given)] = given
    return padded


def _all(labels: Labels, index_H: NDArray[np.int64]) -> NDArray[np.int64]:
    """Hand labels, the newest first; then auto-labels, the least confident first."""
    auto_H, confidence_H = labels.auto_N[index_H], labels.confidence_N[index_H]
    return index_H[np.lexsort((index_H, confidence_H, -labels.newest_N[index_H], auto_H))]


def _doubtful(labels: Labels, index_H: NDArray[np.int64]) -> NDArray[np.int64]:
    """A share of the auto-labels, the least confident first."""
    n = max(LEAST_DOUBTFUL, round(DOUBTFUL_SHARE * int(labels.auto_N.sum())))
    index_H = index_H[labels.auto_N[index_H]]
    return index_H[np.argsort(labels.confidence_N[index_H], kind="stable")][:n]


def _disagreement(
    labels: Labels, index_H: NDArray[np.int64], predicted: Mapping[int, tuple[int, float]]
) -> NDArray[np.int64]:
    """Hand labels that the classifier predicted otherwise, those of which it was surest first."""
    hand = [index for index in index_H[~labels.auto_N[index_H]].tolist() if index in predicted]
    other = [index for index in hand if predicted[index][0] != labels.label_N[index]]
    return np.array(sorted(other, key=lambda index: (-predicted[index][1], index)), dtype=np.int64)


def _duplicates(labels: Labels, index_H: NDArray[np.int64], group_of: Mapping[int, int]) -> NDArray[np.int64]:
    """Equal images by group, groups with different labels first."""
    groups: dict[int, list[int]] = {}
    for index in index_H.tolist():
        if index in group_of:
            groups.setdefault(group_of[index], []).append(index)
    several = [each for each in groups.values() if len(each) > 1]
    several.sort(key=lambda each: len({int(labels.label_N[index]) for index in each}) == 1)
    return np.array([index for each in several for index in each], dtype=np.int64)


def _item(
    labels: Labels,
    index: int,
    predicted: Mapping[int, tuple[int, float]],
    rows: Sequence[Answer],
    group: int | None,
) -> dict[str, Any]:
    is_auto, answer = bool(labels.auto_N[index]), labels.answers.get(index)
    label, round = int(labels.label_N[index]), int(labels.round_N[index])
    source = Source(int(labels.source_N[index]))
    is_new = source in (Source.NONE, Source.AUTO) and not is_auto
    before = predicted.get(index)
    return {
        "index": index,
        "label": label,
        "source": "query" if is_new else source.name.lower(),
        "confidence": float(labels.confidence_N[index]) if is_auto else None,
        "predicted": label if is_auto else None if before is None else before[0],
        "who": answer.who if answer is not None else None,
        "round": None if round < 0 or is_new else round,
        "changed": answer is not None and any(row.answer not in (TAKEN_BACK, answer.answer) for row in rows),
        "group": group,
    }
