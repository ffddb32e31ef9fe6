"""The pool of a question, in a file that both environments read.

Axes: P pool, L labelled, K members, C classes, D features.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

MISSING = -1
Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, eq=False)
class Pool:
    """Features and given predictions of the pool, and the labelled samples.

    Attributes:
        features_PD, features_LD: float32. label_L: int64.
        probs_PC: of the classifier. members_KPC: of its committee. weight_CD: its last layer, without bias.
    """

    features_PD: Floats
    features_LD: Floats
    label_L: NDArray[np.int64]
    probs_PC: Floats
    members_KPC: Floats
    weight_CD: Floats

    def save(self, path: Path) -> None:
        """Write the file."""
        np.savez(path, **vars(self))

    @classmethod
    def load(cls, path: Path) -> "Pool":
        """Read the file."""
        with np.load(path) as file:
            return cls(**{name: file[name] for name in file.files})
