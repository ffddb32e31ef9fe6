"""Queries by one score per sample, with a partial selection instead of a sort of the pool.

Sources: least confidence, Lewis & Gale 1994; margin (breaking ties), Scheffer et al. 2001; entropy, Shannon
1948.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

import torch
from torch import Tensor

from alframe.config.ranges import check_fields
from alframe.core.records import Labelled, PoolScores
from alframe.core.selection import lowest
from alframe.query.pool_ranking import finite
from alframe.query.power import log_closeness


@dataclass(frozen=True)
class RandomQuery:
    """Asks uniformly random samples: the baseline of every comparison."""

    needs: frozenset[str] = field(default=frozenset(), init=False)

    def select(self, scores: PoolScores, labelled: Labelled, n: int, generator: torch.Generator) -> Tensor:
        """Return (min(n, P),) int64, random data-set indices of the pool."""
        return scores.index_P[torch.randperm(len(scores), generator=generator)[:n]]


@dataclass(frozen=True, kw_only=True)
class _LowestValues(ABC):
    """Asks the samples with the lowest values; a subclass defines the value."""

    spread: float

    def __post_init__(self) -> None:
        check_fields("query", self)

    @abstractmethod
    def value(self, scores: PoolScores) -> Tensor:
        """Return (P,) float, the value that samples are ranked by."""

    def select(self, scores: PoolScores, labelled: Labelled, n: int, generator: torch.Generator) -> Tensor:
        """Return (min(n, P),) int64, the data-set indices to ask."""
        value_P = self.value(scores)
        candidates = lowest(value_P, max(n, round(min(self.spread * n, len(value_P)))))
        if len(candidates) > n and self.spread != 1:
            candidates = candidates[torch.randperm(len(candidates), generator=generator)]
        return scores.index_P[candidates[:n]]


@dataclass(frozen=True, kw_only=True)
class LeastConfidence(_LowestValues):
    """Asks samples whose most probable class is least probable.

    Attributes:
        spread: at least 1; n random ones of the spread * n least confident samples are asked, which keeps
            near-duplicates from filling a question. 1 asks the very lowest.

    Source: Lewis & Gale, A sequential algorithm for training text classifiers, SIGIR 1994.
    """

    needs: frozenset[str] = field(default=frozenset(), init=False)

    def value(self, scores: PoolScores) -> Tensor:
        """Return (P,) float32, the log-odds of the predicted class; the lower, the earlier it is asked."""
        return finite(scores, "log_odds_P")


@dataclass(frozen=True, kw_only=True)
class Margin(_LowestValues):
    """Asks samples whose two most probable classes are closest, measured as log(p_1st / p_2nd).

    The source and `ProbabilityMargin` measure p_1st - p_2nd. The two rank samples alike if there are two
    classes. With more classes, this one asks earlier about samples between many classes.

    Attributes:
        spread: at least 1; n random ones of the spread * n lowest margins are asked, which keeps
            near-duplicates from filling a question. 1 asks the very lowest.

    Source: Scheffer, Decomain & Wrobel, Active hidden Markov models for information extraction, IDA 2001.
    """

    needs: frozenset[str] = field(default=frozenset({"margin"}), init=False)

    def value(self, scores: PoolScores) -> Tensor:
        """Return (P,) float32, the margin; the lower, the earlier it is asked."""
        return finite(scores, "margin_P")


@dataclass(frozen=True, kw_only=True)
class ProbabilityMargin(_LowestValues):
    """Asks samples whose two most probable classes are closest, measured as p_1st - p_2nd.

    Attributes:
        spread: at least 1; n random ones of the spread * n lowest margins are asked, which keeps
            near-duplicates from filling a question. 1 asks the very lowest.

    Source: Scheffer, Decomain & Wrobel, Active hidden Markov models for information extraction, IDA 2001.
    """

    needs: frozenset[str] = field(default=frozenset({"margin"}), init=False)

    def value(self, scores: PoolScores) -> Tensor:
        """Return (P,) float64, -log(1 - (p_1st - p_2nd)); the lower, the earlier it is asked.

        It ranks samples as p_1st - p_2nd does, and does not saturate.
        """
        return -log_closeness(finite(scores, "log_odds_P"), finite(scores, "margin_P"))


@dataclass(frozen=True, kw_only=True)
class Entropy(_LowestValues):
    """Asks samples whose class probabilities have the largest entropy.

    Attributes:
        spread: at least 1; n random ones of the spread * n largest entropies are asked, which keeps
            near-duplicates from filling a question. 1 asks the very largest.

    Source: Shannon, A mathematical theory of communication, 1948.
    """

    needs: frozenset[str] = field(default=frozenset({"entropy"}), init=False)

    def value(self, scores: PoolScores) -> Tensor:
        """Return (P,) float32, minus the entropy; the lower, the earlier it is asked."""
        return -finite(scores, "entropy_P")
