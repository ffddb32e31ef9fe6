"""Learning curves of groups in one picture: means over seeds with intervals, and markers at round ends."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from alframe.report.document import Picture
from alframe.report.formatting import spread_note
from alframe.report.plots.axes import legend_below, legend_height
from alframe.report.plots.draw_rankings import VALUES, grey_note, within_bounds
from alframe.report.plots.style import FAINT, WIDTH, Look, figure, picture
from alframe.report.stats.compared_figures import cut
from alframe.report.stats.comparison import GroupComparison
from alframe.report.stats.curves import BandPoint, Kind
from alframe.report.stats.statistics import values_at

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_MARKED = 12  # rounds of a curve
THIN = 0.7  # line width after the last round; 1.6 elsewhere
WIDE = 30  # the axis of hand labels is logarithmic if the largest share is this many times the smallest
_SAME = 1e-9  # hand-label shares that differ by less are equal


def draw_learning_curves(
    comparison: GroupComparison, kind: Kind, names: Sequence[str], look: Mapping[str, Look]
) -> Picture:
    """Return the curves of all groups, those in `names` in colour; at least one curve must be known."""
    curves = comparison.curves[kind]
    drawn = {name: curves[name] for name in names if name in curves}
    canvas = figure(WIDTH, 3.2 + legend_height(list(drawn)))
    axes = canvas.subplots()
    _grey_lines(axes, [points for name, points in curves.items() if name not in drawn])
    thin = [
        _curve(axes, name, points, comparison.rounds[kind][name], look[name], kind == "mislabelled")
        for name, points in drawn.items()
    ]
    wide = _is_wide(list(curves.values()))
    if wide:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.autoscale_view()
    axes.set_xlabel("hand labels, % of the data set" + (" (logarithmic)" if wide else ""))
    axes.set_ylabel(VALUES[kind])
    within_bounds(axes, x=100, y=100)
    legend_below(canvas)
    value = VALUES[kind].removesuffix(", %")
    ends = "; ".join(f"{name} {100 * points[-1].value.mean:.3g} %" for name, points in drawn.items())
    return picture(
        canvas,
        name=f"learning_curves_{kind}",
        title=f"Learning curves: {value}",
        description=f"Mean {value} against the share of hand labels. At the end of each curve: {ends}.",
        note=_note([len(comparison.seeds[name]) for name in curves], any(thin))
        + grey_note(comparison, len(curves) - len(drawn)),
    )


def _note(n_trials: Sequence[int], has_remainder: bool) -> str:
    note = f"{spread_note(n_trials)} Markers: ends of rounds. A curve ends with the shortest of its trials."
    return note + (
        " The thin end of a curve is the remainder, labelled without training." if has_remainder else ""
    )


def _is_wide(curves: Sequence[Sequence[BandPoint]]) -> bool:
    """Return True if the first points of curves would lie on top of each other on a linear axis."""
    first = min(points[0].hand_share for points in curves)
    return 0 < first * WIDE <= max(points[-1].hand_share for points in curves)


def _grey_lines(axes: "Axes", curves: Sequence[Sequence[BandPoint]]) -> None:
    from matplotlib.collections import LineCollection

    lines = [[(100 * each.hand_share, 100 * each.value.mean) for each in points] for points in curves]
    if lines:
        axes.add_collection(LineCollection(lines, colors=FAINT, linewidths=0.6, alpha=0.5, zorder=1))
        axes.autoscale_view()


def _curve(
    axes: "Axes",
    name: str,
    points: Sequence[BandPoint],
    rounds: Sequence[float],
    look: Look,
    may_close: bool,
) -> bool:
    """Draw a group's curve and its band; return whether the curve continues after the last round."""
    mean = [(100 * each.hand_share, 100 * each.value.mean) for each in points]
    first, last = mean[0][0], mean[-1][0]
    percents = [100 * share for share in rounds if 100 * share >= first - _SAME]
    ends = [share for share in percents if share <= last + _SAME]
    closes = may_close and bool(ends) and ends == percents and ends[-1] < last - _SAME
    split = ends[-1] if closes else last
    at_split = (split, values_at(mean, [split])[0])
    line: Any = {"color": look.colour, "linestyle": look.dash}
    axes.plot(*zip(*(at for at in mean if at[0] < split), at_split, strict=True), **line)
    if closes:
        axes.plot(*zip(at_split, *(at for at in mean if at[0] > split), strict=True), **line, linewidth=THIN)
    marked = ends[:: 1 + len(ends) // MOST_MARKED]
    axes.plot(marked, values_at(mean, marked), look.marker, color=look.colour, clip_on=False)
    axes.plot([], [], marker=look.marker, label=name, **line)
    _band(axes, points, look)
    return closes


def _band(axes: "Axes", points: Sequence[BandPoint], look: Look) -> None:
    bounds = [
        (100 * each.hand_share, 100 * shown.low, 100 * shown.high)
        for each in points
        if (shown := cut(each.value, highest=1.0)).low is not None and shown.high is not None
    ]
    if bounds:
        at, low_X, high_X = zip(*bounds, strict=True)
        axes.fill_between(at, low_X, high_X, color=look.colour, alpha=0.12, linewidth=0)
