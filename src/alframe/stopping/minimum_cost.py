"""When going on is not predicted to be cheaper than stopping: MCAL, simplified.

A trial that stops with h hand labels among N samples and gives the share theta of the other N - h their
predicted labels costs hand_label * (h + (1 - theta)(N - h)) + auto_label * theta (N - h) + hours, and theta
(N - h) / N times the error of that share of its labels are wrong. The errors to come are read off a power law
in the labels learned from. Simplified against the source: a power law without its exponential cut-off, hours
that grow with the rounds instead of with the labels, no search over networks, and questions of one size.

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
from alframe.core.records import RoundReport
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
    """A round as the rule remembers it: labels learned from, (theta, error) pairs, questions, seconds."""

    n: int
    errors: tuple[tuple[float, float], ...]
    asked: int
    seconds: float


class Prospect(NamedTuple):
    """Stopping with some number of hand labels: what it costs then, and the share that is auto-labelled."""

    hand_labels: int
    cost: float
    theta: float


@dataclass(kw_only=True)
class MinimumCost:
    """Stops when no later round is predicted to end cheaper within the tolerance than this one.

    It remembers every round that it was asked about, once each: an instance belongs to one trial. The law is
    fitted anew each round, for each share theta; an error of zero counts as half a wrong sample. With fewer
    than two different numbers of labels there is no law and no stop. Everything without a hand label counts
    as pool, auto-labels that stand too. It says when to stop and names the share that it reckons with; which
    labels are accepted is up to the trial's auto-label policy and its remainder.

    Attributes:
        tolerance: wrong labels at most, as a share of the data set.
        validation_size: samples that the oracle labels to measure errors; where the auto-label policy asks
            for more, they serve both, and the labels learned from are overstated by the difference.
        hand_label, auto_label, hour: prices.
        min_rounds: no stop before this round.
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
            f"mcal: labels for {now.cost:.2f} are predicted to do, with {100 * now.theta:.0f} % of the rest "
            "auto-labelled, and going on is predicted to be no cheaper"
        )

    def laws(self) -> dict[float, PowerLaw]:
        """Return the law of each share theta that was measured at two numbers of labels at least."""
        points: dict[float, list[tuple[int, float]]] = {}
        for seen in self.seen.values():
            for theta, error in seen.errors:
                half_a_sample = 0.5 / max(1.0, theta * self.validation_size)
                points.setdefault(theta, []).append((seen.n, max(error, half_a_sample)))
        return {theta: power_law(each) for theta, each in points.items() if len({n for n, _ in each}) >= 2}

    def prospects(self, laws: dict[float, PowerLaw], n_samples: int, hand_labels: int) -> list[Prospect]:
        """Return what stopping costs with the hand labels of now, and after each of the rounds to come.

        Seconds that were spent already are in none of them.
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
        """Return (R,) the largest theta whose wrong labels are within the tolerance, 0 where none is."""
        left_R = n_samples - hand_R
        learned_R = (hand_R - self.validation_size).clamp_min(1.0)
        theta_R = torch.zeros_like(hand_R)
        for theta in sorted(laws):
            wrong_R = theta * left_R * laws[theta].at(learned_R)
            theta_R[wrong_R <= self.tolerance * n_samples] = theta
        return theta_R


def power_law(points: list[tuple[int, float]]) -> PowerLaw:
    """Return the law through (n, error) points, all above 0, by least squares of the logarithms.

    Errors that grow with n are noise: then the exponent is 0 and the scale their geometric mean.

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
    """Return the rules of conf/stopping/mcal.yaml: the standard ones, and `MinimumCost`."""
    usual = standard(
        share=share,
        min_rounds=min_rounds,
        max_rounds=max_rounds,
        max_hand_labels=max_hand_labels,
        learn_last=False,
        max_cost=max_cost,
    )
    cheapest: StoppingRule = MinimumCost(
        tolerance=tolerance,
        validation_size=validation_size,
        hand_label=hand_label,
        auto_label=auto_label,
        hour=hour,
        min_rounds=min_rounds,
    )
    return AnyOf((*usual.rules, cheapest))
