"""Refine: several strategies filter the pool, and a last strategy selects from what is left.

Axes: P the pool, R the samples that the filter keeps, Q the queried.

Source: Huseljic, Herde, Rauch, Hahn & Sick, Cleaning the pool: progressive filtering of unlabeled pools in
deep active learning, CVPR 2026 (arXiv 2511.22344), and the authors' code (dal-toolbox). The pool is filtered
several times. Each time, each strategy selects several batches, each from another random part of the pool.
The union of these batches is the pool for the next time. At the end, a strategy for coverage selects the
samples to ask.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from alframe.core.protocols import QueryStrategy
from alframe.core.records import Labelled, PoolScores
from alframe.core.selection import among
from alframe.query.nested import on_device
from alframe.query.pool_ranking import Subset


@dataclass(frozen=True, kw_only=True)
class Refine(Subset):
    """Asks the samples that one strategy selects from those that several other strategies have selected.

    Attributes:
        max_candidates: at least 1, the size of the random part of the pool that is looked at; None takes all.
        strategies: one or more that filter the pool.
        cover: the strategy that selects the samples to ask.
        rounds: at least 1, how many times the pool is filtered.
        batches: at least 1, how many batches each strategy selects each time.
        first_drawn: at least 1, the size of a random part of the pool the first time.
        drawn_share: in (0, 1], this size the other times, as a share of the samples that are left.
        max_kept: at least 1; if the batches have more samples, so many random ones of them are kept.
        device: where distances are computed; the trial passes it.

    Source: Huseljic, Herde, Rauch, Hahn & Sick, CVPR 2026, arXiv 2511.22344.
    """

    strategies: Sequence[QueryStrategy]
    cover: QueryStrategy
    rounds: int
    batches: int
    first_drawn: int
    drawn_share: float
    max_kept: int

    def __post_init__(self) -> None:
        super().__post_init__()
        judges = tuple(on_device(each, self.device) for each in self.strategies)
        object.__setattr__(self, "strategies", judges)
        object.__setattr__(self, "cover", on_device(self.cover, self.device))

    @property
    def needs(self) -> frozenset[str]:
        """The needs of all strategies."""
        return frozenset().union(self.cover.needs, *(each.needs for each in self.strategies))

    def select(self, scores: PoolScores, labelled: Labelled, n: int, generator: torch.Generator) -> Tensor:
        """Return (min(n, P),) int64, the data-set indices to ask."""
        n = min(n, len(scores))
        n_drawn = self.first_drawn
        for _ in range(self.rounds if n else 0):
            asked = [
                strategy.select(_random_part(scores, max(n, n_drawn), generator), labelled, n, generator)
                for strategy in self.strategies
                for _ in range(self.batches)
            ]
            kept = scores.at(among(scores.index_P, torch.cat(asked)))
            scores = _random_part(kept, max(n, self.max_kept), generator)
            n_drawn = round(self.drawn_share * len(scores))
        return self.cover.select(scores, labelled, n, generator)


def _random_part(scores: PoolScores, n: int, generator: torch.Generator) -> PoolScores:
    """Return the scores of n random samples in their order, or of all."""
    if n >= len(scores):
        return scores
    return scores.at(torch.randperm(len(scores), generator=generator)[:n].sort().values)
