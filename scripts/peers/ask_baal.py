"""A question by baal's heuristics."""

import numpy as np
from baal.active import heuristics
from numpy.typing import NDArray

from peers.pool import Pool

STRATEGIES = {
    "least_confidence": lambda n: heuristics.Certainty(),
    "margin": lambda n: heuristics.Margin(),
    "entropy": lambda n: heuristics.Entropy(),
    "bald": lambda n: heuristics.BALD(),
    "batchbald": lambda n: heuristics.BatchBALD(num_samples=n),
}


class Question:
    """A heuristic with predictions as baal's wrapper returns them: (P, C, iterations)."""

    def __init__(self, strategy: str, pool: Pool) -> None:
        self.make = STRATEGIES[strategy]
        if strategy in ("bald", "batchbald"):
            self.probs_PCK = np.ascontiguousarray(pool.members_KPC.transpose(1, 2, 0))
        else:
            self.probs_PCK = pool.probs_PC[:, :, None]

    def ask(self, n: int) -> NDArray[np.int64]:
        """Return the positions in the pool."""
        np.random.seed(0)  # noqa: NPY002 - baal draws from NumPy's global state
        return np.asarray(self.make(n)(self.probs_PCK))[:n]
