"""Compare finished trials in tables: means, paired differences, who beats whom along the way.

    python scripts/compare.py DIR [--by query|auto_label|KEY ...] [--against NAME] [--family matrix|cell]
                              [--json FILE]

Trials below DIR are named by what was chosen for --by (config groups or settings) and paired by seed.
Intervals are Student's t over the seeds, 95 %; p values are Holm's, over the names that a column compares.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from alframe.errors import UserError
from alframe.report.statistics import (
    Comparison,
    Estimate,
    Points,
    aubc,
    common_points,
    common_range,
    compare,
    estimate,
    holm,
    penalty_matrix,
    tidy,
    value_at,
)
from alframe.report.trials import Trial, find_trials, group_by

Groups = Mapping[str, Sequence[Trial]]
FEW_SEEDS = 5
BASELINES = ("random", "none")


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A column: what it reads from a trial, times `scale`, with so many decimals."""

    title: str
    read: Callable[[Trial], float | None]
    scale: float = 100
    decimals: int = 2


def main() -> None:
    """Read the trials and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("directory", type=Path, metavar="DIR")
    parser.add_argument("--by", nargs="+", default=["query"], metavar="KEY")
    parser.add_argument("--against", metavar="NAME", help="the baseline; random or none where there is one")
    parser.add_argument("--family", choices=["matrix", "cell"], default="matrix")
    parser.add_argument("--json", type=Path, metavar="FILE", help="the same figures for a machine")
    options = parser.parse_args()
    try:
        groups = group_by(find_trials(options.directory), options.by)
        baseline = _baseline(groups, options.against)
    except UserError as error:
        print(f"compare: {error}", file=sys.stderr)
        sys.exit(2)
    content = tables(groups, baseline, options.family)
    if options.json is not None:
        options.json.write_text(json.dumps(content, indent=2) + "\n")


def tables(groups: Groups, baseline: str, family: Any) -> dict[str, Any]:
    """Print every table and return what is in them."""
    covered = {name: _common_range(groups, name) for name in ("accuracy", "mislabelled")}
    figures = _figures(covered)
    means = {
        name: {key: _mean(figure, trials) for key, figure in figures.items()}
        for name, trials in groups.items()
    }
    seeds = {name: [trial.seed for trial in trials] for name, trials in groups.items()}
    _print_means(figures, means, seeds)
    _print_ranges(covered)
    _print_certificates(groups)
    compared = {key: _against(figure, groups, baseline) for key, figure in figures.items()}
    _print_differences(figures, compared, groups, baseline)
    points, shared, penalties = _penalties(groups, covered["accuracy"], family)
    _print_penalties(points, shared, penalties, family)
    _print_warnings(seeds)
    return {
        "seeds": seeds,
        "means": {
            name: {key: each and asdict(each) for key, each in row.items()} for name, row in means.items()
        },
        "against": baseline,
        "differences": compared_json(compared),
        "ranges": covered,
        "penalties": {"points": points, "seeds": shared, "family": family, "shares": penalties},
    }


def compared_json(compared: Mapping[str, Mapping[str, tuple[Comparison, float | None]]]) -> dict[str, Any]:
    """Return the comparisons as plain containers, by name and figure."""
    names = dict.fromkeys(name for column in compared.values() for name in column)
    return {
        name: {
            key: {**asdict(column[name][0]), "p_holm": column[name][1]}
            for key, column in compared.items()
            if name in column
        }
        for name in names
    }


def _figures(covered: Mapping[str, tuple[float, float] | None]) -> dict[str, Figure]:
    def of_summary(key: str) -> Callable[[Trial], float | None]:
        return lambda trial: trial.summary[key]

    figures = {
        "hand_labels": Figure(title="hand labels", read=of_summary("hand_labels"), scale=1, decimals=0),
        "mislabelled_share": Figure(title="mislabelled, %", read=of_summary("mislabelled_share"), decimals=3),
        "auto_label_error": Figure(title="auto-label error, %", read=of_summary("auto_label_error")),
        "coverage": Figure(title="coverage, %", read=of_summary("coverage")),
        "test_accuracy": Figure(title="test accuracy, %", read=of_summary("test_accuracy")),
    }
    for name, title in (("accuracy", "AUBC test accuracy, %"), ("mislabelled", "AUBC mislabelled, %")):
        stretch = covered[name]
        if stretch is not None:
            read = partial(_area, name=name, low=stretch[0], high=stretch[1])
            figures[f"aubc_{name}"] = Figure(title=title, read=read, decimals=3)
    figures["seconds"] = Figure(title="seconds", read=of_summary("seconds"), scale=1, decimals=1)
    return figures


def _curve(trial: Trial, name: str) -> Points:
    return trial.accuracy_curve() if name == "accuracy" else trial.mislabelled_curve()


def _common_range(groups: Groups, name: str) -> tuple[float, float] | None:
    """Return the hand shares that all curves cover, but for those of a single point."""
    curves = [_curve(trial, name) for trials in groups.values() for trial in trials]
    return common_range([curve for curve in curves if len(tidy(curve)) > 1])


def _covers(curve: Points, low: float, high: float) -> bool:
    shares = [share for share, _ in curve]
    return bool(shares) and min(shares) <= low and high <= max(shares)


def _area(trial: Trial, name: str, low: float, high: float) -> float | None:
    curve = _curve(trial, name)
    return aubc(curve, low, high) if _covers(curve, low, high) else None


def _values(figure: Figure, trials: Sequence[Trial]) -> dict[int, float]:
    """Return a figure by seed, where it is defined."""
    told = {trial.seed: figure.read(trial) for trial in trials}
    return {seed: figure.scale * value for seed, value in told.items() if value is not None}


def _mean(figure: Figure, trials: Sequence[Trial]) -> Estimate | None:
    values = list(_values(figure, trials).values())
    return estimate(values) if values else None


def _against(figure: Figure, groups: Groups, baseline: str) -> dict[str, tuple[Comparison, float | None]]:
    """Return each name's comparison with the baseline over the seeds of both, and its Holm-corrected p."""
    base = _values(figure, groups[baseline])
    told = {}
    for name, trials in groups.items():
        values = _values(figure, trials)
        shared = sorted(values.keys() & base.keys())
        if name != baseline and shared:
            told[name] = compare([values[seed] for seed in shared], [base[seed] for seed in shared])
    tested = {name: each.p for name, each in told.items() if each.p is not None}
    corrected = dict(zip(tested, holm(list(tested.values())), strict=True))
    return {name: (each, corrected.get(name)) for name, each in told.items()}


