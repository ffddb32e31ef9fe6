"""Pictures of a trial's rounds: the sources of the labels and their quality."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from alframe._text import count, percent
from alframe.core.reports import RoundRow
from alframe.report.document import Picture
from alframe.report.load.trial_records import round_name
from alframe.report.plots.axes import in_counts, in_percent, legend_above, log_ticks
from alframe.report.plots.style import (
    AUTO,
    BLACK,
    BLUE,
    GREEN,
    GREY,
    HAND,
    PALE,
    PURPLE,
    SKY,
    VERMILLION,
    figure,
    in_style,
    picture,
)
from alframe.report.stats.error_rates import cumulative

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SOURCE_COLOURS = {
    "seed": BLACK,
    "query": BLUE,
    "validation": PURPLE,
    "audit": GREEN,
    "remainder": SKY,
    "mend": BLUE,
    "cannot_tell": GREY,
    "no_class": VERMILLION,
}
HATCHES = {"validation": "////", "audit": "\\\\\\\\"}  # their colours have about the same grey
MOST_MARKED = 40  # rounds; with more, the markers would cover the line
MOST_NAMED = 12  # rounds whose names fit side by side


@in_style()
def draw_flow(rounds: Sequence[RoundRow]) -> Picture:
    """Return the shares of hand labels, auto-labels and unlabelled samples after each round."""
    drawn = figure(height=4.6)
    shares, counts = drawn.subplots(2, 1, sharex=True)
    x = [each.round for each in rounds]
    kinds = (  # label, column, colours of bars and line, marker, dash
        ("hand labels", "hand_labels", HAND, HAND, "o", "-"),
        ("auto-labels", "auto_labels", AUTO, AUTO, "s", "--"),
        ("unlabelled", "unlabelled", PALE, GREY, "^", ":"),
    )
    below = [0.0] * len(x)
    for name, column, fill, colour, marker, dash in kinds:
        values = [getattr(each, column) for each in rounds]
        height = [value / _samples(each) for value, each in zip(values, rounds, strict=True)]
        shares.bar(x, height, bottom=below, width=_width(x), label=name, color=fill)
        below = [a + b for a, b in zip(below, height, strict=True)]
        _plot_positive(counts, x, values, label=name, color=colour, marker=marker, linestyle=dash)
    _share_axis(shares, "share of the data set")
    shares.set_ylim(0, 1)
    shares.grid(visible=False)
    counts.set_yscale("log")
    counts.set_ylabel("labels (log scale)")
    in_counts(counts.yaxis)
    _few_log_ticks(counts)
    _round_axis(counts, rounds)
    legend_above(shares, 3)
    legend_above(counts, 3)
    last = rounds[-1]
    return picture(
        drawn,
        name="flow",
        title="Hand labels and auto-labels by round",
        description=(
            f"Shares of hand labels, auto-labels and unlabelled samples after each of {len(rounds)} rounds, "
            f"and the counts on a log scale. At the end {count(last.hand_labels)} hand labels, "
            f"{count(last.auto_labels)} auto-labels, {count(last.unlabelled)} unlabelled samples."
        ),
        note="Zeros cannot be drawn on the log scale.",
    )


@in_style()
def draw_hand_labels(by_source: Mapping[str, Mapping[int, int]], rounds: Sequence[RoundRow]) -> Picture:
    """Return the number of hand labels after each round, by purpose."""
    drawn = figure(height=3.0)
    axes = drawn.subplots()
    x = [each.round for each in rounds]
    below = [0] * len(x)
    for name, by_round in by_source.items():
        height = cumulative(by_round, x)
        axes.bar(
            x,
            height,
            bottom=below,
            width=_width(x),
            color=SOURCE_COLOURS[name],
            hatch=HATCHES.get(name),
            edgecolor="white" if name in HATCHES else SOURCE_COLOURS[name],
            linewidth=0,
            label=f"{name} ({count(height[-1])})",
        )
        below = [a + b for a, b in zip(below, height, strict=True)]
    axes.set_ylabel("hand labels so far")
    in_counts(axes.yaxis)
    axes.grid(visible=False, axis="x")
    _round_axis(axes, rounds)
    legend_above(axes, 3)
    parts = ", ".join(f"{count(sum(by_round.values()))} {name}" for name, by_round in by_source.items())
    return picture(
        drawn,
        name="hand_labels",
        title="Hand labels by purpose",
        note="seed: before the first round; query: chosen by the strategy; validation: to measure errors; "
        "audit: for the check or the certificate; remainder: labelled at the end; cannot_tell, no_class: "
        "answers without a class.",
        description=f"Hand labels after each round, stacked by purpose: {parts}.",
    )


@in_style()
def draw_quality(rounds: Sequence[RoundRow]) -> Picture:
    """Return the mislabelled share, the error of the auto-labels and the test accuracy by round.

    Args:
        rounds: at least one row has a mislabelled share above zero or a test accuracy.
    """
    has_truth = any(each.mislabelled_share for each in rounds)
    tested = any(each.test_accuracy is not None for each in rounds)
    drawn = figure(height=1.2 + 1.7 * (has_truth + tested))
    panels = drawn.subplots(has_truth + tested, 1, sharex=True, squeeze=False)[:, 0]
    x = [each.round for each in rounds]
    if has_truth:
        _draw_wrong(panels[0], rounds)
    if tested:
        accuracies = [(each.round, each.test_accuracy) for each in rounds if each.test_accuracy is not None]
        panels[-1].plot(*zip(*accuracies, strict=True), color=GREEN, marker=_marker("D", x))
        _share_axis(panels[-1], "test accuracy")
    _round_axis(panels[-1], rounds)
    last = [each for each in rounds if each.mislabelled_share is not None][-1:]
    accuracy = [each.test_accuracy for each in rounds if each.test_accuracy is not None][-1:]
    ends = [f"{percent(each.mislabelled_share)} of the data set is mislabelled at the end" for each in last]
    ends += [f"the last test accuracy is {percent(each)}" for each in accuracy]
    return picture(
        drawn,
        name="quality",
        title="Quality of the labels and of the classifier",
        description=f"Mislabelled share and test accuracy by round: {'; '.join(ends)}.",
        note="Open triangles at the bottom: no label was wrong; zero cannot be drawn on a log scale."
        if has_truth
        else "",
    )


def _draw_wrong(axes: "Axes", rounds: Sequence[RoundRow]) -> None:
    axes.set_yscale("log")
    x = [each.round for each in rounds]
    series = (
        ("mislabelled, share of the data set", [e.mislabelled_share for e in rounds], VERMILLION, "o", "-"),
        ("auto-label error, share of the auto-labels", [e.auto_label_error for e in rounds], AUTO, "s", "--"),
    )
    floor = min((v for _, values, *_ in series for v in values if v), default=1e-4) / 2
    for name, values, colour, marker, dash in series:
        if any(values):
            _plot_positive(axes, x, values, label=name, color=colour, marker=marker, linestyle=dash)
        zero = [number for number, value in zip(x, values, strict=True) if value == 0]
        if zero:  # an unclipped line without points would reach the corner of the figure
            axes.plot(zero, [floor] * len(zero), "v", color=colour, markerfacecolor="white", clip_on=False)
    axes.set_ylim(bottom=floor)
    _share_axis(axes, "wrong labels (log scale)")
    legend_above(axes, 1)


def _plot_positive(
    axes: "Axes", x: Sequence[int], values: Sequence[float | None], *, marker: str, **line: Any
) -> None:
    """Plot the positive values on a log scale."""
    axes.plot(x, [value or float("nan") for value in values], marker=_marker(marker, x), **line)


def _width(x: Sequence[int]) -> float:
    return 0.9 if len(x) <= MOST_MARKED else 1.0  # gaps narrower than a pixel would flicker


def _marker(marker: str, x: Sequence[int]) -> str:
    return marker if len(x) <= MOST_MARKED else ""


def _samples(row: RoundRow) -> int:
    return max(1, row.hand_labels + row.auto_labels + row.unlabelled)


def _round_axis(axes: "Axes", rounds: Sequence[RoundRow]) -> None:
    from matplotlib.ticker import MaxNLocator

    x = [each.round for each in rounds]
    if len(x) <= MOST_NAMED:
        axes.set_xticks(x, [round_name(each) for each in rounds])
    else:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    axes.set_xlim(min(x) - 0.6, max(x) + 0.6)
    axes.set_xlabel("round" if len(x) <= MOST_NAMED else "round (0 is the seed set)")


def _share_axis(axes: "Axes", label: str) -> None:
    axes.set_ylabel(label)
    in_percent(axes.yaxis)
    if axes.get_yscale() == "log":
        _few_log_ticks(axes)


def _few_log_ticks(axes: "Axes") -> None:
    """Put ticks on a log axis that may be shorter than a power of ten."""
    low, high = axes.get_ylim()
    subs = (1.0, 2.0, 5.0) if high < 30 * low else (1.0, 3.0) if high < 1000 * low else (1.0,)
    log_ticks(axes.yaxis, subs=subs)
