"""What the report on one trial is made of: plain records, which who draws and who counts share.

Axes: C the classes, M the mislabelled samples that were kept to look at.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEAST_ERROR = 1e-12  # what a mean of float64 probabilities near 1 still tells from none


@dataclass(frozen=True, kw_only=True)
class Round:
    """A row of rounds.csv; None where the figure is undefined.

    Attributes:
        kind: "seed", "round" or "closing"; in a table also "remainder" and "audit", parts of a closing row.
        hand, auto, left: labels and samples without one, after the round. hand_new: given in it.
        mislabelled_share: over the data set. auto_label_error: over the auto-labels.
    """

    round: int
    kind: str
    hand: int
    auto: int
    left: int
    hand_new: int
    mislabelled: int | None
    mislabelled_share: float | None
    auto_label_error: float | None
    test_accuracy: float | None
    threshold: float | None
    seconds: float
    note: str

    @property
    def name(self) -> str:
        """What a reader calls it: seed, 1, 2, ... end."""
        return str(self.round) if self.kind == "round" else {"closing": "end"}.get(self.kind, self.kind)


@dataclass(frozen=True, kw_only=True)
class Bin:
    """Auto-labels of about the same confidence, as in `alframe.audit.reliability.ConfidenceBin`.

    Attributes:
        low, high: probabilities, above low and up to high, in [0, 1].
        n, wrong: auto-labels, at least one, and how many are wrong.
        stated_error: mean of 1 - confidence, at least `LEAST_ERROR`.
    """

    low: float
    high: float
    n: int
    wrong: int
    stated_error: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Diagnosis:
    """What diagnosis.json holds; `confusion_CC` and `bins` are None where nobody knows the truth.

    Attributes:
        confusion_CC: int64 counts of auto-labels, a row for each true class, a column for each label given.
        bins: from the least confident to the most.
    """

    class_names: tuple[str, ...]
    confusion_CC: NDArray[np.int64] | None
    bins: tuple[Bin, ...] | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Mislabelled:
    """What mislabelled.npz holds: the most confident of the mislabelled samples.

    Attributes:
        index_M, label_M, truth_M: int64. confidence_M: float64, NaN where a hand gave the label.
        images_M: (M, channels, height, width) uint8.
    """

    index_M: NDArray[np.int64]
    label_M: NDArray[np.int64]
    truth_M: NDArray[np.int64]
    confidence_M: NDArray[np.float64]
    images_M: NDArray[np.uint8]
