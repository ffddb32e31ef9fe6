"""Shared settings of axes: ticks in percent, ticks as counts, a legend above."""

from typing import TYPE_CHECKING, Any

from alframe.report.formatting import percent_tick

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis


def in_percent(axis: "Axis") -> None:
    """Format the ticks of an axis of shares in percent."""
    axis.set_major_formatter(lambda value, _: percent_tick(value))


def in_counts(axis: "Axis") -> None:
    """Format the ticks of an axis of counts with commas."""
    axis.set_major_formatter(lambda value, _: f"{value:,.0f}")


def log_ticks(axis: "Axis", **options: Any) -> None:
    """Put only major ticks on a log axis; `options` are those of matplotlib's LogLocator."""
    from matplotlib.ticker import LogLocator, NullLocator

    axis.set_major_locator(LogLocator(**options))
    axis.set_minor_locator(NullLocator())


def legend_above(axes: "Axes", n_columns: int, **spacing: float) -> None:
    """Put the legend above the axes, where it covers nothing."""
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=n_columns, **spacing)
