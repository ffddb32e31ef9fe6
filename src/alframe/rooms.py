"""What each room of a trial must be able to do, and how many samples an amount is.

A room is any object with these methods: name its class in a config group's `_target_`, from this
package or from your own.
"""

from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

from alframe.audit import Audit
from alframe.errors import ConfigError
from alframe.records import Accepted, FitReport, Labelled, PoolScores, RoundReport, Validation

# Numbers per sample that come with scoring; all else that a strategy needs is computed for its candidates.
CHEAP = frozenset({"margin", "entropy"})
# What an object in a room must have, of your own too.
MEMBERS = {
    "initial": ("select",),
    "query": ("select", "needs"),
    "auto_label": ("accept", "needs"),
    "oracle": ("label",),
    "stopping": ("reason",),
}


def check_room(group: str, room: object) -> None:
    """Raise `ConfigError` for an object that lacks what its room calls; None, nobody, lacks nothing."""
    missing = [name for name in MEMBERS[group] if not hasattr(room, name)]
    if room is not None and missing:
        hint = (
            "Write needs = frozenset() in its class where it reads logits alone."
            if missing == ["needs"]
            else ""
        )
        raise ConfigError(
            group,
            f"an object with {' and '.join(MEMBERS[group])}",
            f"{type(room).__qualname__} without {' and '.join(missing)}",
            hint,
        )


class Learner(Protocol):
    """Trains a classifier on labels and scores samples with it."""

    def fit(self, labelled: Labelled, round: int, *, final: bool = False) -> FitReport:
        """Train on the labels held; raise `TrainingDiverged` when a loss or weight is not finite.

        `final` marks the fit after the last question, whose scores decide the remainder.
        """
        ...

    def score(self, index_P: Tensor, needs: frozenset[str]) -> PoolScores:
        """Return the scores of `index_P` (int64), in that order, with the fields that `needs` names."""
        ...

    def predict_test(self) -> Tensor | None:
        """Return the predicted classes (T,) int64 of the test images, None without a test set."""
        ...


class SeedSet(Protocol):
    """Chooses what is hand labelled before the first training."""

    def select(self, index_N: Tensor, generator: torch.Generator) -> Tensor:
        """Return the int64 indices to label, out of `index_N` (int64, ascending)."""
        ...


class QueryStrategy(Protocol):
    """Chooses what to ask next; `needs` names the optional fields of `PoolScores` that it reads.

    Two methods may be left out:

    - `candidates(scores, n, generator) -> index`: out of which part of the pool it selects, for a method that
      does not scale to all of it; what it needs is computed for these alone.
    - `value(scores) -> (P,)`: the lower, the sooner asked. With it a validation set is thinned out where the
      pool was; without it, everywhere alike.
    """

    needs: frozenset[str]

    def select(self, scores: PoolScores, labelled: Labelled, n: int, generator: torch.Generator) -> Tensor:
        """Return index_Q, int64: min(n, len(scores)) different samples of the pool."""
        ...


class AutoLabelPolicy(Protocol):
    """Decides which predictions become labels.

    A policy that judges by hand labels has an attribute `validation_size`: how many samples of the pool the
    oracle is asked about for it beforehand. Those in use are passed to `accept`.
    """

    needs: frozenset[str]

    def accept(
        self, scores: PoolScores, validation: Validation | None, generator: torch.Generator
    ) -> Accepted:
        """Return the accepted samples of the pool with their labels."""
        ...


class Oracle(Protocol):
    """Answers questions."""

    def label(self, index_Q: Tensor) -> Tensor:
        """Return the int64 labels of `index_Q`, one each."""
        ...


class StoppingRule(Protocol):
    """Says when enough is labelled; sees no figure that takes the truth to know."""

    def reason(self, report: RoundReport) -> str | None:
        """Return why the rounds end after this one, or None to go on."""
        ...


@dataclass(frozen=True, kw_only=True)
class Amount:
    """How many samples: a share of a base, a number, or a rule for where neither is given.

    Attributes:
        share: in (0, 1], of `of`. num: at least 1. At most one of the two.
        default_share, default_at_least: without either, the larger of `default_share` of the data set
            and `default_at_least` samples.
        of: what a share is a share of: the unlabelled pool, or the whole data set.
        key: the config group, for messages.
    """

    share: float | None = None
    num: int | None = None
    default_share: float | None = None
    default_at_least: int = 1
    of: Literal["pool", "dataset"] = "dataset"
    key: str = "query"

    def count(self, n_dataset: int, n_pool: int) -> int:
        """Return round(share * base), or the number; it can be 0 and can exceed the pool.

        >>> Amount(share=0.01, of="pool").count(n_dataset=60_000, n_pool=30_000)
        300
        >>> Amount(num=7).count(n_dataset=60_000, n_pool=5)
        7
        """
        if self.num is not None:
            return self.num
        if self.share is not None:
            return round(self.share * (n_pool if self.of == "pool" else n_dataset))
        if self.default_share is None:
            raise ConfigError(self.key, f"{self.key}.share or {self.key}.num", hint="Give one of them.")
        return max(round(self.default_share * n_dataset), self.default_at_least)

    def first_count(self, n_dataset: int, n_pool: int) -> int:
        """Return `count`, or raise `ConfigError` when it is zero although there is something to pick."""
        n = self.count(n_dataset, n_pool)
        if n == 0 and n_pool > 0:
            base = n_pool if self.of == "pool" and self.share is not None else n_dataset
            raise ConfigError(
                f"{self.key}.share",
                f"a share that comes to at least one of {base} samples",
                self.share,
                f"Write {self.key}.share={1 / base:.2g} or more, or {self.key}.num=1.",
            )
        return n


@dataclass(frozen=True, kw_only=True)
class Rooms:
    """Everything a trial talks to. `query` and `auto_label` may be None: nobody asks, nobody accepts."""

    initial: SeedSet
    learner: Learner
    query: QueryStrategy | None
    auto_label: AutoLabelPolicy | None
    oracle: Oracle
    stopping: StoppingRule
    audit: Audit

    @property
    def pool_needs(self) -> frozenset[str]:
        """The optional scores of the whole pool: what the policy needs and what is cheap for the strategy."""
        policy = self.auto_label.needs if self.auto_label is not None else frozenset[str]()
        query = self.query.needs if self.query is not None else frozenset[str]()
        return policy | (query & CHEAP)

    @property
    def validation_size(self) -> int:
        """How many validation samples the policy and the stopping rule want, whichever wants more."""
        wanted = [getattr(room, "validation_size", 0) for room in (self.auto_label, self.stopping)]
        return max(0, *wanted)
