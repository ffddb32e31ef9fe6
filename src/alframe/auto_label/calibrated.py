"""A validated threshold on probabilities that were put right by one temperature.

Source: Guo et al., On calibration of modern neural networks, ICML 2017, section 4.2.
"""

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from alframe.auto_label.base import check_finite, check_needed
from alframe.auto_label.validated import Learned, ValidatedPolicy, part
from alframe.core.records import PoolScores, Validation

HALVINGS = 60  # of an interval of a few units: to the last bit of float64


@dataclass(frozen=True, kw_only=True)
class CalibratedPolicy(ValidatedPolicy):
    """`ValidatedPolicy` on log_probs / T, with T fitted on a part of the validation set, anew each round.

    With two classes, or without a threshold that is shared by classes, this orders samples as before; with
    more, two samples of one log-odds can part. The labels' recorded log-odds stay the classifier's.

    Attributes:
        calibration_share: of the validation set, for the temperature; the rest sets the threshold.
        max_temperature: above 1; T lies between its inverse and it.
    """

    calibration_share: float
    max_temperature: float
    needs: frozenset[str] = field(default=frozenset({"log_probs"}), init=False)

    def learn(self, validation: Validation, generator: torch.Generator) -> Learned:
        """Return the log-odds at the temperature of a random part of the validation set."""
        fits_V = part(len(validation), self.calibration_share, generator)
        log_probs_VC = self._log_probs(validation.scores)
        heat = temperature(log_probs_VC[fits_V], validation.label_V[fits_V], most=self.max_temperature)

        def confidence(scores: PoolScores) -> Tensor:
            return log_odds_of(self._log_probs(scores) / heat, scores.predicted_P)

        return Learned(confidence, ~fits_V)

    def _log_probs(self, scores: PoolScores) -> Tensor:
        """Return (P, C) float64."""
        check_needed(self, log_probs=scores.log_probs_PC)
        assert scores.log_probs_PC is not None
        check_finite("log-probabilities", scores.log_probs_PC, scores.index_P)
        return scores.log_probs_PC.double()


def temperature(logits_VC: Tensor, label_V: Tensor, *, most: float) -> float:
    """Return the T in [1 / most, most] at which logits / T are most likely, 1 without a sample.

    The likelihood is concave in 1 / T, so its slope is followed by bisection.

    Args:
        logits_VC: (V, C) float64, logits or log-probabilities. label_V: int64. most: above 1.

    >>> logits = torch.tensor([[math.log(9.0), 0.0]] * 4, dtype=torch.float64)  # 0.9, and 3 of 4 right
    >>> round(temperature(logits, torch.tensor([0, 0, 0, 1]), most=100.0), 9)  # log 9 / log 3
    2.0
    """
    if len(label_V) == 0:
        return 1.0
    low, high = -math.log(most), math.log(most)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if _falls_with_heat(logits_VC, label_V, math.exp(middle)):
            high = middle
        else:
            low = middle
    return math.exp((low + high) / 2)


def _falls_with_heat(logits_VC: Tensor, label_V: Tensor, heat: float) -> bool:
    """Return whether the likelihood is past its maximum over T: logits of labels above their expectation."""
    expected_V = ((logits_VC / heat).softmax(dim=1) * logits_VC).sum(dim=1)
    return float((logits_VC.gather(1, label_V[:, None]).squeeze(1) - expected_V).sum()) >= 0


def log_odds_of(logits_PC: Tensor, class_P: Tensor) -> Tensor:
    """Return (P,) the log-odds of the probability of one class each, which need not be the largest.

    >>> log_odds_of(torch.tensor([[3.0, 1.0]]), torch.tensor([1])).tolist()
    [-2.0]
    """
    if len(logits_PC) == 0:
        return torch.empty(0, dtype=logits_PC.dtype)
    own_P = logits_PC.gather(1, class_P[:, None]).squeeze(1)
    return own_P - logits_PC.scatter(1, class_P[:, None], -math.inf).logsumexp(dim=1)
