"""Groups of trials compared: means, paired differences, curves, the Pareto front; pure data, no text."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from alframe.core.errors import UserError
from alframe.report.load.trials import Trial
from alframe.report.numbers import some
from alframe.report.stats.curves import (
    KINDS,
    BandPoint,
    Curves,
    Kind,
    Penalties,
    Range,
    areas,
    band,
    covered_range,
    curves_of,
    penalties,
    round_ends,
)
from alframe.report.stats.metrics import CERTIFICATES, RESULTS, TIMES, Figure, Groups, by_seed, mean, means
from alframe.report.stats.pairwise_wins import Family
from alframe.report.stats.statistics import Comparison, Estimate, compare, holm

FEW_SEEDS = 5
BASELINES = ("random", "none")
_AREAS = {"accuracy": "AUBC test accuracy, %", "mislabelled": "AUBC mislabelled, %"}

Means = Mapping[str, Mapping[str, Estimate | None]]  # by group, then by figure


@dataclass(frozen=True, kw_only=True)
class Difference:
    """How a group differs from the baseline over the seeds of both; p_holm over the groups of a column."""

    comparison: Comparison
    p_holm: float | None


@dataclass(frozen=True, kw_only=True)
class Certified:
    """The certificates of a group: how many of its trials have one, how many reached it, means over them."""

    n: int
    reached: int
    means: Mapping[str, Estimate | None]


@dataclass(frozen=True, kw_only=True)
class GroupComparison:
    """Everything that a report says about several groups.

    Attributes:
        seeds: of each group. figures: the columns, by key.
        means: of each group and figure, in the figure's unit.
        baseline: a group's name; None where none is one by itself and every group has a single seed.
        differences: of each figure and each other group from the baseline.
        ranges: the hand shares that the areas are over, None where the trials share none.
        curves: learning curves of each group that has any. rounds: the hand shares at which its rounds ended,
            means over seeds; accuracy stands at the share a round's classifier was trained after.
        penalties: who beats whom; None where not known.
        front: groups that none beats in both the means of hand share and mislabelled share, by hand share.
        certified: of the groups with certificates. times: as means.
        warnings: what must be said before any of it is believed, a sentence each.
    """

    seeds: Mapping[str, list[int]]
    figures: Mapping[str, Figure]
    means: Means
    baseline: str | None
    differences: Mapping[str, Mapping[str, Difference]]
    ranges: Mapping[Kind, Range | None]
    curves: Mapping[Kind, Mapping[str, tuple[BandPoint, ...]]]
    rounds: Mapping[Kind, Mapping[str, tuple[float, ...]]]
    penalties: Penalties | None
    front: tuple[str, ...]
    certified: Mapping[str, Certified]
    times: Means
    warnings: tuple[str, ...]


def compare_groups(groups: Groups, against: str | None = None, family: Family = "matrix") -> GroupComparison:
    """Return the comparison of groups of trials.

    Args:
        groups: at least one, each of trials with different seeds.
        against: the baseline; None takes one whose name begins with random or none, else the first, which
            of groups that have a single seed each would say nothing.
        family: the tests of the penalty matrix that are corrected together, see `penalty_matrix`.

    Raises:
        UserError: no group is called `against`.
    """
    baseline = _baseline(groups, against)
    curves = {kind: curves_of(groups, kind) for kind in KINDS}
    ranges = {kind: covered_range(curves[kind]) for kind in KINDS}
    figures = _figures(groups, curves, ranges)
    told = means(figures, groups)
    seeds = {name: [trial.seed for trial in trials] for name, trials in groups.items()}
    bands = {kind: {name: band(each) for name, each in curves[kind].items()} for kind in KINDS}
    return GroupComparison(
        seeds=seeds,
        figures=figures,
        means=told,
        baseline=baseline,
        differences={
            key: {} if baseline is None else _differences(figure, groups, baseline)
            for key, figure in figures.items()
        },
        ranges=ranges,
        curves={kind: {name: points for name, points in bands[kind].items() if points} for kind in KINDS},
        rounds={kind: {name: round_ends(trials, kind) for name, trials in groups.items()} for kind in KINDS},
        penalties=penalties(curves["accuracy"], ranges["accuracy"], family),
        front=front(told),
        certified=_certified(groups),
        times=means(TIMES, groups),
        warnings=tuple(_warnings(seeds)),
    )


def front(told: Means) -> tuple[str, ...]:
    """Return the groups whose (hand share, mislabelled share) no other group is at or below in both.

    They come in the order of their hand shares; a group without a known mislabelled share takes no part.
    """
    points = {
        name: (hand.mean, wrong.mean)
        for name, row in told.items()
        if (hand := row.get("hand_share")) is not None and (wrong := row.get("mislabelled_share")) is not None
    }
    kept = [
        name
        for name, (hand, wrong) in points.items()
        if not any(
            other[0] <= hand and other[1] <= wrong and other != (hand, wrong) for other in points.values()
        )
    ]
    return tuple(sorted(kept, key=lambda name: points[name]))


def _baseline(groups: Groups, asked: str | None) -> str | None:
    if asked is not None and asked not in groups:
        raise UserError(f"--against: expected one of {some(list(groups), 20)}, got {asked}.")
    likely = (name for each in BASELINES for name in groups if name.split(", ")[0] == each)
    single = all(len(trials) == 1 for trials in groups.values())
    return asked or next(likely, None if single else next(iter(groups)))


def _figures(
    groups: Groups, curves: Mapping[Kind, Curves], ranges: Mapping[Kind, Range | None]
) -> dict[str, Figure]:
    names = {trial.directory: name for name, trials in groups.items() for trial in trials}

    def reader(area: Mapping[tuple[str, int], float]) -> Callable[[Trial], float | None]:
        return lambda trial: area.get((names[trial.directory], trial.seed))

    of_areas = {
        f"aubc_{kind}": Figure(title=_AREAS[kind], read=reader(areas(curves[kind], ranges[kind])), decimals=3)
        for kind in KINDS
    }
    return {**RESULTS, **of_areas, "seconds": TIMES["seconds"]}


def _differences(figure: Figure, groups: Groups, baseline: str) -> dict[str, Difference]:
    base = by_seed(figure, groups[baseline])
    told = {}
    for name, trials in groups.items():
        values = by_seed(figure, trials)
        shared = sorted(values.keys() & base.keys())
        if name != baseline and shared:
            told[name] = compare([values[seed] for seed in shared], [base[seed] for seed in shared])
    tested = {name: each.p for name, each in told.items() if each.p is not None}
    corrected = dict(zip(tested, holm(list(tested.values())), strict=True))
    return {name: Difference(comparison=each, p_holm=corrected.get(name)) for name, each in told.items()}


def _certified(groups: Groups) -> dict[str, Certified]:
    told = {}
    for name, trials in groups.items():
        own = [trial for trial in trials if trial.summary.get("certificate")]
        if own:
            reached = sum(bool(trial.summary["certificate"].get("reached")) for trial in own)
            figures = {key: mean(figure, own) for key, figure in CERTIFICATES.items()}
            told[name] = Certified(n=len(own), reached=reached, means=figures)
    return told


def _warnings(seeds: Mapping[str, list[int]]) -> list[str]:
    told = []
    few = [name for name, each in seeds.items() if len(each) < FEW_SEEDS]
    if few:
        who = "every group" if len(few) == len(seeds) and len(few) > 1 else some(few, 5)
        told.append(
            f"Fewer than {FEW_SEEDS} seeds for {who}. Three seeds can rank a strategy on either side of "
            "random."
        )
    if len({tuple(each) for each in seeds.values()}) > 1:
        told.append("Not every group has the same seeds; differences are over the seeds of both.")
    return told
