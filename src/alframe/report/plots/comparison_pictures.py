"""The pictures of a comparison of groups. Of many groups the best few are in colour and the rest in grey."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from alframe.report.document import Picture
from alframe.report.plots.draw_curves import learning_curves
from alframe.report.plots.draw_rankings import (
    ROW,
    area_key,
    areas,
    error_bars,
    of_many,
    penalty_matrix,
    seconds,
    within_bounds,
)
from alframe.report.plots.style import FAINT, GREY, WIDTH, Look, figure, in_style, looks, picture
from alframe.report.stats.comparison import GroupComparison
from alframe.report.stats.curves import KINDS
from alframe.report.stats.metrics import cut
from alframe.report.stats.statistics import Estimate
from alframe.report.tables.comparison_tables import shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_LABELS = 14  # of a picture


def comparison_pictures(comparison: GroupComparison) -> dict[str, list[Picture]]:
    """Return the pictures that the figures allow, by what they show: results, curves, penalties, seconds.

    Raises:
        UserError: there is no matplotlib.
    """
    names = shown(comparison)
    look = looks([*names, *(name for name in _labelled(comparison) if name not in names)])
    several = len(comparison.means) > 1
    with in_style():
        return {
            "results": [_pareto_front(comparison, look)] if several and comparison.front else [],
            "curves": [
                *(
                    learning_curves(comparison, kind, names, look)
                    for kind in KINDS
                    if comparison.curves[kind]
                ),
                *([areas(comparison, look)] if several and area_key(comparison) else []),
            ],
            "penalties": [penalty_matrix(comparison, names)] if comparison.penalties else [],
            "seconds": [seconds(comparison, look)] if several else [],
        }


def _labelled(comparison: GroupComparison) -> list[str]:
    """Return the groups named in the picture of the Pareto front: those on it, then those shown elsewhere."""
    known = [name for name in shown(comparison) if comparison.means[name]["mislabelled_share"] is not None]
    return list(dict.fromkeys([*comparison.front[:MAX_LABELS], *known]))[:MAX_LABELS]


def _pareto_front(comparison: GroupComparison, look: Mapping[str, Look]) -> Picture:
    known = {
        name: (cut(hand), cut(wrong))
        for name, row in comparison.means.items()
        if (hand := row["hand_share"]) is not None and (wrong := row["mislabelled_share"]) is not None
    }
    labelled = _labelled(comparison)
    canvas = figure(WIDTH, 3.2 + ROW * ((len(labelled) + 1) // 2))
    axes = canvas.subplots()
    rest = [each for name, each in known.items() if name not in labelled]
    axes.scatter([x.mean for x, _ in rest], [y.mean for _, y in rest], s=9, color=FAINT, zorder=1)
    for name in labelled:
        _cross(axes, *known[name], look[name], name)
    steps = [known[name] for name in comparison.front]
    axes.step([x.mean for x, _ in steps], [y.mean for _, y in steps], where="post", color=GREY, linewidth=0.9)
    axes.set_xlabel("hand labels, % of the data set")
    axes.set_ylabel("mislabelled, % of the data set")
    within_bounds(axes, x=100, y=100)
    for text in canvas.legend(loc="outside lower center", ncols=2).get_texts():
        text.set_fontweight("bold" if text.get_text() in comparison.front else "normal")
    best = "; ".join(
        f"{name} {known[name][0].mean:.2f} % and {known[name][1].mean:.3f} %" for name in comparison.front
    )
    return picture(
        canvas,
        name="pareto_front",
        title="Hand labels against mislabelled",
        description=f"Mean hand share and mislabelled share of each group. On the Pareto front: {best}.",
        note="Means with 95 % intervals; the line joins the groups (in bold) that no other beats in both."
        + of_many(comparison, len(rest)),
    )


def _cross(axes: "Axes", hand: Estimate, wrong: Estimate, look: Look, name: str) -> None:
    axes.errorbar(
        hand.mean,
        wrong.mean,
        xerr=error_bars([hand]),
        yerr=error_bars([wrong]),
        color=look.colour,
        marker=look.marker,
        linestyle="none",
        elinewidth=0.8,
        zorder=3,
        label=name,
        clip_on=False,
    )
