"""Shared settings of axes: ticks in percent, ticks as counts, legends, and names broken into lines."""

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from alframe.report.formatting import percent_tick

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend

ROW = 0.21  # inches of a line of text
NO_BREAK = "\N{NO-BREAK SPACE}"
BESIDE = 26  # letters of the longest name with which a legend has two columns
LINE = 56  # letters of a line in a legend of one column


def broken(name: str, letters: int) -> str:
    """Return a name in lines of at most `letters` letters, broken only after commas.

    >>> broken("threshold 0.99, query.share 0.01", 20)
    'threshold 0.99,\\nquery.share 0.01'
    """
    whole = name.replace(" ", NO_BREAK).replace("," + NO_BREAK, ", ")
    lines = textwrap.wrap(whole, letters, break_long_words=False, break_on_hyphens=False)
    return "\n".join(lines).replace(NO_BREAK, " ") or name


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


def legend_below(canvas: "Figure") -> "Legend":
    """Put a legend of all axes below them, in two columns if the names are short."""
    names = [name for axes in canvas.axes for name in axes.get_legend_handles_labels()[1]]
    legend = canvas.legend(loc="outside lower center", ncols=_columns(names))
    for text in legend.get_texts():
        text.set_text(broken(text.get_text(), LINE))
    return legend


def legend_height(names: Sequence[str]) -> float:
    """Return the height in inches that `legend_below` needs for names."""
    n_columns = _columns(names)
    n_lines = sum(broken(name, LINE).count("\n") + 1 for name in names)
    return ROW * -(-n_lines // n_columns)


def _columns(names: Sequence[str]) -> int:
    return 2 if max(map(len, names), default=0) <= BESIDE else 1
