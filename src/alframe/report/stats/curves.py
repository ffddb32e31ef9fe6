"""Learning curves of groups of trials: bands over seeds, areas under them, points to compare at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from alframe.report.load.trials import Trial
from alframe.report.stats.metrics import Groups
from alframe.report.stats.pairwise_wins import Family, penalty_matrix
from alframe.report.stats.statistics import (
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
Curves = Mapping[str, Mapping[int, Points]]  # by group, then by seed; a share against the hand share
Range = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class BandPoint:
    """A point of a group's learning curve: a hand share, and the mean over seeds there, both in [0, 1]."""

    hand_share: float
    value: Estimate


@dataclass(frozen=True, kw_only=True)
class Penalties:
    """A penalty matrix of test accuracy.

    Attributes:
        points: the hand shares compared at. seeds: of the pairs.
        shares: for each group the share of points at which it beats each other group.
        family: the tests that Holm's correction took together.
    """

    points: list[float]
    seeds: list[int]
    shares: dict[str, dict[str, float]]
    family: Family


def curves_of(groups: Groups, kind: Kind) -> dict[str, dict[int, Points]]:
    """Return the learning curve of every trial, in the order of hand shares; empty where nothing is known."""
    return {
        name: {
            trial.seed: tidy(trial.accuracy_curve() if kind == "accuracy" else trial.mislabelled_curve())
            for trial in trials
        }
        for name, trials in groups.items()
    }


def round_ends(trials: Sequence[Trial], kind: Kind) -> tuple[float, ...]:
    """Return the mean hand share over seeds at which each round's value stands, of rounds that all have."""
    curves = [
        [share for share, _ in trial.accuracy_curve()] if kind == "accuracy" else trial.round_ends()
        for trial in trials
    ]
    return tuple(fmean(shares) for shares in zip(*curves, strict=False))


def covered_range(curves: Curves) -> Range | None:
    """Return the hand shares that all curves cover, but for those of a single point; None for no stretch."""
    return common_range([curve for each in curves.values() for curve in each.values() if len(curve) > 1])


def areas(curves: Curves, stretch: Range | None) -> dict[tuple[str, int], float]:
    """Return the area under each curve that covers a stretch, by (group, seed)."""
    if stretch is None:
        return {}
    return {
        (name, seed): aubc(curve, *stretch)
        for name, each in curves.items()
        for seed, curve in each.items()
        if _covers(curve, stretch)
    }


def band(curves: Mapping[int, Points]) -> tuple[BandPoint, ...]:
    """Return the mean curve of one group with its intervals, where all its seeds have values.

    The points are the seeds' own hand shares where they have the same, else 20 even ones, between which the
    curves are straight.
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


def penalties(curves: Curves, stretch: Range | None, family: Family) -> Penalties | None:
    """Return who beats whom over the seeds that all groups have; None for fewer than two of those."""
    if stretch is None or len(curves) < 2:
        return None
    seeds = sorted(set.intersection(*(set(each) for each in curves.values())))
    own = {name: [each[seed] for seed in seeds] for name, each in curves.items()}
    own = {name: each for name, each in own.items() if all(_covers(curve, stretch) for curve in each)}
    points = common_points([curve for each in own.values() for curve in each])
    if not points or len(seeds) < 2 or len(own) < 2:
        return None
    values = {name: [values_at(curve, points) for curve in each] for name, each in own.items()}
    return Penalties(points=points, seeds=seeds, shares=penalty_matrix(values, family=family), family=family)


def _covers(curve: Sequence[tuple[float, float]], stretch: Range) -> bool:
    return bool(curve) and curve[0][0] <= stretch[0] and stretch[1] <= curve[-1][0]
