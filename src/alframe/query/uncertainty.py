"""Queries by one score per sample, a partial selection instead of a sort of the pool.

Sources: least confidence, Lewis & Gale 1994; margin (breaking ties), Scheffer et al. 2001; entropy, Shannon
1948.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from alframe.config.ranges import check_fields
from alframe.core.records import Labelled, PoolScores
from alframe.core.selection import lowest
from alframe.query.base import finite


@dataclass(frozen=True, kw_only=True)
class RandomQuery:
    """Uniform: the baseline of every comparison."""

    needs: frozenset[str] = field(default=frozenset(), init=False)

    def select(self, scores: PoolScores, labelled: Labelled, n: int, generator: torch.Generator) -> Tensor:
        """Return index_Q, int64: min(n, P) random samples of the pool."""
        return scores.index_P[torch.randperm(len(scores), generator=generator)[:n]]


@dataclass(frozen=True, kw_only=True)
class LeastConfidence:
    """The samples whose most probable class is least probable.

    Attributes:
        spread: at least 1; the question is a random 1/spread of the spread * n least confident, which
            keeps near-duplicates from filling it. 1 asks the very lowest.
    """

    spread: float
    needs: frozenset[str] = field(default=frozenset(), init=False)

    def __post_init__(self) -> None:
        check_fields("query", self)

    def select(self, scores: PoolScores, labelled: Labelled, n: int, generator: torch.Generator) -> Tensor:
        """Return index_Q, int64, min(n, P) samples."""
        return scores.index_P[_spread_lowest(finite(scores, "log_odds_P"), n, self.spread, generator)]

    def value(self, scores: PoolScores) -> Tensor:
        """Return (P,) float32, the lower, the sooner asked."""
        return scores.log_odds_P


@dataclass(frozen=True, kw_only=True)
class Margin:
    """The samples whose two most probable classes are closest, measured as log(p_1st / p_2nd).

    Attributes:
        spread: as in `LeastConfidence`.
    """

    spread: float
    needs: frozenset[str] = field(default=frozenset({"margin"}), init=False)

    def __post_init__(self) -> None:
        check_fields("query", self)

    def select(self, scores: PoolScores, labelled: Labelled, n: int, generator: torch.Generator) -> Tensor:
        """Return index_Q, int64, min(n, P) samples."""
        return scores.index_P[_spread_lowest(finite(scores, "margin_P"), n, self.spread, generator)]

    def value(self, scores: PoolScores) -> Tensor:
        """Return (P,) float32, the lower, the sooner asked."""
        return finite(scores, "margin_P")


@dataclass(frozen=True, kw_only=True)
class Entropy:
    """The samples whose class probabilities have the largest entropy.

    Attributes:
        spread: as in `LeastConfidence`.
    """

    spread: float
    needs: frozenset[str] = field(default=frozenset({"entropy"}), init=False)

    def __post_init__(self) -> None:
        check_fields("query", self)

    def select(self, scores: PoolScores, labelled: Labelled, n: int, generator: torch.Generator) -> Tensor:
        """Return index_Q, int64, min(n, P) samples."""
        return scores.index_P[_spread_lowest(self.value(scores), n, self.spread, generator)]

    def value(self, scores: PoolScores) -> Tensor:
        """Return (P,) float32, the lower, the sooner asked."""
        return -finite(scores, "entropy_P")


def _spread_lowest(value_P: Tensor, n: int, spread: float, generator: torch.Generator) -> Tensor:
    candidates = lowest(value_P, max(n, round(min(spread * n, len(value_P)))))
    if len(candidates) <= n or spread == 1:
        return candidates[:n]
    return candidates[torch.randperm(len(candidates), generator=generator)[:n]]
