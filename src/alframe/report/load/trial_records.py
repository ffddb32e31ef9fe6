"""Records of one trial, shared by tables and pictures.

Axes: C the classes, M the mislabelled samples whose images are stored.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alframe.core.reports import RoundRow

LEAST_ERROR = 1e-12  # the smallest 1 - p that a mean of float64 probabilities resolves


def round_name(row: RoundRow) -> str:
    """Return the name of a row: seed, 1, 2, ... end."""
    return str(row.round) if row.kind == "round" else {"closing": "end"}.get(row.kind, row.kind)


@dataclass(frozen=True, kw_only=True)
class Bin:
    """Auto-labels of about the same confidence, as in `alframe.audit.reliability.ConfidenceBin`.

    Attributes:
        low, high: probabilities in [0, 1], low excluded and high included.
        n, wrong: number of auto-labels, at least one, and of wrong ones.
        stated_error: mean of 1 - confidence, at least `LEAST_ERROR`.
    """

    low: float
    high: float
    n: int
    wrong: int
    stated_error: float


@dataclass(frozen=True, kw_only=True, eq=False)
class DiagnosisFile:
    """The content of diagnosis.json; `confusion_CC` and `bins` are None if the true labels are unknown.

    Attributes:
        confusion_CC: (C, C) int64 counts of auto-labels, a row for each true class, a column for each label.
        bins: from the least to the most confident.
    """

    class_names: tuple[str, ...]
    confusion_CC: NDArray[np.int64] | None
    bins: tuple[Bin, ...] | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Mislabelled:
    """The content of mislabelled.npz: the most confident mislabelled samples.

    Attributes:
        index_M, label_M, truth_M: int64. confidence_M: float64, NaN for hand labels.
        images_M: (M, channels, height, width) uint8.
    """

    index_M: NDArray[np.int64]
    label_M: NDArray[np.int64]
    truth_M: NDArray[np.int64]
    confidence_M: NDArray[np.float64]
    images_M: NDArray[np.uint8]
