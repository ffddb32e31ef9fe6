"""Groups ranked in pictures: a mean of each with its interval, and who beats whom."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from alframe.report.document import Picture
from alframe.report.plots.style import GREY, WIDTH, Look, figure, picture
from alframe.report.stats.comparison import GroupComparison, Means
from alframe.report.stats.curves import Kind
from alframe.report.stats.metrics import TIMES, Figure, cut
from alframe.report.stats.statistics import Estimate
from alframe.report.tables.comparison_tables import penalties_note

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_ROWS = 30  # of a dot plot
ROW = 0.21  # inches a row of text takes
VALUES: Mapping[Kind, str] = {"accuracy": "test accuracy, %", "mislabelled": "mislabelled, %"}


def area_key(comparison: GroupComparison) -> str | None:
    """Return the area that ranks groups: of test accuracy, of the mislabelled share where that is unknown."""
    keys = ("aubc_accuracy", "aubc_mislabelled")
    return next((key for key in keys if any(row[key] is not None for row in comparison.means.values())), None)


def areas(comparison: GroupComparison, look: Mapping[str, Look]) -> Picture:
    """Return the areas under the budget curve, a row for each group; there must be one."""
    key = area_key(comparison)
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
        axis=f"mean {VALUES[kind]}",
        note=f" From {100 * stretch[0]:.3g} to {100 * stretch[1]:.3g} % hand labels, by trapezoids.",
    )


def seconds(comparison: GroupComparison, look: Mapping[str, Look]) -> Picture:
    """Return the seconds of a trial, a row for each group."""
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
    known = {
        group: cut(each, column.highest) for group, row in means.items() if (each := row[key]) is not None
    }
    order = sorted(known, key=lambda group: known[group].mean, reverse=highest_first)
    rows = order[:MAX_ROWS]
    if comparison.baseline is not None and comparison.baseline in order[MAX_ROWS:]:
        rows[-1] = comparison.baseline
    canvas = figure(WIDTH, 0.9 + ROW * len(rows))
    axes = canvas.subplots()
    for height, group in enumerate(reversed(rows)):
        axes.errorbar(
            known[group].mean,
            height,
            xerr=error_bars([known[group]]),
            color=look[group].colour if group in look else GREY,
            marker=look[group].marker if group in look else "o",
            linestyle="none",
            elinewidth=0.9,
            clip_on=False,  # a marker on the edge is whole
        )
    axes.set_yticks(range(len(rows)), labels=rows[::-1])
    axes.set_ylim(-0.7, len(rows) - 0.3)
    axes.set_xlabel(axis)
    within_bounds(axes, x=column.highest, y=None)
    told = "; ".join(f"{group} {known[group].mean:.{column.decimals}f}" for group in rows)
    left = f" The first {len(rows)} of {len(order)} groups." if len(rows) < len(order) else ""
    return picture(
        canvas,
        name=name,
        title=title,
        description=f"{axis[0].upper()}{axis[1:]}: {told}.",
        note=f"Means over seeds with 95 % intervals.{note}{left}",
    )


def penalty_matrix(comparison: GroupComparison, names: Sequence[str]) -> Picture:
    """Return who beats whom, as a heat map of the groups in `names`; the comparison must know."""
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


def within_bounds(axes: "Axes", *, x: float, y: float | None) -> None:
    """End the x axis at 0 and x, the y axis at 0 and y, where margins would reach beyond; None leaves it."""
    low, high = axes.get_xlim()
    axes.set_xlim(max(0.0, low), min(x, high))
    if y is not None:
        low, high = axes.get_ylim()
        axes.set_ylim(max(0.0, low), min(y, high))


def error_bars(estimates: Sequence[Estimate]) -> list[list[float]] | None:
    """Return (2, n) distances from means to bounds, as matplotlib takes them; None without intervals."""
    lows = [each.mean - each.low for each in estimates if each.low is not None]
    highs = [each.high - each.mean for each in estimates if each.high is not None]
    return [lows, highs] if len(lows) == len(highs) == len(estimates) else None


def of_many(comparison: GroupComparison, n_grey: int) -> str:
    """Return how many groups are in grey, as a sentence to append; empty where none is."""
    if not n_grey:
        return ""
    return f" Of {len(comparison.means)} groups {n_grey} are in grey, which others beat."
