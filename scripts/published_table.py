"""Print the table of a sweep over the three knobs of the published protocol, and draw its trade-off.

    python scripts/published_table.py multirun/DIR [--picture FILE.png]

DIR is the directory of `+sweep=published_fast_trials` or `+sweep=published_trials`. A row has the mean over
the seeds and a 95 % interval (Student's t; the range for two seeds). Only finished trials count.
"""

import argparse
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from alframe.report.load.trials import FinishedTrial, find_trials
from alframe.report.plots.draw_rankings import error_bars
from alframe.report.plots.style import BLUE, GREEN, GREY, ORANGE, VERMILLION, WIDTH, figure, in_style, picture
from alframe.report.stats.statistics import Estimate, estimate

Knobs = tuple[float, float, float]  # threshold, share of the seed set, share of a question
Rows = Mapping[Knobs, Sequence[FinishedTrial]]
HEAD = (
    "| Threshold | Seed set | Asked in each round | Seeds "
    "| Hand labels | Hand labels, % | Mislabelled, % | Rounds |"
)
TICKS = (2, 5, 10, 20, 50, 100)  # of hand labels, in percent
COLOURS = (ORANGE, VERMILLION, BLUE, GREEN)


def main() -> None:
    """Print the table and draw the picture."""
    options = _options()
    rows = rows_of(find_trials([options.directory]).trials)
    print(table(rows))
    if options.picture is not None:
        draw(rows, options.picture)


def rows_of(trials: Sequence[FinishedTrial]) -> Rows:
    """Return the trials by knobs, in the order of the knobs."""
    rows: dict[Knobs, list[FinishedTrial]] = defaultdict(list)
    for trial in trials:
        config = trial.config
        knobs = (config["auto_label"]["threshold"], config["initial"]["share"], config["query"]["share"])
        rows[knobs].append(trial)
    return dict(sorted(rows.items()))


def table(rows: Rows) -> str:
    """Return the table in Markdown."""
    lines = [HEAD, "|---" * (HEAD.count("|") - 1) + "|"]
    for (threshold, initial, asked), trials in rows.items():
        summaries = [trial.summary for trial in trials]
        cells = [
            str(threshold),
            f"{100 * initial:g} %",
            f"{100 * asked:g} %",
            str(len(trials)),
            _text(estimate([each.hand_labels for each in summaries]), "{:,.0f}"),
            _text(estimate([100 * each.hand_share for each in summaries]), "{:.1f}"),
            _text(wrong_of(trials), "{:.3f}"),
            _text(estimate([each.rounds for each in summaries]), "{:.0f}", with_interval=False),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def wrong_of(trials: Sequence[FinishedTrial]) -> Estimate:
    """Return the mislabelled share in percent."""
    return estimate([100 * (trial.summary.mislabelled_share or 0.0) for trial in trials])


def _text(each: Estimate, form: str, *, with_interval: bool = True) -> str:
    mean = form.format(each.mean)
    if not with_interval or each.low is None or each.high is None:
        return mean
    return f"{mean} ({form.format(max(0.0, each.low))} to {form.format(each.high)})"


def draw(rows: Rows, file: Path) -> None:
    """Draw hand labels against wrong labels: a colour for each threshold, a marker for the two shares."""
    from matplotlib.ticker import NullLocator

    thresholds = sorted({threshold for threshold, _, _ in rows})
    smallest = [min(shares) for shares in list(zip(*rows, strict=True))[1:]]
    with in_style():
        canvas = figure(WIDTH, 3.4)
        axes = canvas.subplots()
        for (threshold, initial, asked), trials in rows.items():
            colour = COLOURS[thresholds.index(threshold) % len(COLOURS)]
            hand = estimate([100 * trial.summary.hand_share for trial in trials])
            wrong = wrong_of(trials)
            axes.errorbar(
                hand.mean,
                wrong.mean,
                xerr=error_bars([hand]),
                yerr=error_bars([wrong]),
                marker="o" if initial == smallest[0] else "s",
                color=colour,
                markerfacecolor=colour if asked == smallest[1] else "white",
                elinewidth=0.8,
            )
        for threshold, colour in zip(thresholds, COLOURS, strict=False):
            axes.plot([], [], "o", color=colour, label=f"threshold {threshold}")
        for marker, face, label in _legend(rows):
            axes.plot([], [], marker, color=GREY, markerfacecolor=face, label=label)
        axes.set_xscale("log")
        axes.xaxis.set_minor_locator(NullLocator())
        low, high = axes.get_xlim()
        axes.set_xticks([each for each in TICKS if low <= each <= high], minor=False)
        axes.xaxis.set_major_formatter("{x:g}")
        axes.set_ylim(bottom=0)
        axes.set_xlabel("hand labels, % of the data set (logarithmic)")
        axes.set_ylabel("mislabelled, % of the data set")
        canvas.legend(loc="outside lower center", ncols=2)
        drawn = picture(canvas, name="published", title="", description="")
    file.write_bytes(drawn.png)


def _legend(rows: Rows) -> list[tuple[str, str, str]]:
    """Return marker, face and text of the entries that explain the two shares."""
    initial, asked = (sorted(set(shares)) for shares in list(zip(*rows, strict=True))[1:])
    markers = zip("os", initial, strict=False)
    faces = zip((GREY, "white"), asked, strict=False)
    entries = [(marker, GREY, f"seed set {100 * share:g} %") for marker, share in markers]
    return entries + [("D", face, f"{100 * share:g} % asked") for face, share in faces]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Print the table of the published protocol.")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--picture", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
