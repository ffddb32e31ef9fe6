"""Probabilities or confidences that came with the labels to audit.

Axes: N the samples of the data set; C the classes.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch

from alframe.core.errors import DataError
from alframe.data.table_rows import Rows
from alframe.oracle.class_names import class_of_name

KEY = "labels"
SUM_ERROR = 0.01  # by which the probabilities of a row may differ from 1, as rounded numbers do


class GivenProbabilities:
    """The probabilities in the rows of a table, or the confidences in them."""

    def __init__(self, rows: Rows, classes: Sequence[str], n: int, n_classes: int) -> None:
        self._rows, self._classes, self._n_classes = rows, classes, n_classes
        self._confidence = "confidence" if "confidence" in rows.names and not classes else None
        there = bool(classes or self._confidence)
        self.log_probs_NC = torch.full((n, n_classes), math.nan) if there else None

    def most_probable(self, number: int, place: str) -> int:
        """Return the most probable class of a row."""
        probs = self._row(number, place)
        return probs.index(max(probs))

    def take(self, number: int, place: str, index: int, answer: int) -> None:
        """Keep the probabilities of a row as those of a sample with a label."""
        if self.log_probs_NC is None:
            return
        probs = self._row(number, place) if self._classes else self._by_confidence(number, place, answer)
        self.log_probs_NC[index] = torch.tensor(probs).clamp(min=1e-30).log()

    def _by_confidence(self, number: int, place: str, answer: int) -> list[float]:
        cell = self._rows.columns["confidence"][number]
        if cell in ("", None):  # a hand label
            return [1.0 / self._n_classes] * self._n_classes
        probability = _number(cell)
        if probability is None or not 0 <= probability <= 1:
            raise DataError(
                f"{KEY}: expected a confidence of 0 to 1 in {place}, got {cell!r}. Divide percentages by 100."
            )
        rest = (1.0 - probability) / (self._n_classes - 1)
        return [probability if k == answer else rest for k in range(self._n_classes)]

    def _row(self, number: int, place: str) -> list[float]:
        cells = [self._rows.columns[name][number] for name in self._classes]
        probs = [_number(cell) for cell in cells]
        known = [value for value in probs if value is not None and value >= 0]
        if len(known) < len(cells):
            raise DataError(f"{KEY}: expected probabilities in {place}, got {', '.join(map(str, cells))}.")
        if abs(sum(known) - 1) > SUM_ERROR:
            raise DataError(
                f"{KEY}: expected probabilities that sum to 1 in {place}, got {sum(known):.6g}. If they are "
                "logits, turn them into probabilities."
            )
        return [value / sum(known) for value in known]


def _number(cell: Any) -> float | None:
    try:
        value = float(cell)
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None


def probability_columns(rows: Rows, class_names: Sequence[str]) -> list[str]:
    """Return the column of each class, or an empty list unless each class has one.

    A column may have the class's name, or p_ or prob_ before it.
    """
    found: dict[int, str] = {}
    for column in rows.names:
        for name in (column, column.removeprefix("prob_"), column.removeprefix("p_")):
            number = class_of_name(name, class_names)
            if number is not None:
                found.setdefault(number, column)
    return [found[k] for k in range(len(class_names))] if len(found) == len(class_names) else []
