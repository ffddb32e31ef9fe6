"""Auto-label policies: which predictions become labels."""

from dataclasses import dataclass, field

import torch

from alframe.confidence import logit
from alframe.config import probability
from alframe.records import Accepted, Labelled, PoolScores


@dataclass(frozen=True)
class ThresholdPolicy:
    """Accepts predictions whose probability is strictly above the upper threshold.

    Decided in log-odds, so that 0.999999 and 1 - 1e-9 mean what they say.

    Attributes:
        threshold: strictly between 0 and 1.
    """

    threshold: float
    needs: frozenset[str] = field(default=frozenset(), init=False)

    def __post_init__(self) -> None:
        probability("auto_label.threshold", self.threshold)

    def accept(self, scores: PoolScores, validation: Labelled | None, generator: torch.Generator) -> Accepted:
        """Return the samples with log-odds above logit(threshold), with their predicted class."""
        # Compared in float64: the bound itself must not be rounded to the scores' precision.
        sure_P = scores.log_odds_P.double() > logit(self.threshold)
        return Accepted(
            index_A=scores.index_P[sure_P],
            label_A=scores.predicted_P[sure_P],
            log_odds_A=scores.log_odds_P[sure_P],
            threshold=self.threshold,
        )
