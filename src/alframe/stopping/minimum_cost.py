"""MCAL, simplified: stop when further rounds are not predicted to end cheaper than stopping now.

A trial stops with h hand labels among N samples and gives the share theta of the other N - h samples their
predicted labels. It then costs hand_label * (h + (1 - theta)(N - h)) + auto_label * theta (N - h) + hours.
The share of its labels that is wrong is theta (N - h) / N times the error of those predictions. Future errors
are predicted by a power law in the number of labels that the classifier learns from. The simplifications are:
a power law without the source's exponential cut-off, hours that grow with the rounds instead of the labels,
no search over networks, and questions of one size.

Source: Qiu, Chintalapudi & Govindan, MCAL: minimum cost human-machine active labeling, ICLR 2023, arXiv
2006.13999.
"""

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from alframe.config.ranges import check_fields
from alframe.core.protocols import StoppingRule
from alframe.core.reports import RoundReport
from alframe.stopping.rules import AnyOf, standard

MAX_ROUNDS_AHEAD = 10_000


class PowerLaw(NamedTuple):
    """error(n) = scale * n ** exponent, with exponent <= 0."""

    scale: float
    exponent: float

    def at(self, n: Tensor) -> Tensor:
        """Return the error at n (float64, above 0), at most 1."""
        return (self.scale * n**self.exponent).clamp_max(1.0)


class Seen(NamedTuple):
    """A round that the rule has seen.

    Attributes:
        n: labels that the classifier learned from. errors: (theta, error) pairs. asked: questions.
        seconds: wall-clock time of the round.
    """

    n: int
    errors: tuple[tuple[float, float], ...]
    asked: int
    seconds: float


class Prospect(NamedTuple):
    """The cost of stopping with a number of hand labels, and the share theta that is auto-labelled then."""

    hand_labels: int
    cost: float
    theta: float


