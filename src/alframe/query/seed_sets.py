"""Seed sets: the samples that are hand labelled before the first training."""

from dataclasses import dataclass

import torch
from torch import Tensor

from alframe.core.errors import ConfigError
from alframe.core.loop_plan import Amount
from alframe.core.selection import lowest, rank_within


@dataclass(frozen=True)
class FirstSeedSet:
    """Labels the first samples in file order, as in the published script.

    Attributes:
        amount: the size of the seed set.
    """

    amount: Amount

    def select(self, index_N: Tensor, generator: torch.Generator) -> Tensor:
        """Return the first of `index_N`, int64."""
        n = self.amount.first_count(len(index_N), len(index_N))
        return index_N[:n]


@dataclass(frozen=True)
class RandomSeedSet:
    """Labels samples drawn uniformly without replacement.

    Attributes:
        amount: the size of the seed set.
    """

    amount: Amount

    def select(self, index_N: Tensor, generator: torch.Generator) -> Tensor:
        """Return random members of `index_N`, int64."""
        n = self.amount.first_count(len(index_N), len(index_N))
        return index_N[torch.randperm(len(index_N), generator=generator)[:n]]


@dataclass(frozen=True, eq=False)
class StratifiedSeedSet:
    """Labels equal numbers of each class, as far as possible. It uses the truth: only for simulations.

    Attributes:
        amount: the size of the seed set.
        truth_N: (N,) int64, the true classes.
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
        """Return random members of `index_N`, int64, in equal numbers by class.

        A class gets at most one sample more than a class that still has unchosen samples.
        """
        n = self.amount.first_count(len(index_N), len(index_N))
        shuffled_N = index_N[torch.randperm(len(index_N), generator=generator)]
        # The first of every class, then the second of every class, and so on. The last of these rows may fit
        # only in part, so it is in random order.
        return shuffled_N[lowest(rank_within(self.truth_N[shuffled_N]), n)]
