"""A question by scikit-activeml's query strategies."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from skactiveml import pool as strategies
from skactiveml.base import SkactivemlClassifier

from peers.pool import MISSING, Floats, Pool


class Given(SkactivemlClassifier):
    """A classifier whose predictions on the pool are given; it computes those of altered features."""

    def __init__(self, given: Pool | None = None, classes: Any = None, missing_label: int = MISSING) -> None:
        super().__init__(classes=classes, missing_label=missing_label)
        self.given = given

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "Given":
        """Set the classes."""
        self.classes_ = np.asarray(self.classes)
        return self

    def predict_proba(self, X: Floats) -> Floats:
        """Return the given probabilities."""
        assert self.given is not None
        assert len(X) == len(self.given.probs_PC)
        return self.given.probs_PC

    def predict(self, X: Floats) -> NDArray[np.int64]:
        """Return the classes of any features."""
        assert self.given is not None
        return (X @ self.given.weight_CD.T).argmax(axis=1)

    def sample_proba(self, X: Floats) -> Floats:
        """Return (K, P, C) float32: the given probabilities of the committee."""
        assert self.given is not None
        return self.given.members_KPC


def _uncertainty(method: str) -> Any:
    return strategies.UncertaintySampling(method=method, missing_label=MISSING, random_state=0)


def _committee(method: str) -> Any:
    return strategies.QueryByCommittee(
        method=method, sample_predictions_method_name="sample_proba", missing_label=MISSING, random_state=0
    )


def _made(name: str, **options: Any) -> Any:
    return getattr(strategies, name)(missing_label=MISSING, random_state=0, **options)


MEMBERS = {"sample_predictions_method_name": "sample_proba"}
STRATEGIES = {
    "random": lambda: _made("RandomSampling"),
    "least_confidence": lambda: _uncertainty("least_confident"),
    "margin": lambda: _uncertainty("margin_sampling"),
    "entropy": lambda: _uncertainty("entropy"),
    "variation_ratio": lambda: _committee("variation_ratios"),
    "vote_entropy": lambda: _committee("vote_entropy"),
    "bald": lambda: _made("GreedyBALD", **MEMBERS),
    "batchbald": lambda: _made("BatchBALD", **MEMBERS),
    "dropquery": lambda: _made("DropQuery", n_dropout_samples=3),
    "coreset": lambda: _made("CoreSet"),
    "badge": lambda: _made("Badge"),
    "typiclust": lambda: _made("TypiClust"),
    "maxherding": lambda: _made("MaxHerding"),
    "probcover": lambda: _made("ProbCover", n_classes=10),
}
WITH_CLASSIFIER = ("least_confidence", "margin", "entropy", "dropquery", "badge")
WITH_COMMITTEE = ("variation_ratio", "vote_entropy", "bald", "batchbald")


class Question:
    """A strategy with its arguments."""

    def __init__(self, strategy: str, pool: Pool) -> None:
        self.strategy = STRATEGIES[strategy]()
        self.n_labelled = len(pool.label_L)
        self.x_ND = np.concatenate([pool.features_LD, pool.features_PD])
        self.label_N = np.concatenate([pool.label_L, np.full(len(pool.features_PD), MISSING)])
        classifier = Given(pool, classes=list(range(pool.probs_PC.shape[1]))).fit(None, None)
        self.arguments: dict[str, Any] = {}
        if strategy in WITH_CLASSIFIER:
            self.arguments = {"clf": classifier, "fit_clf": False}
        if strategy in WITH_COMMITTEE:
            self.arguments = {"ensemble": classifier, "fit_ensemble": False}

    def ask(self, n: int) -> NDArray[np.int64]:
        """Return the positions in the pool."""
        index_Q = self.strategy.query(self.x_ND, self.label_N, batch_size=n, **self.arguments)
        return np.asarray(index_Q) - self.n_labelled
