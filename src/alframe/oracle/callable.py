"""An oracle that asks a Python function."""

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
    """An oracle that asks a function."""

    answers: Answers
    n_classes: int

    def label(self, index_Q: Tensor) -> Tensor:
        """Return the function's answers, int64."""
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
