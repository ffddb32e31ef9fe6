"""A seed set with equal numbers of each class: simulation only, it looks at the truth."""

from dataclasses import dataclass

import torch
from torch import Tensor

from alframe.errors import ConfigError
from alframe.grouping import rank_within
from alframe.rooms import Amount
from alframe.selection import lowest


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
