"""A validated threshold on probabilities that are calibrated by one temperature.

Source: Guo et al., On calibration of modern neural networks, ICML 2017, section 4.2.
"""

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from alframe.auto_label.accept import check_finite, check_needed
from alframe.auto_label.validated import Learned, ValidatedPolicy, random_mask
from alframe.core.log_odds import temperature
from alframe.core.records import PoolScores, Validation


@dataclass(frozen=True, kw_only=True)
class CalibratedPolicy(ValidatedPolicy):
    """Accepts as `ValidatedPolicy` does, but orders predictions by log_probs / T, a calibrated confidence.

    T is fitted in each round on a part of the validation set. It changes the order of the samples only with
    more than two classes: two samples with the same log-odds may then get different ones. The labels are
    recorded with the log-odds of the classifier. The other settings are those of `ValidatedPolicy`.

    Attributes:
        calibration_share: in (0, 1), the part of the validation set that fits T; the rest sets the threshold.
        max_temperature: above 1; T lies in [1 / max_temperature, max_temperature].

    Source: Guo et al., On calibration of modern neural networks, ICML 2017, section 4.2.
    """

    calibration_share: float
    max_temperature: float
    needs: frozenset[str] = field(default=frozenset({"log_probs"}), init=False)

    def learn(self, validation: Validation, generator: torch.Generator) -> Learned:
        """Return the log-odds at the temperature that fits a random part of the validation set best."""
        fits_V = random_mask(len(validation), self.calibration_share, generator)
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


def log_odds_of(logits_PC: Tensor, class_P: Tensor) -> Tensor:
    """Return (P,), the log-odds of one class for each sample, which need not be the most probable.

    >>> log_odds_of(torch.tensor([[3.0, 1.0]]), torch.tensor([1])).tolist()
    [-2.0]
    """
    if len(logits_PC) == 0:
        return torch.empty(0, dtype=logits_PC.dtype)
    own_P = logits_PC.gather(1, class_P[:, None]).squeeze(1)
    return own_P - logits_PC.scatter(1, class_P[:, None], -math.inf).logsumexp(dim=1)
