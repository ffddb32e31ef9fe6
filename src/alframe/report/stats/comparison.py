"""The comparison of groups of trials: means, paired differences, curves, Pareto front. Data only, no text."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from alframe.core.errors import UserError
from alframe.report.formatting import some
from alframe.report.load.trials import FinishedTrial
from alframe.report.stats.class_figures import class_figures
from alframe.report.stats.compared_figures import (
    CERTIFICATES,
    RESULTS,
    TIMES,
    Figure,
    Groups,
    by_seed,
    mean,
    means,
)
from alframe.report.stats.curves import (
    KINDS,
    BandPoint,
    Curves,
    Kind,
    Penalties,
    Range,
    areas_under_curves,
    compare_pairs,
    covered_range,
    labelled_at_the_end,
    learning_curves,
    mean_curve,
    round_ends,
)
from alframe.report.stats.pairwise_wins import Family
from alframe.report.stats.statistics import Comparison, Estimate, holm, paired_comparison

FEW_SEEDS = 5
BASELINES = ("random", "none")
_AREAS = {"accuracy": "AUBC test accuracy, %", "mislabelled": "AUBC mislabelled, %"}

GroupMeans = Mapping[str, Mapping[str, Estimate | None]]  # by group, then by figure


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A group's difference from the baseline over shared seeds; p_holm is corrected over the groups."""

    comparison: Comparison
    p_holm: float | None


@dataclass(frozen=True, kw_only=True)
class Certified:
    """The certificates of a group: the number of trials with one, how many reached it, and means."""

    n: int
    reached: int
    means: Mapping[str, Estimate | None]


@dataclass(frozen=True, kw_only=True)
class GroupComparison:
    """All figures of a report on several groups.

    Attributes:
        seeds: of each group.
        figures: the columns, by key.
        means: of each group and figure, in the figure's unit.
        baseline: name of a group; None if none was chosen and every group has a single seed.
        differences: of each figure and each other group from the baseline.
        ranges: the hand-label shares over which areas are computed; None if the trials share no range.
        curves: learning curves of the groups that have one.
        labelled_at_the_end: groups that auto-label nothing before the end and so have no mislabelled curve.
        rounds: mean hand-label share at the end of each round; for accuracy, the share the classifier was
            trained with.
        penalties: the pairwise comparison of test accuracy, or None.
        front: the groups that no other group beats in both hand-label share and mislabelled share, sorted by
            hand-label share.
        classes: the columns of single classes, by name, if the classes are unequal. class_means: their means.
        certified: the groups with certificates.
        times: means of the seconds per trial, in the form of `means`.
        warnings: sentences to read before the figures.
    """

    seeds: Mapping[str, list[int]]
    figures: Mapping[str, Figure]
    means: GroupMeans
    baseline: str | None
    differences: Mapping[str, Mapping[str, Difference]]
    ranges: Mapping[Kind, Range | None]
    curves: Mapping[Kind, Mapping[str, tuple[BandPoint, ...]]]
    labelled_at_the_end: tuple[str, ...]
    rounds: Mapping[Kind, Mapping[str, tuple[float, ...]]]
    penalties: Penalties | None
    front: tuple[str, ...]
    classes: Mapping[str, Figure]
    class_means: GroupMeans
    certified: Mapping[str, Certified]
    times: GroupMeans
    warnings: tuple[str, ...]


