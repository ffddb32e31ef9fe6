"""The tables of a comparison of groups."""

from collections.abc import Iterable, Mapping, Sequence

from alframe.report.document import Table
from alframe.report.formatting import some, spread_note
from alframe.report.stats.compared_figures import CERTIFICATES, RESULTS, TIMES, Figure, cut
from alframe.report.stats.comparison import Difference, GroupComparison
from alframe.report.stats.curves import KINDS, Kind, Penalties
from alframe.report.stats.ranking import MANY, drawn_groups, in_order
from alframe.report.stats.statistics import FEWEST, Estimate

CUT = "Intervals are cut at 0 and 100 %."
NO_BASELINE = (
    "No table of differences: every group has one seed and none is a baseline (random, none). Name one with "
    "--against NAME."
)
_CURVES = {"accuracy": "test accuracy", "mislabelled": "mislabelled share"}


def means_table(comparison: GroupComparison) -> Table:
    """Return the means of each group; the note has the ranges of the areas."""
    figures = _columns(comparison)
    names = in_order(comparison)
    notes = [spread_of(comparison), *(_range_note(comparison, kind) for kind in KINDS)]
    if any(len(seeds) >= FEWEST for seeds in comparison.seeds.values()):
        notes.insert(1, CUT)
    if comparison.baseline is None and len(names) > 1:
        notes.append(NO_BASELINE)
    if len(names) > MANY:
        notes.insert(0, "Rows are sorted by mislabelled share, lowest first.")
    rows = _rows(names, comparison.means, figures, comparison)
    return Table(
        name="means",
        title="Means over seeds",
        head=["group", "trials", *(figure.title for figure in figures.values())],
        rows=[[name, str(len(comparison.seeds[name])), *cells] for name, *cells in rows],
        note=" ".join(filter(None, notes)),
    )


def differences_table(comparison: GroupComparison) -> Table | None:
    """Return the differences of each group from the baseline; None for one group or without a baseline."""
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
    compared = [each for column in comparison.differences.values() for each in column.values()]
    note = f"Group minus {comparison.baseline}, for equal seeds. "
    note += spread_note([each.comparison.difference.n for each in compared])
    if any(each.p_holm is not None for each in compared):
        note += " p: paired t-test, Holm's correction over the groups of a column."
    return Table(
        name="differences",
        title=f"Paired differences from {comparison.baseline}",
        head=["group", *(figure.title for figure in figures.values())],
        rows=rows,
        note=note,
    )


def front_table(comparison: GroupComparison) -> Table | None:
    """Return the Pareto front; None for one group or if no mislabelled share is known."""
    if len(comparison.means) < 2 or not comparison.front:
        return None
    keys = ("hand_labels", "hand_share", "mislabelled_share", "test_accuracy")
    figures = {key: each for key, each in RESULTS.items() if key in keys and _is_known(comparison, key)}
    return Table(
        name="pareto_front",
        title="Pareto front: no other group has both fewer hand labels and fewer wrong labels",
        head=["group", *(figure.title for figure in figures.values())],
        rows=_rows(comparison.front, comparison.means, figures, comparison),
        note=f"{spread_of(comparison)} If intervals overlap, the order is not certain.",
    )


def classes_table(comparison: GroupComparison) -> Table | None:
    """Return the mislabelled share of single classes; None if they are of equal size."""
    if not comparison.classes:
        return None
    return Table(
        name="classes",
        title="Mislabelled by class, %, from the largest class to the smallest",
        head=["group", *(figure.title for figure in comparison.classes.values())],
        rows=_rows(in_order(comparison), comparison.class_means, comparison.classes, comparison),
        note=spread_of(comparison),
    )


def penalties_table(comparison: GroupComparison) -> Table | None:
    """Return the pairwise comparison of test accuracy for the `drawn_groups`; None if it is unknown."""
    penalties = comparison.penalties
    if penalties is None:
        return None
    names = [name for name in drawn_groups(comparison) if name in penalties.shares]
    rows = []
    for name in names:
        row = penalties.shares[name]
        cells = ["" if other == name else f"{100 * row[other]:.0f}" for other in names]
        rows.append([name, *cells, f"{penalties.mean_percent(name):.0f}"])
    return Table(
        name="penalty_matrix",
        title="Penalty matrix: points (%) at which the row's group beats the column's group in test accuracy",
        head=["group", *names, "mean"],
        rows=rows,
        note=penalties_note(penalties, len(names)),
    )


