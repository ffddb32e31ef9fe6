"""The tables of a comparison of groups."""

from collections.abc import Iterable, Mapping, Sequence

from alframe.report.document import Table
from alframe.report.stats.comparison import Difference, GroupComparison
from alframe.report.stats.curves import KINDS, Kind, Penalties
from alframe.report.stats.metrics import CERTIFICATES, RESULTS, TIMES, Figure, cut
from alframe.report.stats.statistics import Estimate

MANY = 12  # groups; of more, a picture or a matrix shows so many, and tables are sorted
CUT = "Intervals are cut at 0 and 100 %."
NO_BASELINE = (
    "No table of differences: every group has one seed and none is a baseline (random, none); --against NAME "
    "takes one."
)
_CURVES = {"accuracy": "test accuracy", "mislabelled": "mislabelled share"}


def ranked(comparison: GroupComparison) -> list[str]:
    """Return all groups from the least mislabelled to the most, by test accuracy where that is unknown."""

    def rank(name: str) -> tuple[float, float]:
        row = comparison.means[name]
        wrong, accuracy = row["mislabelled_share"], row["test_accuracy"]
        return (
            float("inf") if wrong is None else wrong.mean,
            float("inf") if accuracy is None else -accuracy.mean,
        )

    return sorted(comparison.means, key=rank)


def in_order(comparison: GroupComparison) -> list[str]:
    """Return all groups in the order of a table's rows: as they came, sorted where they are many."""
    return list(comparison.means) if len(comparison.means) <= MANY else ranked(comparison)


