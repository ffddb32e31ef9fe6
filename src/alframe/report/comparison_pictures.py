"""The pictures of a comparison of groups. Of many groups the best few are in colour and the rest in grey."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from alframe.report.comparison import GroupComparison, Means
from alframe.report.comparison_tables import penalties_note, shown
from alframe.report.content import Picture
from alframe.report.curves import KINDS, BandPoint, Kind
from alframe.report.figures import TIMES, Figure
from alframe.report.statistics import Estimate
from alframe.report.style import GREY, WIDTH, Look, figure, in_style, looks, picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_ROWS = 30  # of a dot plot
MAX_LABELS = 14  # of a picture
FAINT = "#BDBDBD"
_VALUES = {"accuracy": "test accuracy, %", "mislabelled": "mislabelled, %"}
_ROW = 0.21  # inches a row of text takes


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
                    _learning_curves(comparison, kind, names, look)
                    for kind in KINDS
                    if comparison.curves[kind]
                ),
                *([_areas(comparison, look)] if several and _area_key(comparison) else []),
            ],
            "penalties": [_penalty_matrix(comparison, names)] if comparison.penalties else [],
            "seconds": [_seconds(comparison, look)] if several else [],
        }


def _learning_curves(
    comparison: GroupComparison, kind: Kind, names: Sequence[str], look: Mapping[str, Look]
) -> Picture:
    curves = comparison.curves[kind]
    drawn = {name: curves[name] for name in names if name in curves}
    canvas = figure(WIDTH, 3.2 + _ROW * ((len(drawn) + 1) // 2))
    axes = canvas.subplots()
    _grey_lines(axes, [points for name, points in curves.items() if name not in drawn])
    for name, points in drawn.items():
        _band(axes, name, points, look[name])
    axes.set_xlabel("hand labels, % of the data set")
    axes.set_ylabel(_VALUES[kind])
    canvas.legend(loc="outside lower center", ncols=2)
    value = _VALUES[kind].removesuffix(", %")
    ends = "; ".join(f"{name} {_percent(points[-1].value)}" for name, points in drawn.items())
    rest = len(curves) - len(drawn)
    return picture(
        canvas,
        name=f"learning_curves_{kind}",
        title=f"Learning curves: {value}",
        description=f"Mean {value} against the share of hand labels. At the end of each curve: {ends}.",
        note="Means over seeds with 95 % intervals." + _of_many(comparison, rest),
    )


def _grey_lines(axes: "Axes", curves: Sequence[Sequence[BandPoint]]) -> None:
    from matplotlib.collections import LineCollection

    lines = [[(100 * each.hand_share, 100 * each.value.mean) for each in points] for points in curves]
    if lines:
        axes.add_collection(LineCollection(lines, colors=FAINT, linewidths=0.6, alpha=0.5, zorder=1))
        axes.autoscale_view()


def _band(axes: "Axes", name: str, points: Sequence[BandPoint], look: Look) -> None:
    shares = [100 * each.hand_share for each in points]
    axes.plot(
        shares,
        [100 * each.value.mean for each in points],
        color=look.colour,
        marker=look.marker,
        linestyle=look.dash,
        markevery=max(1, len(points) // 8),
        label=name,
    )
    bounds = [
        (share, 100 * low, 100 * high)
        for share, each in zip(shares, points, strict=True)
        if (low := each.value.low) is not None and (high := each.value.high) is not None
    ]
    if bounds:
        at, low_X, high_X = zip(*bounds, strict=True)
        axes.fill_between(at, low_X, high_X, color=look.colour, alpha=0.12, linewidth=0)


def _labelled(comparison: GroupComparison) -> list[str]:
    """Return the groups named in the picture of the Pareto front: those on it, then those shown elsewhere."""
    known = [name for name in shown(comparison) if comparison.means[name]["mislabelled_share"] is not None]
    return list(dict.fromkeys([*comparison.front[:MAX_LABELS], *known]))[:MAX_LABELS]


def _pareto_front(comparison: GroupComparison, look: Mapping[str, Look]) -> Picture:
    known = {
        name: (hand, wrong)
        for name, row in comparison.means.items()
        if (hand := row["hand_share"]) is not None and (wrong := row["mislabelled_share"]) is not None
    }
    labelled = _labelled(comparison)
    canvas = figure(WIDTH, 3.2 + _ROW * ((len(labelled) + 1) // 2))
    axes = canvas.subplots()
    rest = [each for name, each in known.items() if name not in labelled]
    axes.scatter([x.mean for x, _ in rest], [y.mean for _, y in rest], s=9, color=FAINT, zorder=1)
    for name in labelled:
        _cross(axes, *known[name], look[name], name)
    steps = [known[name] for name in comparison.front]
    axes.step([x.mean for x, _ in steps], [y.mean for _, y in steps], where="post", color=GREY, linewidth=0.9)
    axes.set_xlabel("hand labels, % of the data set")
    axes.set_ylabel("mislabelled, % of the data set")
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
        + _of_many(comparison, len(rest)),
    )


def _cross(axes: "Axes", hand: Estimate, wrong: Estimate, look: Look, name: str) -> None:
    axes.errorbar(
        hand.mean,
        wrong.mean,
        xerr=_bars([hand]),
        yerr=_bars([wrong]),
        color=look.colour,
        marker=look.marker,
        linestyle="none",
        elinewidth=0.8,
        zorder=3,
        label=name,
    )


def _area_key(comparison: GroupComparison) -> str | None:
    """Return the area that ranks groups: of test accuracy, of the mislabelled share where that is unknown."""
    keys = ("aubc_accuracy", "aubc_mislabelled")
    return next((key for key in keys if any(row[key] is not None for row in comparison.means.values())), None)


def _areas(comparison: GroupComparison, look: Mapping[str, Look]) -> Picture:
    key = _area_key(comparison)
    assert key is not None
    kind: Kind = "accuracy" if key == "aubc_accuracy" else "mislabelled"
    stretch = comparison.ranges[kind]
    assert stretch is not None
    return _dot_plot(
        comparison,
        comparison.means,
        key,
        comparison.figures[key],
        look,
        highest_first=kind == "accuracy",
        name="aubc",
        title="Area under the budget curve",
        axis=f"mean {_VALUES[kind]}",
        note=f" From {100 * stretch[0]:.3g} to {100 * stretch[1]:.3g} % hand labels, by trapezoids.",
    )


def _seconds(comparison: GroupComparison, look: Mapping[str, Look]) -> Picture:
    return _dot_plot(
        comparison,
        comparison.times,
        "seconds",
        TIMES["seconds"],
        look,
        highest_first=False,
        name="seconds",
        title="Seconds per trial",
        axis="seconds per trial",
    )


def _dot_plot(
    comparison: GroupComparison,
    means: Means,
    key: str,
    column: Figure,
    look: Mapping[str, Look],
    *,
    highest_first: bool,
    name: str,
    title: str,
    axis: str,
    note: str = "",
) -> Picture:
    """Return one mean of each group with its interval, a row each, the best on top."""
    known = {group: each for group, row in means.items() if (each := row[key]) is not None}
    order = sorted(known, key=lambda group: known[group].mean, reverse=highest_first)
    rows = order[:MAX_ROWS]
    if comparison.baseline in order[MAX_ROWS:]:
        rows[-1] = comparison.baseline
    canvas = figure(WIDTH, 0.9 + _ROW * len(rows))
    axes = canvas.subplots()
    for height, group in enumerate(reversed(rows)):
        axes.errorbar(
            known[group].mean,
            height,
            xerr=_bars([known[group]]),
            color=look[group].colour if group in look else GREY,
            marker=look[group].marker if group in look else "o",
            linestyle="none",
            elinewidth=0.9,
        )
    axes.set_yticks(range(len(rows)), labels=rows[::-1])
    axes.set_ylim(-0.7, len(rows) - 0.3)
    axes.set_xlabel(axis)
    told = "; ".join(f"{group} {known[group].mean:.{column.decimals}f}" for group in rows)
    left = f" The first {len(rows)} of {len(order)} groups." if len(rows) < len(order) else ""
    return picture(
        canvas,
        name=name,
        title=title,
        description=f"{axis[0].upper()}{axis[1:]}: {told}.",
        note=f"Means over seeds with 95 % intervals.{note}{left}",
    )


def _penalty_matrix(comparison: GroupComparison, names: Sequence[str]) -> Picture:
    penalties = comparison.penalties
    assert penalties is not None
    names = [name for name in names if name in penalties.shares]
    shares = [
        [0.0 if row == column else 100 * penalties.shares[row][column] for column in names] for row in names
    ]
    canvas = figure(WIDTH, 1.2 + 0.24 * len(names))
    axes = canvas.subplots()
    axes.grid(visible=False)
    cells = axes.imshow(shares, cmap="Greys", vmin=0, vmax=100, aspect="auto")
    for i, row in enumerate(shares):
        for j, share in enumerate(row):
            axes.text(
                j,
                i,
                "" if i == j else f"{share:.0f}",
                ha="center",
                va="center",
                fontsize=7,
                color="white" if share > 55 else "black",
            )
    numbers = [str(k) for k in range(1, len(names) + 1)]  # long names stand once, beside the rows
    axes.set_xticks(range(len(names)), labels=numbers)
    axes.set_yticks(
        range(len(names)), labels=[f"{name}  {k}" for name, k in zip(names, numbers, strict=True)]
    )
    canvas.colorbar(cells, label="points won, %", orientation="horizontal", aspect=40)
    wins = "; ".join(f"{name} {_mean_share(penalties.shares[name]):.0f} %" for name in names)
    return picture(
        canvas,
        name="penalty_matrix",
        title="Who beats whom in test accuracy",
        description=f"Share of points at which the row beats the column; means of the rows: {wins}.",
        note=penalties_note(penalties, len(names)),
    )


def _mean_share(row: Mapping[str, float]) -> float:
    return 100 * sum(row.values()) / len(row)


def _bars(estimates: Sequence[Estimate]) -> list[list[float]] | None:
    """Return (2, n) distances from means to bounds, as matplotlib takes them; None without intervals."""
    lows = [each.mean - each.low for each in estimates if each.low is not None]
    highs = [each.high - each.mean for each in estimates if each.high is not None]
    return [lows, highs] if len(lows) == len(highs) == len(estimates) else None


def _percent(each: Estimate) -> str:
    return f"{100 * each.mean:.3g} %"


def _of_many(comparison: GroupComparison, n_grey: int) -> str:
    if not n_grey:
        return ""
    return f" Of {len(comparison.means)} groups {n_grey} are in grey, which others beat."