@dataclass(kw_only=True)
class MinimumCost:
    """Stops when no later round is predicted to end cheaper, within a tolerance of wrong labels.

    It remembers every round that it sees, so that an instance belongs to one trial. In each round it fits a
    power law for each share theta; an error of zero counts as half a wrong sample. It does not stop before it
    has seen two different numbers of labels, which a law needs. All samples without a hand label count as
    pool, those with an auto-label included. It only decides when to stop: the auto-label policy and the
    remainder decide which labels are accepted.

    Attributes:
        tolerance: in (0, 1), the largest share of wrong labels in the data set.
        validation_size: at least 1, how many samples the oracle labels to measure errors. If the auto-label
            policy asks for a larger validation set, both use that one, and the number of labels learned from
            is overstated by the difference.
        hand_label, auto_label: at least 0, prices of one label. hour: at least 0, price of an hour of
            computing. All in one currency.
        min_rounds: at least 1; the rule does not stop before this round.
        seen: the rounds so far, by number.

    Source: Qiu, Chintalapudi & Govindan, MCAL, ICLR 2023, arXiv 2006.13999.
    """

    tolerance: float
    validation_size: int
    hand_label: float
    auto_label: float
    hour: float
    min_rounds: int
    seen: dict[int, Seen] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        check_fields("stopping", self)

    def reason(self, report: RoundReport) -> str | None:
        """Return why the rounds end, or None."""
        counts = report.counts
        learned_from = max(1, counts.hand_labels - report.hand_new - self.validation_size)
        if report.validation_errors:
            self.seen[report.round] = Seen(
                learned_from, report.validation_errors, report.hand_new, report.seconds
            )
        laws = self.laws()
        if not laws or report.round < self.min_rounds:
            return None
        now, *later = self.prospects(laws, counts.n_samples, counts.hand_labels)
        best = min(later, key=lambda each: each.cost, default=now)
        if best.cost < now.cost:
            return None
        return (
            f"mcal: stopping is predicted to cost {now.cost:.2f}, with {100 * now.theta:.0f} % of the rest "
            "auto-labelled, and further rounds are predicted to be no cheaper"
        )

    def laws(self) -> dict[float, PowerLaw]:
        """Return the law of each share theta whose error was measured at two numbers of labels at least."""
        points: dict[float, list[tuple[int, float]]] = {}
        for seen in self.seen.values():
            for theta, error in seen.errors:
                half_a_sample = 0.5 / max(1.0, theta * self.validation_size)
                points.setdefault(theta, []).append((seen.n, max(error, half_a_sample)))
        return {theta: power_law(each) for theta, each in points.items() if len({n for n, _ in each}) >= 2}

    def prospects(self, laws: dict[float, PowerLaw], n_samples: int, hand_labels: int) -> list[Prospect]:
        """Return the cost of stopping now, and after each of the rounds to come.

        The time spent so far is not included.
        """
        asked = sum(seen.asked for seen in self.seen.values()) / len(self.seen)
        seconds = sum(seen.seconds for seen in self.seen.values()) / len(self.seen)
        rounds = 0 if asked == 0 else min(MAX_ROUNDS_AHEAD, math.floor((n_samples - hand_labels) / asked))
        ahead_R = torch.arange(rounds + 1, dtype=torch.float64)
        hand_R = hand_labels + ahead_R * asked
        theta_R = self._largest_share(laws, hand_R, n_samples)
        auto_R = theta_R * (n_samples - hand_R)
        cost_R = (
            self.hand_label * (n_samples - auto_R)
            + self.auto_label * auto_R
            + self.hour * ahead_R * seconds / 3600
        )
        columns = zip(hand_R.tolist(), cost_R.tolist(), theta_R.tolist(), strict=True)
        return [Prospect(round(hand), cost, theta) for hand, cost, theta in columns]

    def _largest_share(self, laws: dict[float, PowerLaw], hand_R: Tensor, n_samples: int) -> Tensor:
        """Return (R,), the largest theta whose wrong labels are within the tolerance, or 0."""
        left_R = n_samples - hand_R
        learned_R = (hand_R - self.validation_size).clamp_min(1.0)
        theta_R = torch.zeros_like(hand_R)
        for theta in sorted(laws):
            wrong_R = theta * left_R * laws[theta].at(learned_R)
            theta_R[wrong_R <= self.tolerance * n_samples] = theta
        return theta_R


def power_law(points: list[tuple[int, float]]) -> PowerLaw:
    """Return the law that fits (n, error) points, all above 0, by least squares of the logarithms.

    Errors that grow with n count as noise: the exponent is then 0 and the scale their geometric mean.

    >>> law = power_law([(100, 0.1), (400, 0.05)])
    >>> round(law.exponent, 9), round(law.scale, 9)
    (-0.5, 1.0)
    """
    x = torch.tensor([n for n, _ in points], dtype=torch.float64).log()
    y = torch.tensor([error for _, error in points], dtype=torch.float64).log()
    spread = float(((x - x.mean()) ** 2).sum())
    slope = float(((x - x.mean()) * (y - y.mean())).sum()) / spread if spread else 0.0
    exponent = min(0.0, slope)
    return PowerLaw(math.exp(float(y.mean()) - exponent * float(x.mean())), exponent)


def mcal(
    *,
    tolerance: float,
    validation_size: int,
    hand_label: float,
    auto_label: float,
    hour: float,
    share: float | None,
    min_rounds: int,
    max_rounds: int | None,
    max_hand_labels: int | None,
    max_cost: float | None,
) -> AnyOf:
    """Return the rules of conf/stopping/mcal.yaml: those of `standard`, then `MinimumCost`."""
    bounds = standard(
        share=share,
        min_rounds=min_rounds,
        max_rounds=max_rounds,
        max_hand_labels=max_hand_labels,
        learn_last=False,
        max_cost=max_cost,
        max_untrusted_rounds=None,
    )
    cheapest: StoppingRule = MinimumCost(
        tolerance=tolerance,
        validation_size=validation_size,
        hand_label=hand_label,
        auto_label=auto_label,
        hour=hour,
        min_rounds=min_rounds,
    )
    return AnyOf((*bounds.rules, cheapest))
