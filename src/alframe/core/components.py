"""The components of a trial: everything that the loop calls."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from alframe.core.protocols import (
    CHEAP,
    AutoLabelPolicy,
    Certifier,
    Checker,
    Evaluator,
    Learner,
    Oracle,
    QueryStrategy,
    SeedSet,
    StoppingRule,
)


@dataclass(frozen=True, kw_only=True)
class Components:
    """The components of a trial.

    `query` is None if no question is asked, `auto_label` if nothing is auto-labelled, `certifier` if no
    certificate is wanted, `checker` if the auto-labels are not checked. `copies` returns int64, for each
    sample the first one with an equal image, or None if no two images are equal.
    """

    initial: SeedSet
    learner: Learner
    query: QueryStrategy | None
    auto_label: AutoLabelPolicy | None
    oracle: Oracle
    stopping: StoppingRule
    evaluator: Evaluator
    certifier: Certifier | None = None
    checker: Checker | None = None
    copies: Callable[[], Tensor | None] | None = None

    @property
    def pool_needs(self) -> frozenset[str]:
        """The optional scores of the whole pool: the policy's needs and the cheap needs of the strategy."""
        policy = self.auto_label.needs if self.auto_label is not None else frozenset[str]()
        query = self.query.needs if self.query is not None else frozenset[str]()
        return policy | (query & CHEAP)

    @property
    def validation_size(self) -> int:
        """The size of the validation set: the larger of the policy's and the stopping rule's."""
        wanted = [getattr(component, "validation_size", 0) for component in (self.auto_label, self.stopping)]
        return max(0, *wanted)