def _penalties(
    groups: Groups, stretch: tuple[float, float] | None, family: Any
) -> tuple[list[float], list[int], dict[str, dict[str, float]]]:
    """Return (hand shares, seeds, who beats whom) of test accuracy, over the seeds that all have."""
    if stretch is None:
        return [], [], {}
    shared = sorted(set.intersection(*({trial.seed for trial in trials} for trials in groups.values())))
    curves = {
        name: [trial.accuracy_curve() for trial in trials if trial.seed in shared]
        for name, trials in groups.items()
    }
    curves = {name: each for name, each in curves.items() if all(_covers(curve, *stretch) for curve in each)}
    points = common_points([curve for each in curves.values() for curve in each])
    if not points or not shared:
        return [], shared, {}
    values = {name: [[value_at(curve, x) for x in points] for curve in each] for name, each in curves.items()}
    return points, shared, penalty_matrix(values, family=family)


def _baseline(groups: Groups, asked: str | None) -> str:
    if asked is not None and asked not in groups:
        raise UserError(f"--against: expected one of {', '.join(groups)}, got {asked}.")
    return asked or next((name for name in BASELINES if name in groups), next(iter(groups)))


def _print_means(
    figures: Mapping[str, Figure],
    means: Mapping[str, Mapping[str, Estimate | None]],
    seeds: Mapping[str, list[int]],
) -> None:
    print("\nMeans over seeds, with 95 % intervals.\n")
    _print_head(["", "seeds", *(figure.title for figure in figures.values())])
    for name, row in means.items():
        cells = [_estimate(row[key], figure, len(seeds[name])) for key, figure in figures.items()]
        _print_row([name, str(len(seeds[name])), *cells])


def _print_ranges(covered: Mapping[str, tuple[float, float] | None]) -> None:
    told = {"accuracy": "test accuracy", "mislabelled": "mislabelled share"}
    for name, stretch in covered.items():
        if stretch is None:
            print(f"\nNo AUBC of {told[name]}: not known, or the trials share no stretch of hand shares.")
        else:
            low, high = (100 * share for share in stretch)
            print(
                f"\nAUBC of {told[name]}: mean height of the curve from {low:.3g} to {high:.3g} % "
                "hand labels, by trapezoids."
            )


def _of_certificate(key: str) -> Callable[[Trial], float | None]:
    return lambda trial: (trial.summary.get("certificate") or {}).get(key)


def _before_audit(key: str, change: str, sign: int) -> Callable[[Trial], float | None]:
    """Return what reads a figure as it stood before the audit's answers, where the oracle is perfect."""

    def read(trial: Trial) -> float | None:
        value, certificate = trial.summary[key], trial.summary.get("certificate")
        return None if certificate is None or value is None else value + sign * certificate[change]

    return read


