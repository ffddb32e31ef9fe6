"""The plan that the loop follows: amounts, costs, and which reading of the seven steps a trial takes."""

from dataclasses import dataclass
from typing import Literal

from alframe.core.errors import ConfigError
from alframe.core.ledger import LabelLedger
from alframe.core.reports import Counts


@dataclass(frozen=True, kw_only=True)
class Amount:
    """A number of samples: a share of a base, a fixed number, or a default rule if neither is given.

    Attributes:
        share: in (0, 1], of `of`. num: at least 1. At most one of the two is given.
        default_share, default_at_least: if neither is given, the amount is the larger of `default_share`
            of the data set and `default_at_least` samples.
        of: the base of a share: the unlabelled pool, the whole data set, or the answers so far, with which
            questions grow from round to round.
        key: the config group, for error messages.
    """

    share: float | None = None
    num: int | None = None
    default_share: float | None = None
    default_at_least: int = 1
    of: Literal["pool", "dataset", "labelled"] = "dataset"
    key: str = "query"

    def count(self, n_dataset: int, n_pool: int, n_answers: int = 0) -> int:
        """Return round(share * base), or the fixed number. It can be 0 and can exceed the pool.

        >>> Amount(share=0.01, of="pool").count(n_dataset=60_000, n_pool=30_000)
        300
        >>> Amount(num=7).count(n_dataset=60_000, n_pool=5)
        7
        """
        if self.num is not None:
            return self.num
        if self.share is not None:
            return round(self.share * self._base(n_dataset, n_pool, n_answers))
        if self.default_share is None:
            raise ConfigError(self.key, f"{self.key}.share or {self.key}.num", hint="Give one of them.")
        return max(round(self.default_share * n_dataset), self.default_at_least)

    def _base(self, n_dataset: int, n_pool: int, n_answers: int) -> int:
        return {"pool": n_pool, "dataset": n_dataset, "labelled": n_answers}[self.of]

    def first_count(self, n_dataset: int, n_pool: int, n_answers: int = 0) -> int:
        """Return `count`, or raise `ConfigError` if it is zero although the pool is not empty."""
        n = self.count(n_dataset, n_pool, n_answers)
        if n == 0 and n_pool > 0:
            base = n_dataset if self.share is None else self._base(n_dataset, n_pool, n_answers)
            raise ConfigError(
                f"{self.key}.share",
                f"a share that comes to at least one of {base} samples",
                self.share,
                f"Write {self.key}.share={1 / base:.2g} or more, or {self.key}.num=1.",
            )
        return n


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Prices, all in one currency.

    Attributes:
        hand_label: price of one answer. auto_label: price of one predicted label. hour: price of one hour
            of computing.
    """

    hand_label: float
    auto_label: float
    hour: float

    def total(self, counts: Counts, seconds: float) -> float:
        """Return the cost of the labels so far and of the seconds spent.

        >>> from alframe.core.reports import Counts
        >>> counts = Counts(n_samples=9, hand_labels=5, auto_labels=4, unlabelled=0, mislabelled=None,
        ...                 mislabelled_share=None, auto_label_error=None)
        >>> Cost(hand_label=0.04, auto_label=0.0, hour=2.0).total(counts, seconds=1800)
        1.2
        """
        labels = self.hand_label * counts.hand_labels + self.auto_label * counts.auto_labels
        return labels + self.hour * seconds / 3600


@dataclass(frozen=True, kw_only=True)
class LoopPlan:
    """The reading of the seven steps that a trial follows.

    Attributes:
        seed: the trial's seed.
        question: how many samples to ask for in a round.
        keep: "permanent" keeps auto-labels for good; "rejudge" withdraws them each round and decides anew.
        order: which picks first in a round: "auto_first" or "hand_first".
        remainder: what happens to the samples left at the end: "hand", "auto" or "leave".
        cost: prices of labels and hours.
        max_hand_labels: upper limit of hand labels over the whole trial, None for no limit.
        num_check: the most questions of the check of the auto-labels at the end, 0 without one.
        final_fit: whether to train once more after the last question, before the remainder is decided.
    """

    seed: int
    question: Amount
    keep: Literal["permanent", "rejudge"]
    order: Literal["auto_first", "hand_first"]
    remainder: Literal["hand", "auto", "leave"]
    cost: Cost
    max_hand_labels: int | None = None
    num_check: int = 0
    final_fit: bool = False

    def affordable(self, n: int, ledger: LabelLedger, kept: int = 0) -> int:
        """Return how many of `n` questions the budget of hand labels still allows if `kept` are kept back."""
        if self.max_hand_labels is None:
            return n
        return max(0, min(n, self.max_hand_labels - kept - ledger.n_answers))

    def kept_for_check(self, ledger: LabelLedger) -> int:
        """Return the hand labels of the budget that are kept for the check; see `share_of_check`."""
        return self.share_of_check(int((ledger.round_N == 0).sum()))

    def share_of_check(self, n_before: int) -> int:
        """Return how much of a budget is kept for the check: at most half of what the first labels leave.

        Args:
            n_before: hand labels of round 0, the seed set and the validation set.
        """
        if self.max_hand_labels is None:
            return 0
        return min(self.num_check, max(0, self.max_hand_labels - n_before) // 2)

    def most_answers(self, n_samples: int, *, asked: int, n_rounds: int | None, after: int) -> int:
        """Return the most answers that can be asked in all, the samples themselves at most.

        Args:
            n_samples: of the data set. asked: those asked for so far.
            n_rounds: that can follow with a question, None without a limit. after: of audits at the end.

        >>> plan = LoopPlan(seed=0, question=Amount(num=10), keep="rejudge", order="auto_first",
        ...                 remainder="auto", cost=Cost(hand_label=0, auto_label=0, hour=0))
        >>> plan.most_answers(2000, asked=20, n_rounds=5, after=100)
        170
        """
        bounds = [n_samples] if self.max_hand_labels is None else [n_samples, self.max_hand_labels]
        if self.remainder != "hand" and n_rounds is not None:
            most = asked
            for _ in range(n_rounds):  # a share of the pool is at most that of all samples
                most = min(n_samples, most + self.question.count(n_samples, n_samples, most))
            bounds.append(most + after)
        return min(bounds)