def shown(comparison: GroupComparison) -> list[str]:
    """Return the groups that a picture can show: of many a part of the front, the best, the baseline."""
    if len(comparison.means) <= MANY:
        return list(comparison.means)
    of_front = comparison.front[:: 1 + 2 * len(comparison.front) // MANY]
    best = dict.fromkeys([*of_front, *ranked(comparison)])
    if comparison.baseline is None:
        return list(best)[:MANY]
    return [*[name for name in best if name != comparison.baseline][: MANY - 1], comparison.baseline]


def means_table(comparison: GroupComparison) -> Table:
    """Return the means of each group, with the ranges that areas are over in the note."""
    figures = _columns(comparison)
    rows = []
    for name in in_order(comparison):
        n = len(comparison.seeds[name])
        cells = [estimate_text(comparison.means[name][key], each, n) for key, each in figures.items()]
        rows.append([name, str(n), *cells])
    notes = [_range_note(comparison, kind) for kind in KINDS]
    if any(len(seeds) > 1 for seeds in comparison.seeds.values()):
        notes.append(CUT)
    if comparison.baseline is None and len(rows) > 1:
        notes.append(NO_BASELINE)
    if len(rows) > MANY:
        notes.insert(0, "Rows from the least mislabelled to the most.")
    return Table(
        name="means",
        title="Means over seeds, with 95 % intervals",
        head=["group", "seeds", *(figure.title for figure in figures.values())],
        rows=rows,
        note=" ".join(notes),
    )


def differences_table(comparison: GroupComparison) -> Table | None:
    """Return how each group differs from the baseline; None for a single group or without a baseline."""
    if len(comparison.means) < 2 or comparison.baseline is None:
        return None
    figures = _columns(comparison)
    rows = [
        [
            name,
            *(difference_text(comparison.differences[key].get(name), each) for key, each in figures.items()),
        ]
        for name in in_order(comparison)
        if name != comparison.baseline
    ]
    return Table(
        name="differences",
        title=f"Paired differences from {comparison.baseline}, with 95 % intervals and Holm-corrected p",
        head=["group", *(figure.title for figure in figures.values())],
        rows=rows,
        note=f"Group less {comparison.baseline}, seed by seed; Student's t; p over the rows of a column.",
    )


def front_table(comparison: GroupComparison) -> Table | None:
    """Return the Pareto front; None where there is nothing to choose from."""
    if len(comparison.means) < 2 or not comparison.front:
        return None
    keys = ("hand_labels", "hand_share", "mislabelled_share", "test_accuracy")
    figures = {key: each for key, each in RESULTS.items() if key in keys and _is_known(comparison, key)}
    return Table(
        name="pareto_front",
        title="Pareto front: no other group has both fewer hand labels and fewer mislabelled",
        head=["group", *(figure.title for figure in figures.values())],
        rows=[
            [name, *_estimates(comparison.means[name], figures, len(comparison.seeds[name]))]
            for name in comparison.front
        ],
        note="By the means over seeds, as shares of the data set; intervals that overlap decide nothing.",
    )


def penalties_table(comparison: GroupComparison) -> Table | None:
    """Return who beats whom in test accuracy, of the groups that are `shown`; None where that is unknown."""
    penalties = comparison.penalties
    if penalties is None:
        return None
    names = [name for name in shown(comparison) if name in penalties.shares]
    rows = []
    for name in names:
        row = penalties.shares[name]
        cells = ["" if other == name else f"{100 * row[other]:.0f}" for other in names]
        rows.append([name, *cells, f"{100 * sum(row.values()) / len(row):.0f}"])
    return Table(
        name="penalty_matrix",
        title="Test accuracy: share (%) of points at which the row beats the column",
        head=["group", *names, "mean"],
        rows=rows,
        note=penalties_note(penalties, len(names)),
    )


def penalties_note(penalties: Penalties, n_shown: int) -> str:
    """Return what a penalty matrix is made of, in a sentence or two."""
    corrected = "all cells and points" if penalties.family == "matrix" else "the points of each cell"
    low, high = 100 * penalties.points[0], 100 * penalties.points[-1]
    n, n_seeds = len(penalties.points), len(penalties.seeds)
    told = (
        f"{n} points from {low:.3g} to {high:.3g} % hand labels; paired t-test over {n_seeds} seeds at 5 %, "
        f"Holm over {corrected}."
    )
    if n_shown < len(penalties.shares):
        told += (
            f" Of {len(penalties.shares)} groups {n_shown} are shown, the baseline among them; the mean and "
            "Holm's correction are over all."
        )
    return told


def certificates_table(comparison: GroupComparison) -> Table | None:
    """Return what the audits cost and proved; None without certificates."""
    if not comparison.certified:
        return None
    return Table(
        name="certificates",
        title="Certificates: what the audit cost and proved",
        head=["group", "reached", *(figure.title for figure in CERTIFICATES.values())],
        rows=[
            [name, f"{each.reached} of {each.n}", *_estimates(each.means, CERTIFICATES, each.n)]
            for name in in_order(comparison)
            if (each := comparison.certified.get(name)) is not None
        ],
    )


def times_table(comparison: GroupComparison) -> Table:
    """Return the rounds and seconds of a trial of each group."""
    return Table(
        name="seconds",
        title="Seconds per trial",
        head=["group", *(figure.title for figure in TIMES.values())],
        rows=[
            [name, *_estimates(comparison.times[name], TIMES, len(comparison.seeds[name]))]
            for name in in_order(comparison)
        ],
        note="Wall clock; trials that ran beside others took longer for it.",
    )


def _columns(comparison: GroupComparison) -> dict[str, Figure]:
    """Return the figures that are known of any group, but for the share that says what a count says."""
    return {
        key: each
        for key, each in comparison.figures.items()
        if key != "hand_share" and _is_known(comparison, key)
    }


def _is_known(comparison: GroupComparison, key: str) -> bool:
    return any(row[key] is not None for row in comparison.means.values())


def _range_note(comparison: GroupComparison, kind: Kind) -> str:
    if not comparison.curves[kind]:
        return f"No AUBC of {_CURVES[kind]}: it is not known."
    stretch = comparison.ranges[kind]
    if stretch is None:
        return f"No AUBC of {_CURVES[kind]}: the trials share no stretch of hand shares."
    low, high = (100 * share for share in stretch)
    return (
        f"AUBC of {_CURVES[kind]}: mean height of the curve from {low:.3g} to {high:.3g} % hand labels, by "
        "trapezoids."
    )


def _estimates(
    row: Mapping[str, Estimate | None], figures: Mapping[str, Figure], n_seeds: int
) -> Sequence[str]:
    return [estimate_text(row[key], figure, n_seeds) for key, figure in figures.items()]


def estimate_text(each: Estimate | None, figure: Figure, n_seeds: int) -> str:
    """Return a mean with its interval, cut at the figure's bounds, and over how many seeds if not all.

    >>> coverage = Estimate(mean=50.0, low=45.0, high=55.0, n=4)
    >>> estimate_text(coverage, RESULTS["coverage"], 5)
    '50.00 (45.00 to 55.00), 4 seeds'
    """
    if each is None:
        return ""
    each, d = cut(each, figure.highest), figure.decimals
    bounds = "" if each.low in (None, each.high) else f" ({each.low:.{d}f} to {each.high:.{d}f})"
    return f"{each.mean:.{d}f}{bounds}" + (f", {each.n} seeds" if each.n < n_seeds else "")


def difference_text(each: Difference | None, figure: Figure) -> str:
    """Return a paired difference with its interval and p, those where chance had a part in it."""
    if each is None:
        return ""
    difference, p, d = each.comparison.difference, each.p_holm, max(figure.decimals, 1)
    if difference.low in (None, difference.high) or p is None:  # nothing that chance had a part in
        return f"{difference.mean:+.{d}f}"
    chance = "p < 0.001" if p < 0.001 else f"p {p:.3f}"
    return f"{difference.mean:+.{d}f} ({difference.low:+.{d}f} to {difference.high:+.{d}f}), {chance}"


def present(tables: Iterable[Table | None]) -> list[Table]:
    """Return the tables that there are."""
    return [table for table in tables if table is not None]