def compare_groups(groups: Groups, against: str | None = None, family: Family = "matrix") -> GroupComparison:
    """Return the comparison of groups of trials.

    Args:
        groups: at least one, each of trials with different seeds.
        against: the baseline. None takes a group whose name begins with random or none, else the first group;
            no baseline if every group has a single seed.
        family: the tests of the penalty matrix that are corrected together, see `penalty_matrix`.

    Raises:
        UserError: no group has the name `against`.
    """
    baseline = _baseline(groups, against)
    curves = {kind: learning_curves(groups, kind) for kind in KINDS}
    ranges = {kind: covered_range(curves[kind]) for kind in KINDS}
    figures = _figures(groups, curves, ranges)
    group_means = means(figures, groups)
    classes = class_figures(groups)
    seeds = {name: [trial.seed for trial in trials] for name, trials in groups.items()}
    bands = {kind: {name: mean_curve(each) for name, each in curves[kind].items()} for kind in KINDS}
    return GroupComparison(
        seeds=seeds,
        figures=figures,
        means=group_means,
        baseline=baseline,
        differences={
            key: {} if baseline is None else _differences(figure, groups, baseline)
            for key, figure in figures.items()
        },
        ranges=ranges,
        curves={kind: {name: points for name, points in bands[kind].items() if points} for kind in KINDS},
        labelled_at_the_end=labelled_at_the_end(groups),
        rounds={kind: {name: round_ends(trials, kind) for name, trials in groups.items()} for kind in KINDS},
        penalties=compare_pairs(curves["accuracy"], ranges["accuracy"], family),
        front=pareto_front(group_means),
        classes=classes,
        class_means=means(classes, groups),
        certified=_certified(groups),
        times=means(TIMES, groups),
        warnings=tuple(_warnings(seeds)),
    )


def pareto_front(group_means: GroupMeans) -> tuple[str, ...]:
    """Return the groups whose (hand-label share, mislabelled share) no other group equals or beats in both.

    They are sorted by hand-label share. Groups without a known mislabelled share are left out.
    """
    points = {
        name: (hand.mean, wrong.mean)
        for name, row in group_means.items()
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

    def reader(area: Mapping[tuple[str, int], float]) -> Callable[[FinishedTrial], float | None]:
        return lambda trial: area.get((names[trial.directory], trial.seed))

    of_areas = {
        f"aubc_{kind}": Figure(
            title=_AREAS[kind], read=reader(areas_under_curves(curves[kind], ranges[kind])), decimals=3
        )
        for kind in KINDS
    }
    return {**RESULTS, **of_areas, "seconds": TIMES["seconds"]}


def _differences(figure: Figure, groups: Groups, baseline: str) -> dict[str, Difference]:
    base = by_seed(figure, groups[baseline])
    compared = {}
    for name, trials in groups.items():
        values = by_seed(figure, trials)
        shared = sorted(values.keys() & base.keys())
        if name != baseline and shared:
            compared[name] = paired_comparison(
                [values[seed] for seed in shared], [base[seed] for seed in shared]
            )
    tested = {name: each.p for name, each in compared.items() if each.p is not None}
    corrected = dict(zip(tested, holm(list(tested.values())), strict=True))
    return {name: Difference(comparison=each, p_holm=corrected.get(name)) for name, each in compared.items()}


def _certified(groups: Groups) -> dict[str, Certified]:
    certified = {}
    for name, trials in groups.items():
        certified_trials = [trial for trial in trials if trial.summary.certificate is not None]
        if certified_trials:
            reached = sum(
                each.summary.certificate.reached for each in certified_trials if each.summary.certificate
            )
            figures = {key: mean(figure, certified_trials) for key, figure in CERTIFICATES.items()}
            certified[name] = Certified(n=len(certified_trials), reached=reached, means=figures)
    return certified


def _warnings(seeds: Mapping[str, list[int]]) -> list[str]:
    warnings = []
    few = [name for name, each in seeds.items() if len(each) < FEW_SEEDS]
    if few:
        where = "every group" if len(few) == len(seeds) and len(few) > 1 else some(few, 5)
        warnings.append(
            f"Fewer than {FEW_SEEDS} seeds in {where}. With three seeds, chance alone can rank a strategy "
            "above or below random."
        )
    if len({tuple(each) for each in seeds.values()}) > 1:
        warnings.append(
            "The groups have different seeds. Differences use only the seeds that both groups have."
        )
    return warnings
