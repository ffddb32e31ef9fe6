"""Power acquisition: samples drawn without replacement, with odds that are a power of one score.

The n highest of beta * log s + Gumbel noise are such a draw: the first is sample i with probability
s_i^beta / sum_j s_j^beta, and so on among the rest. This keeps near-duplicates with high scores from filling
a question. beta = 0 asks at random; the larger beta, the closer to the n highest scores.

Source: Kirsch, Farquhar, Atighehchian, Jesson, Branchaud-Charron & Gal, Stochastic batch
acquisition, TMLR 2023.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from alframe.config.ranges import check_fields
from alframe.core.records import Labelled, PoolScores
from alframe.query.disagreement import bald
from alframe.query.pool_ranking import LEAST, Subset, finite, gumbel, highest


@dataclass(frozen=True, kw_only=True)
class _Power(ABC):
    """Draws samples with odds score ** beta; a subclass defines the score."""

    beta: float

    def __post_init__(self) -> None:
        check_fields("query", self)

    @abstractmethod
    def _log_score(self, scores: PoolScores) -> Tensor:
        """Return (P,) float, the value that samples are ranked by."""

    def select(self, scores: PoolScores, labelled: Labelled, n: int, generator: torch.Generator) -> Tensor:
        """Return (min(n, P),) int64, the data-set indices to ask."""
        return scores.index_P[power_draw(self._log_score(scores), n, self.beta, generator)]


@dataclass(frozen=True, kw_only=True)
class PowerLeastConfidence(_Power):
    """Draws samples with odds (1 - p_max) ** beta.

    Attributes:
        beta: at least 0, the power; 0 asks at random.

    Source: Kirsch et al., Stochastic batch acquisition, TMLR 2023.
    """

    needs: frozenset[str] = field(default=frozenset(), init=False)

    def value(self, scores: PoolScores) -> Tensor:
        """Return (P,) float32, the lower, the earlier it is asked."""
        return scores.log_odds_P

    def _log_score(self, scores: PoolScores) -> Tensor:
        return log_error(finite(scores, "log_odds_P"))


@dataclass(frozen=True, kw_only=True)
class PowerMargin(_Power):
    """Draws samples with odds (1 - (p_1st - p_2nd)) ** beta.

    Attributes:
        beta: at least 0, the power; 0 asks at random.

    Source: Kirsch et al., Stochastic batch acquisition, TMLR 2023.
    """

    needs: frozenset[str] = field(default=frozenset({"margin"}), init=False)

    def value(self, scores: PoolScores) -> Tensor:
        """Return (P,) float64, the lower, the earlier it is asked."""
        return -self._log_score(scores)

    def _log_score(self, scores: PoolScores) -> Tensor:
        return log_closeness(finite(scores, "log_odds_P"), finite(scores, "margin_P"))


@dataclass(frozen=True, kw_only=True)
class PowerEntropy(_Power):
    """Draws samples with odds H[p] ** beta, where H is the entropy.

    Attributes:
        beta: at least 0, the power; 0 asks at random.

    Source: Kirsch et al., Stochastic batch acquisition, TMLR 2023.
    """

    needs: frozenset[str] = field(default=frozenset({"entropy"}), init=False)

    def value(self, scores: PoolScores) -> Tensor:
        """Return (P,) float32, the lower, the earlier it is asked."""
        return -finite(scores, "entropy_P")

    def _log_score(self, scores: PoolScores) -> Tensor:
        return finite(scores, "entropy_P").double().log()


@dataclass(frozen=True, kw_only=True)
class PowerBald(_Power, Subset):
    """Draws samples with odds BALD ** beta.

    Attributes:
        beta: at least 0, the power; 0 asks at random.
        max_candidates: at least 1, the size of the random part of the pool that is looked at; None takes all.

    Source: Kirsch et al., Stochastic batch acquisition, TMLR 2023.
    """

    needs: frozenset[str] = field(default=frozenset({"members"}), init=False)

    def _log_score(self, scores: PoolScores) -> Tensor:
        return bald(finite(scores, "members_PKC")).log()


def power_draw(log_score_P: Tensor, n: int, beta: float, generator: torch.Generator) -> Tensor:
    """Return (min(n, P),) int64 positions, drawn one after another with odds s^beta.

    Args:
        log_score_P: (P,) float64, log s, -inf where s is 0. n: how many. beta: >= 0. generator: P draws.
    """
    noise_P = gumbel(len(log_score_P), generator)
    # Samples with score 0 come last, in random order.
    return highest(beta * log_score_P.double().clamp_min(LEAST) + noise_P, n)


def log_error(log_odds_P: Tensor) -> Tensor:
    """Return (P,) float64, log(1 - p_max) = log sigmoid(-m), exact even if p_max rounds to 1.

    >>> round(log_error(torch.tensor([0.0, 40.0])).exp()[0].item(), 6), log_error(torch.tensor([40.0])).item()
    (0.5, -40.0)
    """
    return F.logsigmoid(-log_odds_P.double())


def log_closeness(log_odds_P: Tensor, margin_P: Tensor) -> Tensor:
    """Return (P,) float64, log(1 - (p_1st - p_2nd)).

    Computed as 1 - p_1st + p_2nd with p_2nd = p_1st * exp(-margin): two positive terms, so nothing cancels.

    Args:
        log_odds_P: (P,) float, m, the log-odds of p_1st. margin_P: (P,) float, log(p_1st / p_2nd).

    >>> m, margin = torch.tensor([0.6]).logit(), torch.tensor([0.6 / 0.3]).log()
    >>> round(log_closeness(m, margin).exp().item(), 6)
    0.7
    """
    m_P = log_odds_P.double()
    return torch.logaddexp(F.logsigmoid(-m_P), F.logsigmoid(m_P) - margin_P.double())
