"""An oracle that calls a Python function."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from alframe.core.errors import ConfigError, TrialError

Answers = Callable[[np.ndarray[Any, Any]], Any]


@dataclass(frozen=True)
class CallableOracle:
    """Answers with the return values of a Python function.

    Attributes:
        answers: from (Q,) int64 data-set indices, a NumPy array, to Q whole numbers in [0, C).
        n_classes: C.
    """

    answers: Answers
    n_classes: int

    def label(self, index_Q: Tensor) -> Tensor:
        """Return (Q,) int64, the answers of the function.

        Raises:
            TrialError: the function does not return Q whole numbers.
            ConfigError: an answer is not a class.
        """
        answer_Q = np.asarray(self.answers(index_Q.numpy().copy()))
        if answer_Q.shape != (len(index_Q),) or answer_Q.dtype.kind not in "iu":
            raise TrialError(
                f"oracle: expected {len(index_Q)} whole numbers, one for each index, got {answer_Q.dtype} "
                f"{answer_Q.shape}."
            )
        if len(answer_Q) and not (answer_Q.min() >= 0 and answer_Q.max() < self.n_classes):
            wrong = answer_Q[(answer_Q < 0) | (answer_Q >= self.n_classes)][0]
            raise ConfigError("oracle", f"answers from 0 to {self.n_classes - 1}", int(wrong))
        return torch.from_numpy(answer_Q.astype(np.int64))
