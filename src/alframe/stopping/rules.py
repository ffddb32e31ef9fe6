"""Stopping rules that look at one round alone: shares, rounds and budgets."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from alframe.config.ranges import check_fields
from alframe.core.protocols import StoppingRule
from alframe.core.reports import RoundReport


@dataclass(frozen=True, kw_only=True)
class UnlabelledBelow:
    """Stops when strictly less than a share of the data set is unlabelled.

    The first networks have learned from few labels, so their confidence is the least reliable. Therefore the
    rule does not stop before round `min_rounds`.

    Attributes:
        share: in [0, 1). min_rounds: at least 1.
    """

    share: float
    min_rounds: int

    def __post_init__(self) -> None:
        check_fields("stopping", self)

    def reason(self, report: RoundReport) -> str | None:
        """Return why the rounds end, or None."""
        counts = report.counts
        if report.round < self.min_rounds:
            return None
        if counts.unlabelled == 0:
            return "every sample was labelled"
        if counts.unlabelled < self.share * counts.n_samples:
            return f"less than {100 * self.share:.3g} % of the data set was left unlabelled"
        return None


@dataclass(frozen=True, kw_only=True)
class NoProgress:
    """Stops when a round asked no question and did not reduce the unlabelled samples.

    Attributes:
        min_rounds: at least 1; the rule does not stop before this round.
    """

    min_rounds: int

    def __post_init__(self) -> None:
        check_fields("stopping", self)

    def reason(self, report: RoundReport) -> str | None:
        """Return why the rounds end, or None."""
        idle = report.hand_new == 0 and report.counts.unlabelled >= report.unlabelled_before
        if idle and report.round >= self.min_rounds:
            return "the round asked no question and did not reduce the unlabelled samples"
        return None


@dataclass(frozen=True, kw_only=True)
class MaxRounds:
    """Stops after a number of rounds.

    Attributes:
        max_rounds: at least 1.
    """

    max_rounds: int

    def __post_init__(self) -> None:
        check_fields("stopping", self)

    def reason(self, report: RoundReport) -> str | None:
        """Return why the rounds end, or None."""
        if report.round >= self.max_rounds:
            return f"stopping.max_rounds={self.max_rounds} was reached"
        return None


@dataclass(frozen=True, kw_only=True)
class HandBudget:
    """Stops when the budget of hand labels is spent.

    Attributes:
        max_hand_labels: at least 1, over the whole trial.
        learn_last: True stops one round later, when a classifier has learned from the last answers too.
    """

    max_hand_labels: int
    learn_last: bool

    def __post_init__(self) -> None:
        check_fields("stopping", self)

    def reason(self, report: RoundReport) -> str | None:
        """Return why the rounds end, or None."""
        if self.learn_last and report.hand_new > 0:
            return None
        return report.budget_spent(self.max_hand_labels)


@dataclass(frozen=True, kw_only=True)
class MaxCost:
    """Stops when labels and hours of computing have cost a given amount.

    Attributes:
        max_cost: above 0, in the currency of the prices.
    """

    max_cost: float

    def __post_init__(self) -> None:
        check_fields("stopping", self)

    def reason(self, report: RoundReport) -> str | None:
        """Return why the rounds end, or None."""
        if report.cost is not None and report.cost >= self.max_cost:
            return f"stopping.max_cost={self.max_cost:g} was reached: {report.cost:.2f}"
        return None


@dataclass(kw_only=True)
class Untrusted:
    """Stops when spot checks have allowed no auto-label in a number of rounds in a row.

    Without it, a trial whose classifier cannot learn the classes would ask about every sample. It remembers
    the last round with an auto-label, so that an instance belongs to one trial.

    Attributes:
        max_untrusted_rounds: at least 1.
    """

    max_untrusted_rounds: int
    _last_trusted: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        check_fields("stopping", self)

    def reason(self, report: RoundReport) -> str | None:
        """Return why the rounds end, or None."""
        n, wrong = report.spot_checks, report.spot_checks_wrong
        if report.counts.auto_labels:
            self._last_trusted = report.round
        n_rounds = report.round - self._last_trusted
        if n is None or n_rounds < self.max_untrusted_rounds:
            return None
        return (
            f"no auto-label was trusted in {n_rounds} rounds in a row: {wrong} of {n} spot checks were wrong"
        )


@dataclass(frozen=True)
class AnyOf:
    """Stops when one of several rules stops; the rules after it do not see that round.

    Attributes:
        rules: asked in this order.
    """

    rules: Sequence[StoppingRule]

    @property
    def validation_size(self) -> int:
        """The size of the validation set: the largest that any of the rules asks for."""
        return max((getattr(rule, "validation_size", 0) for rule in self.rules), default=0)

    def reason(self, report: RoundReport) -> str | None:
        """Return the first rule's reason, or None."""
        return next((reason for rule in self.rules if (reason := rule.reason(report))), None)


def standard(
    *,
    share: float | None,
    min_rounds: int,
    max_rounds: int | None,
    max_hand_labels: int | None,
    learn_last: bool,
    max_cost: float | None,
    max_untrusted_rounds: int | None,
) -> AnyOf:
    """Return the rules of conf/stopping/standard.yaml; None switches a bound off.

    Args:
        share, min_rounds: as in `UnlabelledBelow`. max_rounds: as in `MaxRounds`.
        max_hand_labels, learn_last: as in `HandBudget`. max_cost: as in `MaxCost`.
        max_untrusted_rounds: as in `Untrusted`.

    Raises:
        ConfigError: a bound is out of range.
    """
    rules: list[StoppingRule] = [
        UnlabelledBelow(share=share or 0.0, min_rounds=min_rounds),
        NoProgress(min_rounds=min_rounds),
    ]
    if max_hand_labels is not None:
        rules.append(HandBudget(max_hand_labels=max_hand_labels, learn_last=learn_last))
    if max_cost is not None:
        rules.append(MaxCost(max_cost=max_cost))
    if max_untrusted_rounds is not None:
        rules.append(Untrusted(max_untrusted_rounds=max_untrusted_rounds))
    if max_rounds is not None:
        rules.append(MaxRounds(max_rounds=max_rounds))
    return AnyOf(tuple(rules))
