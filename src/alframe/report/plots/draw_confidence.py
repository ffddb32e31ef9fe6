"""Pictures of the confidence: the observed error of auto-labels against the stated error.

Nearly all confidences are close to 1, so errors (1 - confidence) are drawn on log scales.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from alframe._text import count
from alframe.report.document import Picture
from alframe.report.formatting import edge, percent_tick
from alframe.report.load.trial_records import Bin
from alframe.report.plots.axes import in_counts, in_percent, legend_above, log_ticks
from alframe.report.plots.style import AUTO, BLUE, GREY, PALE, VERMILLION, figure, in_style, picture
from alframe.report.stats.error_rates import Rate, rate, rates_above

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INTERVALS = "Bars are exact 95 % intervals (Clopper and Pearson)."
NONE_WRONG = "Open markers: no label was wrong; the marker is the upper end of the interval."


@in_style()
def draw_reliability(bins: Sequence[Bin]) -> Picture:
    """Return the observed error of each bin of confidence against the stated one; at least one bin."""
    drawn = figure(height=3.9)
    axes = drawn.subplots()
    axes.set_xscale("log")
    axes.set_yscale("log")
    rates = [rate(each.wrong, each.n) for each in bins]
    stated = [each.stated_error for each in bins]
    low, high = _span([*stated, *(_lowest(each) for each in rates)])
    label = "observed = stated (above: overconfident)"
    axes.plot([low, high], [low, high], color=GREY, linestyle="--", label=label)
    _draw_rates(axes, stated, rates, vertical=True, label="auto-labels in bins of confidence")
    axes.set_xlim(high, low)  # more confident to the right
    axes.set_ylim(low, high)
    axes.set_xlabel("stated error, 1 − confidence (more confident →)")
    axes.set_ylabel("observed error")
    for axis in (axes.xaxis, axes.yaxis):
        log_ticks(axis, numticks=6)
        in_percent(axis)
    legend_above(axes, 1)
    return picture(
        drawn,
        name="reliability",
        title="Reliability of the confidence",
        description=(
            "Observed error of the auto-labels against the error that their confidence states, in "
            f"{len(bins)} bins of confidence; {_overconfident(bins, rates)} bins are wrong more often than "
            "stated, beyond chance."
        ),
        note=f"{INTERVALS} {NONE_WRONG}",
    )


def _overconfident(bins: Sequence[Bin], rates: Sequence[Rate]) -> int:
    """Return the number of bins whose stated error lies below the interval of the observed one."""
    return sum(each.stated_error < seen.low for each, seen in zip(bins, rates, strict=True))


@in_style()
def draw_error_by_confidence(bins: Sequence[Bin]) -> Picture:
    """Return the wrong auto-labels by confidence, and the error above each threshold; at least one bin."""
    drawn = figure(height=1.2 + 0.3 * len(bins))
    counts, errors = drawn.subplots(1, 2, sharey=True, width_ratios=(1, 1))
    y = list(range(len(bins)))
    counts.set_xscale("log")
    counts.barh(y, [each.n for each in bins], left=0.5, color=AUTO, height=0.8)
    wrong = [(each.wrong, k) for k, each in enumerate(bins) if each.wrong]
    if wrong:  # points: a second bar on a log axis would look like a share of the first bar
        counts.plot(*zip(*wrong, strict=True), "D", color=VERMILLION, markeredgecolor="white")
    for k, each in enumerate(bins):
        counts.text(
            1.5 * (each.n + 0.5), k, f"{count(each.n)}\n{count(each.wrong)} wrong", va="center", fontsize=8
        )
    counts.set_xlim(0.5, 40 * max(each.n for each in bins))
    counts.set_yticks(y, [f">{edge(each.low)}" for each in bins])
    counts.set_ylabel("confidence")
    in_counts(counts.xaxis)
    log_ticks(counts.xaxis, numticks=3)
    counts.set_xlabel("auto-labels")
    counts.set_title("at this confidence")
    _draw_rates(errors, y, rates_above(bins), vertical=False, label="")
    errors.set_xscale("log")
    errors.set_xlabel("wrong")
    errors.set_title("at it or above")
    _end_ticks(errors)
    for axes in (counts, errors):
        axes.grid(visible=False, axis="y")
    worst = max(bins, key=lambda each: each.wrong)
    return picture(
        drawn,
        name="error_by_confidence",
        title="Wrong auto-labels by confidence",
        description=(
            f"Auto-labels and wrong auto-labels in {len(bins)} bins of confidence, and the error above each "
            f"bin's lower edge. The bin with most wrong labels, {count(worst.wrong)}, has a confidence of "
            f"{edge(worst.low)} to {edge(worst.high)}."
        ),
        note=(
            "A row is a bin of confidence, up to the next row. Left, on a log scale: bars are all "
            "auto-labels, diamonds are wrong ones. Right: the error if only auto-labels of this "
            f"confidence or above were accepted. {INTERVALS} {NONE_WRONG}"
        ),
    )


def _draw_rates(
    axes: "Axes", at: Sequence[float], rates: Sequence[Rate], *, vertical: bool, label: str
) -> None:
    """Draw shares with their intervals; an open marker at the upper end if no label was wrong."""
    for position, seen in zip(at, rates, strict=True):
        ends = [seen.low or seen.high / 1e6, seen.high]
        points = ([position, position], ends) if vertical else (ends, [position, position])
        axes.plot(*points, color=BLUE if seen.wrong else PALE, linewidth=1.4, zorder=2)
    some = [(position, seen.share) for position, seen in zip(at, rates, strict=True) if seen.wrong]
    none = [(position, seen.high) for position, seen in zip(at, rates, strict=True) if not seen.wrong]
    for seen_at, marker, fill, text in (
        (some, "o", BLUE, label),
        (none, "v" if vertical else "<", "white", ""),
    ):
        if seen_at:
            first, second = zip(*seen_at, strict=True)
            xy = (first, second) if vertical else (second, first)
            style: dict[str, Any] = {"markerfacecolor": fill, "color": BLUE, "linestyle": "", "zorder": 3}
            axes.plot(*xy, marker=marker, label=text or None, **style)
    if not vertical:
        low, high = _span([_lowest(each) for each in rates])
        axes.set_xlim(low, high)


def _end_ticks(axes: "Axes") -> None:
    """Put ticks at the first and the last power of ten of a narrow log axis."""
    low, high = axes.get_xlim()
    first, last = math.ceil(math.log10(low)), math.floor(math.log10(high))
    ticks = sorted({10.0**first, 10.0**last})
    axes.set_xticks(ticks, [percent_tick(value) for value in ticks])
    axes.minorticks_off()


def _lowest(seen: Rate) -> float:
    return seen.low or seen.high


def _span(values: Sequence[float]) -> tuple[float, float]:
    """Return the limits of a log axis around values, at most 1."""
    return min(values) / 3, min(1.0, 3 * max(values)) if max(values) < 1 / 3 else 1.0