_CERTIFICATES = {
    "hand labels before": Figure(
        title="hand labels before it", read=_before_audit("hand_labels", "asked", -1), scale=1, decimals=0
    ),
    "mislabelled before": Figure(
        title="mislabelled before it",
        read=_before_audit("mislabelled", "found_wrong", 1),
        scale=1,
        decimals=0,
    ),
    "asked": Figure(title="its answers", read=_of_certificate("asked"), scale=1, decimals=0),
    "found_wrong": Figure(title="found wrong", read=_of_certificate("found_wrong"), scale=1, decimals=1),
    "max_wrong_share": Figure(title="wrong at most, %", read=_of_certificate("max_wrong_share"), decimals=3),
    "hand_share": Figure(title="hand labels in all, %", read=lambda trial: trial.summary["hand_share"]),
    "truly": Figure(title="wrong, %", read=lambda trial: trial.summary["mislabelled_share"], decimals=3),
}


def _print_certificates(groups: Groups) -> None:
    certified = {
        name: [trial for trial in trials if trial.summary.get("certificate")]
        for name, trials in groups.items()
    }
    if not any(certified.values()):
        return
    print("\nCertificates: what the audit cost and proved.\n")
    _print_head(["", "reached", *(figure.title for figure in _CERTIFICATES.values())])
    for name, trials in certified.items():
        if trials:
            reached = sum(trial.summary["certificate"]["reached"] for trial in trials)
            cells = [
                _estimate(_mean(figure, trials), figure, len(trials)) for figure in _CERTIFICATES.values()
            ]
            _print_row([name, f"{reached} of {len(trials)}", *cells])


def _print_differences(
    figures: Mapping[str, Figure],
    compared: Mapping[str, Mapping[str, tuple[Comparison, float | None]]],
    groups: Groups,
    baseline: str,
) -> None:
    if len(groups) < 2:
        return
    print(f"\nPaired differences from {baseline}, with 95 % intervals and Holm-corrected p.\n")
    _print_head(["", *(figure.title for figure in figures.values())])
    for name in groups:
        if name != baseline:
            cells = [_comparison(compared[key].get(name), figure) for key, figure in figures.items()]
            _print_row([name, *cells])


def _print_penalties(
    points: Sequence[float], shared: Sequence[int], penalties: Mapping[str, Mapping[str, float]], family: str
) -> None:
    if len(penalties) < 2:
        return
    corrected = "all cells and points" if family == "matrix" else "the points of each cell"
    print(
        f"\nTest accuracy: share (%) of {len(points)} points from {100 * points[0]:.3g} to "
        f"{100 * points[-1]:.3g} % hand labels at which the row beats the column (paired t-test over "
        f"{len(shared)} seeds at 5 %, Holm over {corrected}).\n"
    )
    _print_head(["", *penalties, "mean"])
    for name, row in penalties.items():
        mean = sum(row.values()) / len(row)
        cells = ["" if other == name else f"{100 * row[other]:.0f}" for other in penalties]
        _print_row([name, *cells, f"{100 * mean:.0f}"])


def _print_warnings(seeds: Mapping[str, list[int]]) -> None:
    few = [name for name, each in seeds.items() if len(each) < FEW_SEEDS]
    if few:
        print(
            f"\nWarning: fewer than {FEW_SEEDS} seeds for {', '.join(few)}. Three seeds can rank a strategy "
            "on either side of random."
        )
    if len({tuple(each) for each in seeds.values()}) > 1:
        print("\nWarning: not every name has the same seeds; differences are over the seeds of both.")


def _print_head(titles: Sequence[str]) -> None:
    _print_row(titles)
    print("|" + "---|" * len(titles))


def _print_row(cells: Sequence[str]) -> None:
    print(f"| {' | '.join(cells)} |")


def _estimate(each: Estimate | None, figure: Figure, n_seeds: int) -> str:
    if each is None:
        return "–"
    d = figure.decimals
    bounds = "" if each.low in (None, each.high) else f" ({each.low:.{d}f} to {each.high:.{d}f})"
    return f"{each.mean:.{d}f}{bounds}" + (f", {each.n} seeds" if each.n < n_seeds else "")


def _comparison(each: tuple[Comparison, float | None] | None, figure: Figure) -> str:
    if each is None:
        return "–"
    (comparison, p), d = each, figure.decimals
    difference = comparison.difference
    if difference.low in (None, difference.high) or p is None:  # nothing that chance had a part in
        return f"{difference.mean:+.{d}f}"
    chance = "p < 0.001" if p < 0.001 else f"p {p:.3f}"
    return f"{difference.mean:+.{d}f} ({difference.low:+.{d}f} to {difference.high:+.{d}f}), {chance}"


if __name__ == "__main__":
    main()
