"""Learning curves of groups of trials: means over seeds, areas under the curves, pairwise comparison."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from alframe.report.load.trials import FinishedTrial
from alframe.report.stats.compared_figures import Groups
from alframe.report.stats.pairwise_wins import Family, penalty_matrix
from alframe.report.stats.statistics import (
    FEWEST,
    Estimate,
    Points,
    aubc,
    common_points,
    common_range,
    estimate,
    tidy,
    values_at,
)

Kind = Literal["accuracy", "mislabelled"]
KINDS: tuple[Kind, ...] = ("accuracy", "mislabelled")
Curves = Mapping[str, Mapping[int, Points]]  # by group, then by seed; points (hand-label share, share)
Range = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class BandPoint:
    """A point of a group's learning curve: a hand-label share and the mean over seeds, both in [0, 1]."""

    hand_share: float
    value: Estimate


@dataclass(frozen=True, kw_only=True)
class Penalties:
    """A penalty matrix of test accuracy.

    Attributes:
        points: hand-label shares at which groups are compared.
        seeds: of the pairs.
        shares: for each group, the share of points at which it beats each other group.
        family: the tests that Holm's correction covers.
    """

    points: list[float]
    seeds: list[int]
    shares: dict[str, dict[str, float]]
    family: Family

    def mean_percent(self, name: str) -> float:
        """Return the percentage of points at which a group beats another one, as a mean over the others."""
        return 100 * sum(self.shares[name].values()) / len(self.shares[name])


def learning_curves(groups: Groups, kind: Kind) -> dict[str, dict[int, Points]]:
    """Return the learning curve of every trial, sorted by hand-label share; empty if it is unknown.

    Mislabelled curves of a group are empty if none of its trials auto-labels before the end: they would be 0
    up to the closing row.
    """
    if kind == "accuracy":
        return {
            name: {trial.seed: tidy(trial.accuracy_curve()) for trial in trials}
            for name, trials in groups.items()
        }
    informative = {name: any(trial.auto_labels_early for trial in trials) for name, trials in groups.items()}
    return {
        name: {trial.seed: tidy(trial.mislabelled_curve()) if informative[name] else [] for trial in trials}
        for name, trials in groups.items()
    }


def labelled_at_the_end(groups: Groups) -> tuple[str, ...]:
    """Return the groups with known mislabelled shares that auto-label nothing before the end."""
    return tuple(
        name
        for name, trials in groups.items()
        if not any(trial.auto_labels_early for trial in trials)
        and any(trial.mislabelled_curve() for trial in trials)
    )


def round_ends(trials: Sequence[FinishedTrial], kind: Kind) -> tuple[float, ...]:
    """Return the mean hand-label share at which each round's value lies, for rounds that all trials have."""
    curves = [
        [share for share, _ in trial.accuracy_curve()] if kind == "accuracy" else trial.round_ends()
        for trial in trials
    ]
    return tuple(fmean(shares) for shares in zip(*curves, strict=False))


def covered_range(curves: Curves) -> Range | None:
    """Return the hand-label shares that all curves of at least two points cover, or None."""
    return common_range([curve for each in curves.values() for curve in each.values() if len(curve) > 1])


def areas_under_curves(curves: Curves, stretch: Range | None) -> dict[tuple[str, int], float]:
    """Return the area under each curve that covers a range, by (group, seed)."""
    if stretch is None:
        return {}
    return {
        (name, seed): aubc(curve, *stretch)
        for name, each in curves.items()
        for seed, curve in each.items()
        if _covers(curve, stretch)
    }


def mean_curve(curves: Mapping[int, Points]) -> tuple[BandPoint, ...]:
    """Return the mean curve of one group with its intervals, over the range that all its curves cover.

    The points are the seeds' own hand-label shares if those are equal, else 20 evenly spaced ones; curves are
    straight between their points.
    """
    known = [curve for curve in curves.values() if len(curve) > 1]
    points = common_points(known)
    if not points:
        return ()
    values = zip(*(values_at(curve, points) for curve in known), strict=True)
    return tuple(
        BandPoint(hand_share=share, value=estimate(value_S))
        for share, value_S in zip(points, values, strict=True)
    )


def compare_pairs(curves: Curves, stretch: Range | None, family: Family) -> Penalties | None:
    """Return the pairwise comparison over the seeds that all groups share; None for fewer than three."""
    if stretch is None or len(curves) < 2:
        return None
    seeds = sorted(set.intersection(*(set(each) for each in curves.values())))
    own = {name: [each[seed] for seed in seeds] for name, each in curves.items()}
    own = {name: each for name, each in own.items() if all(_covers(curve, stretch) for curve in each)}
    points = common_points([curve for each in own.values() for curve in each])
    if not points or len(seeds) < FEWEST or len(own) < 2:
        return None
    values = {name: [values_at(curve, points) for curve in each] for name, each in own.items()}
    return Penalties(points=points, seeds=seeds, shares=penalty_matrix(values, family=family), family=family)


def _covers(curve: Points, stretch: Range) -> bool:
    return bool(curve) and curve[0][0] <= stretch[0] and stretch[1] <= curve[-1][0]