def penalties_note(penalties: Penalties, n_drawn: int) -> str:
    """Return a note on how a penalty matrix is computed."""
    corrected = "all cells and points" if penalties.family == "matrix" else "the points of each cell"
    low, high = 100 * penalties.points[0], 100 * penalties.points[-1]
    n, n_seeds = len(penalties.points), len(penalties.seeds)
    note = (
        f"{n} points of the learning curves, from {low:.3g} to {high:.3g} % hand labels. A win: a paired "
        f"t-test over {n_seeds} seeds rejects at 5 %, after Holm's correction over {corrected}."
    )
    if n_drawn < len(penalties.shares):
        note += (
            f" {n_drawn} of {len(penalties.shares)} groups are shown, with the baseline; the mean and the "
            "correction cover all groups."
        )
    return note


def certificates_table(comparison: GroupComparison) -> Table | None:
    """Return the cost and the result of the audits; None without certificates."""
    if not comparison.certified:
        return None
    return Table(
        name="certificates",
        title="Certificates: labels asked by the audit, and the error it proves",
        head=["group", "reached", *(figure.title for figure in CERTIFICATES.values())],
        rows=[
            [name, f"{each.reached} of {each.n}", *_estimates(each.means, CERTIFICATES, each.n)]
            for name in in_order(comparison)
            if (each := comparison.certified.get(name)) is not None
        ],
        note=spread_note([each.n for each in comparison.certified.values()]),
    )


def times_table(comparison: GroupComparison) -> Table:
    """Return the rounds and seconds of a trial of each group."""
    return Table(
        name="seconds",
        title="Time per trial",
        head=["group", *(figure.title for figure in TIMES.values())],
        rows=_rows(in_order(comparison), comparison.times, TIMES, comparison),
        note=f"Wall-clock time; trials at the same time slow each other down. {spread_of(comparison)}",
    )


def spread_of(comparison: GroupComparison) -> str:
    """Return the note on the bounds around the means of a comparison."""
    return spread_note([len(seeds) for seeds in comparison.seeds.values()])


def late_labels_note(comparison: GroupComparison) -> str:
    """Return why groups lack a curve of the mislabelled share, if nothing is auto-labelled before the end."""
    late = comparison.labelled_at_the_end
    if not late:
        return ""
    groups = "" if len(late) == len(comparison.means) else f" for {some(late, 5)}"
    return (
        f"No learning curve and no AUBC of the mislabelled share{groups}: nothing is auto-labelled before "
        "the end, so the share is 0 until then."
    )


def _columns(comparison: GroupComparison) -> dict[str, Figure]:
    """Return the figures known in any group, without the hand-label share, which the count already shows."""
    return {
        key: each
        for key, each in comparison.figures.items()
        if key != "hand_share" and _is_known(comparison, key)
    }


def _is_known(comparison: GroupComparison, key: str) -> bool:
    return any(row[key] is not None for row in comparison.means.values())


def _range_note(comparison: GroupComparison, kind: Kind) -> str:
    name, stretch = _CURVES[kind], comparison.ranges[kind]
    late = late_labels_note(comparison) if kind == "mislabelled" else ""
    if stretch is None:
        if late and not comparison.curves[kind]:
            return late
        reason = "the curves share no range of hand labels" if comparison.curves[kind] else "it is unknown"
        return f"No AUBC of {name}: {reason}."
    low, high = (100 * share for share in stretch)
    note = f"AUBC (area under the budget curve): the mean {name} from {low:.3g} to {high:.3g} % hand labels."
    return f"{note} {late}".strip()


def _rows(
    names: Iterable[str],
    means: Mapping[str, Mapping[str, Estimate | None]],
    figures: Mapping[str, Figure],
    comparison: GroupComparison,
) -> list[list[str]]:
    return [[name, *_estimates(means[name], figures, len(comparison.seeds[name]))] for name in names]


def _estimates(
    row: Mapping[str, Estimate | None], figures: Mapping[str, Figure], n_seeds: int
) -> Sequence[str]:
    return [estimate_text(row[key], figure, n_seeds) for key, figure in figures.items()]


def estimate_text(each: Estimate | None, figure: Figure, n_seeds: int) -> str:
    """Return a mean with its bounds, cut at the figure's limits, and the number of seeds if some lack it.

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
    """Return a paired difference with its bounds and p; without them if it is equal in all seeds."""
    if each is None:
        return ""
    difference, p, d = each.comparison.difference, each.p_holm, max(figure.decimals, 1)
    text = f"{difference.mean:+.{d}f}"
    if difference.low in (None, difference.high):
        return text
    text += f" ({difference.low:+.{d}f} to {difference.high:+.{d}f})"
    return text if p is None else text + (", p < 0.001" if p < 0.001 else f", p {p:.3f}")
