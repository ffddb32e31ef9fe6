"""Seed sets: what is hand labelled before the first training."""

from dataclasses import dataclass

import torch
from torch import Tensor

from alframe.initial.stratified import StratifiedSeedSet
from alframe.initial.typiclust import TypiclustSeedSet
from alframe.rooms import Amount

__all__ = ["FirstSeedSet", "RandomSeedSet", "StratifiedSeedSet", "TypiclustSeedSet"]


@dataclass(frozen=True)
class FirstSeedSet:
    """The first samples in file order, as in the published script."""

    amount: Amount

    def select(self, index_N: Tensor, generator: torch.Generator) -> Tensor:
        """Return the first of `index_N`, int64."""
        n = self.amount.first_count(len(index_N), len(index_N))
        return index_N[:n]


@dataclass(frozen=True)
class RandomSeedSet:
    """Samples drawn uniformly without replacement."""

    amount: Amount

    def select(self, index_N: Tensor, generator: torch.Generator) -> Tensor:
        """Return random members of `index_N`, int64."""
        n = self.amount.first_count(len(index_N), len(index_N))
        return index_N[torch.randperm(len(index_N), generator=generator)[:n]]
