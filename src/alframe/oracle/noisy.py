"""An oracle that makes errors: symmetric flips, or a confusion matrix.

Axes: Q the asked samples, C the classes.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from alframe.config.ranges import check_fields
from alframe.core.errors import ConfigError
from alframe.core.seeds import derive_seed

ROW_SUM_TOLERANCE = 1e-6
_GOLDEN, _MIX_1, _MIX_2 = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


@dataclass(frozen=True, eq=False)
class NoisyOracle:
    """Answers with the truth or, at random, with another class.

    An answer depends only on the trial's seed and the sample, so that asking in another order gives the same
    answers. A trial asks about no sample twice.

    Attributes:
        truth_N: (N,) int64 in [0, C), the true classes.
        n_classes: C.
        seed: the trial's seed.
        rate: in [0, 1), the share of wrong answers, with all other classes equally probable; or None.
        confusion: C rows of C probabilities, or the name of an .npy or .csv file of them; or None. A row is
            the true class, a column the answer. Exactly one of `rate` and `confusion` is given.
    """

    truth_N: Tensor
    n_classes: int
    seed: int
    rate: float | None
    confusion: Any
    _cumulative_CC: Tensor | None = field(init=False)

    def __post_init__(self) -> None:
        check_fields("oracle", self)
        if self.truth_N is None:
            raise ConfigError("oracle", "a data set with true labels for oracle=noisy")
        _check_one_noise(self.rate, self.confusion)
        cumulative_CC = None
        if self.confusion is not None:
            cumulative_CC = cumulative_rows(checked_confusion(self.confusion, self.n_classes))
        object.__setattr__(self, "_cumulative_CC", cumulative_CC)

    def label(self, index_Q: Tensor) -> Tensor:
        """Return (Q,) int64 in [0, C), right or wrong answers for `index_Q`."""
        truth_Q = self.truth_N[index_Q]
        uniform_Q = uniform_of_samples(derive_seed(self.seed, 0, "oracle"), index_Q)
        if self._cumulative_CC is not None:
            return drawn_from_rows(self._cumulative_CC, truth_Q, uniform_Q)
        assert self.rate is not None, "__post_init__ checks it"
        return flipped(truth_Q, uniform_Q, self.rate, self.n_classes)


def flipped(truth_Q: Tensor, uniform_Q: Tensor, rate: float, n_classes: int) -> Tensor:
    """Return (Q,) int64, the truth, or another class if the uniform number is below `rate`.

    Args:
        truth_Q: (Q,) int64 in [0, C). uniform_Q: (Q,) float64 in [0, 1); it also selects the other class.
        rate: in [0, 1). n_classes: C, at least 2.

    >>> flipped(torch.tensor([1, 1, 1]), torch.tensor([0.1, 0.3, 0.4]), rate=0.4, n_classes=3).tolist()
    [0, 2, 1]
    """
    other_Q = (uniform_Q / max(rate, 1e-300) * (n_classes - 1)).clamp(max=n_classes - 2).long()
    return torch.where(uniform_Q < rate, other_Q + (other_Q >= truth_Q), truth_Q)


def drawn_from_rows(cumulative_CC: Tensor, truth_Q: Tensor, uniform_Q: Tensor) -> Tensor:
    """Return (Q,) int64, the class at which the cumulative probability of a row passes a uniform number.

    Args:
        cumulative_CC: (C, C) float64, rows that end in 1. truth_Q: (Q,) int64, the row.
        uniform_Q: (Q,) float64 in [0, 1).
    """
    rows_QC = cumulative_CC[truth_Q]
    return torch.searchsorted(rows_QC, uniform_Q[:, None], right=True)[:, 0]


def cumulative_rows(confusion_CC: Tensor) -> Tensor:
    """Return (C, C) float64, the cumulative sums of the rows, each ending in exactly 1."""
    cumulative_CC = confusion_CC.cumsum(1)
    return cumulative_CC / cumulative_CC[:, -1:]


def uniform_of_samples(seed: int, index_Q: Tensor) -> Tensor:
    """Return (Q,) float64 in [0, 1), pseudo-random numbers that depend only on the seed and the index.

    Source: Steele, Lea & Flood, Fast splittable pseudorandom number generators, OOPSLA 2014 (SplitMix64),
    applied to the index and then to 0.
    """
    state_Q = _mixed(np.full(len(index_Q), seed, dtype=np.uint64), index_Q)
    return torch.from_numpy(
        (_mixed(state_Q, torch.zeros_like(index_Q)) >> np.uint64(11)).astype(np.float64) / 2**53
    )


def checked_confusion(confusion: Any, n_classes: int) -> Tensor:
    """Return (C, C) float64, the confusion matrix from rows or a file.

    Raises:
        ConfigError: it has values that are no numbers, negative or not finite, another shape, or rows that
            do not sum to 1.
    """
    key = "oracle.confusion"
    try:
        array = _read(Path(confusion)) if isinstance(confusion, str) else np.asarray(confusion, np.float64)
    except (OSError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(
            key, "rows of numbers, or an .npy or .csv file of them", str(confusion), reason
        ) from error
    if array.shape != (n_classes, n_classes):
        shape = " x ".join(map(str, array.shape))
        raise ConfigError(key, f"{n_classes} rows of {n_classes} probabilities, one per class", shape)
    sum_C = array.sum(1)
    for row in range(n_classes):
        if not (array[row] >= 0).all() or not np.isfinite(array[row]).all():
            raise ConfigError(
                key, f"probabilities of at least 0 in row {row} (counted from 0)", str(array[row].tolist())
            )
        if abs(sum_C[row] - 1) > ROW_SUM_TOLERANCE:
            raise ConfigError(key, f"row {row} (counted from 0) to sum to 1, got a sum of {sum_C[row]:.8g}")
    return torch.from_numpy(array)


def _check_one_noise(rate: float | None, confusion: Any) -> None:
    if rate is not None and confusion is not None:
        raise ConfigError("oracle", "a rate or a confusion matrix, not both", hint="Write oracle.rate=null.")
    if rate is None and confusion is None:
        raise ConfigError("oracle", "oracle.rate or oracle.confusion", hint="Give one of them.")


def _read(file: Path) -> np.ndarray[Any, Any]:
    file = file.expanduser()
    if file.suffix == ".npy":
        return np.load(file, allow_pickle=False).astype(np.float64)
    if file.suffix == ".csv":
        return np.loadtxt(file, delimiter=",", ndmin=2)
    raise ValueError("The name ends in neither .npy nor .csv.")


def _mixed(state_Q: np.ndarray[Any, Any], number_Q: Tensor) -> np.ndarray[Any, Any]:
    """Return (Q,) uint64, the states advanced by each number and mixed; arithmetic modulo 2**64."""
    step_Q = (number_Q.numpy().astype(np.uint64) + np.uint64(1)) * np.uint64(_GOLDEN)
    z_Q = state_Q + step_Q
    z_Q = (z_Q ^ (z_Q >> np.uint64(30))) * np.uint64(_MIX_1)
    z_Q = (z_Q ^ (z_Q >> np.uint64(27))) * np.uint64(_MIX_2)
    return z_Q ^ (z_Q >> np.uint64(31))
