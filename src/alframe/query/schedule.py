"""A schedule of two query strategies: one for the first labels, the other one from then on.

Source of `query=tcm`: Doucet, Estermann, Aczel & Wattenhofer, Bridging diversity and uncertainty in active
learning with self-supervised pre-training, 2024 (arXiv 2403.03728): TypiClust first, then margin.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from alframe.config.ranges import check_fields
from alframe.core.protocols import QueryStrategy
from alframe.core.records import Labelled, PoolScores
from alframe.query.nested import on_device


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Asks as one strategy until there are enough hand labels, and as another one from then on.

    Only the needs of the strategy in force are computed.

    Attributes:
        first: the strategy while there are fewer hand labels than labels_per_class for each class. Labels of
            a validation set do not count, and they need not be evenly spread over the classes.
        then: the strategy from then on.
        labels_per_class: above 0, on average over the classes.
        n_classes: how many; the trial passes it. Without it, the classes that have a label are counted.
        device: where the strategies compute distances; the trial passes it.

    Source: Doucet, Estermann, Aczel & Wattenhofer 2024, arXiv 2403.03728.
    """

    first: QueryStrategy
    then: QueryStrategy
    labels_per_class: float
    n_classes: int | None = None
    device: torch.device | str = "cpu"

    def __post_init__(self) -> None:
        check_fields("query", self)
        for name in ("first", "then"):
            object.__setattr__(self, name, on_device(getattr(self, name), self.device))

    @property
    def needs(self) -> frozenset[str]:
        """The needs of both strategies."""
        return frozenset(self.first.needs | self.then.needs)

    def in_force(self, labelled: Labelled) -> QueryStrategy:
        """Return the strategy that these labels call for."""
        n_classes = len(labelled.label_L.unique()) if self.n_classes is None else self.n_classes
        few = int(labelled.hand_L.sum()) < self.labels_per_class * n_classes
        strategy = self.first if few else self.then
        return strategy.in_force(labelled) if isinstance(strategy, Schedule) else strategy

    def select(self, scores: PoolScores, labelled: Labelled, n: int, generator: torch.Generator) -> Tensor:
        """Return (min(n, P),) int64, the data-set indices that the strategy in force asks."""
        return self.in_force(labelled).select(scores, labelled, n, generator)
