"""Rankings of groups: dot plots of means with intervals, and the pairwise comparison."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from alframe.report.document import Picture
from alframe.report.formatting import spread_note
from alframe.report.plots.axes import ROW, broken
from alframe.report.plots.style import GREY, WIDTH, Look, figure, picture
from alframe.report.stats.compared_figures import TIMES, Figure, cut
from alframe.report.stats.comparison import GroupComparison, GroupMeans
from alframe.report.stats.curves import Kind
from alframe.report.stats.statistics import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_ROWS = 30  # of a dot plot
LETTERS = 36  # of a line of a group's name beside a dot plot
VALUES: Mapping[Kind, str] = {"accuracy": "test accuracy, %", "mislabelled": "mislabelled, %"}


def area_key(comparison: GroupComparison) -> str | None:
    """Return the area to rank groups by: of test accuracy, or of the mislabelled share if that is unknown."""
    keys = ("aubc_accuracy", "aubc_mislabelled")
    return next((key for key in keys if any(row[key] is not None for row in comparison.means.values())), None)


def draw_areas(comparison: GroupComparison, look: Mapping[str, Look]) -> Picture:
    """Return the areas under the budget curve, a row for each group; one area must be known."""
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
        title="Area under the budget curve (AUBC)",
        axis=f"mean {VALUES[kind]}",
        note=f" Mean from {100 * stretch[0]:.3g} to {100 * stretch[1]:.3g} % hand labels.",
    )


def draw_seconds(comparison: GroupComparison, look: Mapping[str, Look]) -> Picture:
    """Return the seconds per trial, a row for each group."""
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
    means: GroupMeans,
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
    """Return a row for each group with a mean and its interval, the best on top."""
    known = {
        group: cut(each, column.highest) for group, row in means.items() if (each := row[key]) is not None
    }
    order = sorted(known, key=lambda group: known[group].mean, reverse=highest_first)
    rows = order[:MAX_ROWS]
    if comparison.baseline is not None and comparison.baseline in order[MAX_ROWS:]:
        rows[-1] = comparison.baseline
    labels = [broken(group, LETTERS) for group in rows]
    n_lines = max(label.count("\n") + 1 for label in labels)
    canvas = figure(WIDTH, 0.9 + ROW * (0.3 + 0.7 * n_lines) * len(rows))
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
            clip_on=False,  # keeps markers on the edge whole
        )
    axes.set_yticks(range(len(rows)), labels=labels[::-1])
    axes.set_ylim(-0.7, len(rows) - 0.3)
    axes.set_xlabel(axis)
    within_bounds(axes, x=column.highest, y=None)
    values = "; ".join(f"{group} {known[group].mean:.{column.decimals}f}" for group in rows)
    left = f" The first {len(rows)} of {len(order)} groups." if len(rows) < len(order) else ""
    return picture(
        canvas,
        name=name,
        title=title,
        description=f"{axis[0].upper()}{axis[1:]}: {values}.",
        note=f"{spread_note([len(comparison.seeds[group]) for group in rows])}{note}{left}",
    )


def draw_penalties(comparison: GroupComparison, names: Sequence[str], note: str) -> Picture:
    """Return the pairwise comparison of the groups in `names` as a heat map; it must be known."""
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
    centred: Any = {"ha": "center", "va": "center", "fontsize": 7}
    for i, row in enumerate(shares):
        for j, share in enumerate(row):
            colour = "white" if share > 55 else "black"
            axes.text(j, i, "" if i == j else f"{share:.0f}", color=colour, **centred)
    numbers = [str(k) for k in range(1, len(names) + 1)]  # long names are written once, beside the rows
    axes.set_xticks(range(len(names)), labels=numbers)
    axes.set_yticks(
        range(len(names)), labels=[f"{name}  {k}" for name, k in zip(names, numbers, strict=True)]
    )
    canvas.colorbar(cells, label="points won, %", orientation="horizontal", aspect=40)
    wins = "; ".join(f"{name} {penalties.mean_percent(name):.0f} %" for name in names)
    return picture(
        canvas,
        name="penalty_matrix",
        title="Penalty matrix of test accuracy",
        description=f"Share of points at which the row's group beats the column's group; row means: {wins}.",
        note=note,
    )


def within_bounds(axes: "Axes", *, x: float, y: float | None) -> None:
    """Cut the margins of the axes at 0 and at x or y; None leaves the y axis unchanged."""
    low, high = axes.get_xlim()
    axes.set_xlim(max(0.0, low), min(x, high))
    if y is not None:
        low, high = axes.get_ylim()
        axes.set_ylim(max(0.0, low), min(y, high))


def error_bars(estimates: Sequence[Estimate]) -> list[list[float]] | None:
    """Return (2, n) distances from means to bounds for matplotlib; None without bounds."""
    lows = [each.mean - each.low for each in estimates if each.low is not None]
    highs = [each.high - each.mean for each in estimates if each.high is not None]
    return [lows, highs] if len(lows) == len(highs) == len(estimates) else None


def grey_note(comparison: GroupComparison, n_grey: int) -> str:
    """Return a sentence on the number of grey groups, empty if there are none."""
    if not n_grey:
        return ""
    return f" {n_grey} of {len(comparison.means)} groups are in grey; others have better results."
