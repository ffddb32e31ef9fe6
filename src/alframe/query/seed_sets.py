"""Seed sets: what is hand labelled before the first training."""

from dataclasses import dataclass

import torch
from torch import Tensor

from alframe.core.errors import ConfigError
from alframe.core.plan import Amount
from alframe.core.selection import lowest, rank_within


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


@dataclass(frozen=True, eq=False)
class StratifiedSeedSet:
    """Equal numbers of each class, as far as they go. Looks at the truth: for simulations only.

    Attributes:
        truth_N: (N,) int64.
    """

    amount: Amount
    truth_N: Tensor

    def __post_init__(self) -> None:
        if self.truth_N is None:
            raise ConfigError(
                "initial",
                "a data set with true labels for initial=stratified",
                hint="Write initial=typiclust or initial=random.",
            )

    def select(self, index_N: Tensor, generator: torch.Generator) -> Tensor:
        """Return random members of `index_N`, int64; no class has two more than one that has some left."""
        n = self.amount.first_count(len(index_N), len(index_N))
        shuffled_N = index_N[torch.randperm(len(index_N), generator=generator)]
        # The first of every class, then the second of every class ...: the last row, of which not all may
        # fit, is in random order.
        return shuffled_N[lowest(rank_within(self.truth_N[shuffled_N]), n)]
