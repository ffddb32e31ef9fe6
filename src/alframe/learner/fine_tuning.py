"""A learner on vectors whose last fit fine-tunes the encoder from the images.

Axes: L the labelled, P the samples to score, T the test images, V the labels that calibrate.
"""

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from alframe.core.log_odds import temperature
from alframe.core.records import Labelled, PoolScores
from alframe.core.reports import FitReport
from alframe.core.seeds import derive_generator
from alframe.learner.heads import MAX_TEMPERATURE
from alframe.learner.learner import CNNLearner

LEAST_HELD_OUT = 10  # fewer labels give no useful temperature


@dataclass(kw_only=True, eq=False)
class FineTuningLearner:
    """Trains heads on vectors in the rounds; the last fit trains the encoder, and this network scores then.

    Attributes:
        heads: learns from the vectors.
        images: learns from the images; its network contains the newest head of `heads`.
        held_out: share of the hand labels that the last fit does not learn from. They set the temperature.
        seed: the trial's seed.
    """

    heads: CNNLearner
    images: CNNLearner
    held_out: float
    seed: int

    def __post_init__(self) -> None:
        self._is_final = False

    @property
    def _now(self) -> CNNLearner:
        return self.images if self._is_final else self.heads

    def state_dict(self) -> dict[str, Any]:
        """Return the states of both learners; that of the network on images only after the last fit."""
        images = self.images.state_dict() if self._is_final else None
        return {"heads": self.heads.state_dict(), "images": images}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state that `state_dict` returned."""
        self.heads.load_state_dict(state["heads"])
        self._is_final = state["images"] is not None
        if self._is_final:
            self.images.load_state_dict(state["images"])

    def fit(self, labelled: Labelled, round: int, *, final: bool = False) -> FitReport:
        """Train a head on vectors, or in the last fit the encoder and the newest head on images.

        Raises:
            TrainingDiverged: the loss or a weight is NaN or infinite.
        """
        if not final:
            self._is_final = False
            return self.heads.fit(labelled, round)
        if self._is_final:  # restored after this fit
            return self.images.fit(labelled, round)
        self._is_final = True
        learned, held_out_V, label_V = self._split(labelled, round)
        report = self.images.fit(learned, round)
        if len(label_V):
            log_probs_VC = self.images.score(held_out_V, frozenset({"log_probs"})).log_probs_PC
            assert log_probs_VC is not None
            self.images.divide_logits(temperature(log_probs_VC.double(), label_V, most=MAX_TEMPERATURE))
        return report

    def _split(self, labelled: Labelled, round: int) -> tuple[Labelled, Tensor, Tensor]:
        """Return the labels to learn from, and the indices and labels of the hand labels held out."""
        hand = labelled.hand_L.nonzero().flatten()
        n = _enough(self.held_out * len(hand))
        order = torch.randperm(len(hand), generator=derive_generator(self.seed, round, "held_out"))
        out_V = hand[order[:n]].sort().values
        learned_L = torch.full((len(labelled),), True)
        learned_L[out_V] = False
        fields = ("index_L", "label_L", "hand_L")
        learned = replace(labelled, **{name: getattr(labelled, name)[learned_L] for name in fields})
        return learned, labelled.index_L[out_V], labelled.label_L[out_V]

    def score(self, index_P: Tensor, needs: frozenset[str]) -> PoolScores:
        """Return the scores of `index_P` by the newest head, or after the last fit by the trained encoder."""
        return self._now.score(index_P, needs)

    def predict_test(self) -> Tensor | None:
        """Return the predicted class of each test image: (T,) int64, CPU; None without a test set."""
        return self._now.predict_test()


def _enough(n: float) -> int:
    """Return the whole number of labels to hold out, 0 if they are too few."""
    return round(n) if round(n) >= LEAST_HELD_OUT else 0
