"""A question by modAL's query strategies."""

import numpy as np
from modAL.models import ActiveLearner
from modAL.uncertainty import entropy_sampling, margin_sampling, uncertainty_sampling
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin

from peers.pool import Floats, Pool

STRATEGIES = {
    "least_confidence": uncertainty_sampling,
    "margin": margin_sampling,
    "entropy": entropy_sampling,
}


class Given(ClassifierMixin, BaseEstimator):
    """A classifier whose predictions on the pool are given."""

    def __init__(self, probs_PC: Floats) -> None:
        self.probs_PC = probs_PC

    def predict_proba(self, X: Floats) -> Floats:
        """Return the given probabilities."""
        return self.probs_PC


class Question:
    """A learner with its strategy."""

    def __init__(self, strategy: str, pool: Pool) -> None:
        self.learner = ActiveLearner(Given(pool.probs_PC), STRATEGIES[strategy])
        self.features_PD = pool.features_PD

    def ask(self, n: int) -> NDArray[np.int64]:
        """Return the positions in the pool."""
        return np.asarray(self.learner.query(self.features_PD, n_instances=n)[0])
