"""The pictures of a comparison of groups. Of many groups, the best are in colour and the others in grey."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from alframe.report.document import Picture
from alframe.report.formatting import spread_note
from alframe.report.plots.axes import LINE, broken, legend_below, legend_height
from alframe.report.plots.draw_curves import draw_learning_curves
from alframe.report.plots.draw_rankings import (
    area_key,
    draw_areas,
    draw_penalties,
    draw_seconds,
    error_bars,
    grey_note,
    within_bounds,
)
from alframe.report.plots.style import FAINT, GREY, WIDTH, Look, figure, in_style, looks, picture
from alframe.report.stats.compared_figures import cut
from alframe.report.stats.comparison import GroupComparison
from alframe.report.stats.curves import KINDS
from alframe.report.stats.ranking import drawn_groups
from alframe.report.stats.statistics import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def comparison_pictures(comparison: GroupComparison, penalties_note: str = "") -> dict[str, list[Picture]]:
    """Return the pictures of known figures, by section: results, curves, penalties, seconds.

    Args:
        comparison: of the groups.
        penalties_note: the note below the pairwise comparison.

    Raises:
        UserError: matplotlib is not installed.
    """
    names = drawn_groups(comparison)
    look = looks(names)
    several = len(comparison.means) > 1
    with in_style():
        return {
            "results": [_pareto_front(comparison, names, look)] if several and comparison.front else [],
            "curves": [
                *(
                    draw_learning_curves(comparison, kind, names, look)
                    for kind in KINDS
                    if comparison.curves[kind]
                ),
                *([draw_areas(comparison, look)] if several and area_key(comparison) else []),
            ],
            "penalties": [draw_penalties(comparison, names, penalties_note)] if comparison.penalties else [],
            "seconds": [draw_seconds(comparison, look)] if several else [],
        }


def _pareto_front(comparison: GroupComparison, names: Sequence[str], look: Mapping[str, Look]) -> Picture:
    estimates = {
        name: (cut(hand), cut(wrong))
        for name, row in comparison.means.items()
        if (hand := row["hand_share"]) is not None and (wrong := row["mislabelled_share"]) is not None
    }
    named = [name for name in names if name in estimates]
    canvas = figure(WIDTH, 3.2 + legend_height(named))
    axes = canvas.subplots()
    rest = [each for name, each in estimates.items() if name not in named]
    axes.scatter([x.mean for x, _ in rest], [y.mean for _, y in rest], s=9, color=FAINT, zorder=1)
    for name in named:
        _cross(axes, *estimates[name], look[name], name)
    steps = [estimates[name] for name in comparison.front]
    axes.step([x.mean for x, _ in steps], [y.mean for _, y in steps], where="post", color=GREY, linewidth=0.9)
    axes.set_xlabel("hand labels, % of the data set")
    axes.set_ylabel("mislabelled, % of the data set")
    within_bounds(axes, x=100, y=100)
    best_names = {broken(name, LINE) for name in comparison.front}
    for text in legend_below(canvas).get_texts():
        text.set_fontweight("bold" if text.get_text() in best_names else "normal")
    best = "; ".join(
        f"{name} {estimates[name][0].mean:.2f} % and {estimates[name][1].mean:.3f} %"
        for name in comparison.front
    )
    spread = spread_note([len(comparison.seeds[name]) for name in estimates])
    return picture(
        canvas,
        name="pareto_front",
        title="Hand labels against wrong labels",
        description=f"Mean share of hand labels and mislabelled share of each group. Pareto front: {best}.",
        note=f"{spread} The line is the Pareto front (bold names): no other group is better in both."
        + grey_note(comparison, len(rest)),
    )


def _cross(axes: "Axes", hand: Estimate, wrong: Estimate, look: Look, name: str) -> None:
    axes.errorbar(
        hand.mean,
        wrong.mean,
        yerr=error_bars([wrong]),
        xerr=error_bars([hand]),
        fmt="none",
        ecolor=look.colour,
        elinewidth=0.8,
        zorder=3,
    )
    axes.plot(hand.mean, wrong.mean, look.marker, color=look.colour, label=name, zorder=3, clip_on=False)
