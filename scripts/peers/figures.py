"""Figures over repeats: medians, paired ratios, paired differences."""

import statistics
from collections.abc import Sequence
from typing import Any

from alframe.report.stats.statistics import paired_comparison

Run = dict[str, Any]  # peer, job, network, precision, seed, and the figures of its process or a note
MEDIANS = (
    "seconds",
    "cpu_seconds",
    "peak_mb",
    "before_mb",
    "seconds_a_round",
    "rounds_a_minute",
    "images_a_second",
)
MEANS = ("hand_share", "mislabelled_share", "test_accuracy", "auto_label_error", "coverage")


def rows(runs: Sequence[Run], ours: Sequence[str], default_precision: str) -> list[Run]:
    """Return one row for each peer, job, network and precision, in the order of the runs.

    Args:
        runs: all runs. ours: names of alframe's contestants.
        default_precision: the precision that alframe takes by itself on this machine.

    A row's `ratio` is the median over seeds of their seconds / ours, in the same precision; `ratio_default`
    compares with alframe in its default precision. Peers that finished no run have a row with a note.
    """
    groups: dict[tuple[str, ...], list[Run]] = {}
    for run in runs:
        groups.setdefault(_key(run), []).append(run)
    return [_row(group, runs, ours, default_precision) for group in groups.values()]


def _key(run: Run) -> tuple[str, ...]:
    return run["job"], run["network"], run["precision"], run["peer"]


def _row(group: Sequence[Run], runs: Sequence[Run], ours: Sequence[str], default_precision: str) -> Run:
    first = group[0]
    done = [_with_rates(run) for run in group if run.get("seconds") is not None]
    row: Run = {key: first[key] for key in ("peer", "job", "network", "precision")}
    row |= {name: _over(statistics.median, done, name) for name in MEDIANS}
    row |= {name: _over(statistics.fmean, done, name) for name in MEANS}
    notes = dict.fromkeys(run["note"] for run in group if run.get("note"))
    row |= {"n": len(done), "seeds": [run["seed"] for run in done], "note": "; ".join(notes)}
    same = _of_ours(first, runs, ours, first["precision"])
    row |= {
        "ratio": paired_ratio(done, same, "seconds"),
        "cpu_ratio": paired_ratio(done, same, "cpu_seconds"),
        "ratio_default": paired_ratio(done, _of_ours(first, runs, ours, default_precision), "seconds"),
    }
    row["ratio_range"] = _range(_ratios(done, same, "seconds"))
    return row | _difference(done, same)


def _of_ours(run: Run, runs: Sequence[Run], ours: Sequence[str], precision: str) -> list[Run]:
    wanted = run["job"], run["network"], precision
    return [
        other
        for other in runs
        if other["peer"] in ours
        and (other["job"], other["network"], other["precision"]) == wanted
        and other.get("seconds") is not None
    ]


def _with_rates(run: Run) -> Run:
    rounds, n_images = run.get("rounds"), run.get("n_images")
    rates = {}
    if rounds:
        rates = {"seconds_a_round": run["seconds"] / rounds, "rounds_a_minute": 60 * rounds / run["seconds"]}
    if n_images:
        rates["images_a_second"] = n_images / run["seconds"]
    return run | rates


def _over(mean: Any, done: Sequence[Run], name: str) -> float | None:
    known = [run[name] for run in done if run.get(name) is not None]
    return mean(known) if known else None


def _ratios(theirs: Sequence[Run], ours: Sequence[Run], name: str) -> list[float]:
    by_seed = {run["seed"]: run[name] for run in ours}
    return [run[name] / by_seed[run["seed"]] for run in theirs if run["seed"] in by_seed]


def paired_ratio(theirs: Sequence[Run], ours: Sequence[Run], name: str) -> float | None:
    """Return the median over common seeds of their figure / ours, or None without a common seed.

    >>> paired_ratio([{"seed": 1, "s": 6.0}, {"seed": 2, "s": 2.0}], [{"seed": 1, "s": 2.0}], "s")
    3.0
    """
    ratios = _ratios(theirs, ours, name)
    return statistics.median(ratios) if ratios else None


def _range(values: Sequence[float]) -> list[float] | None:
    return [min(values), max(values)] if values else None


def _difference(theirs: Sequence[Run], ours: Sequence[Run]) -> Run:
    """Return their mislabelled share minus ours, paired over seeds, with its 95 % interval."""
    name = "mislabelled_share"
    by_seed = {run["seed"]: run[name] for run in ours if run.get(name) is not None}
    pairs = [(run[name], by_seed[run["seed"]]) for run in theirs if run["seed"] in by_seed]
    if not pairs:
        return {"mislabelled_difference": None, "mislabelled_interval": None}
    found = paired_comparison([their for their, _ in pairs], [our for _, our in pairs]).difference
    interval = None if found.low is None else [found.low, found.high]
    return {"mislabelled_difference": found.mean, "mislabelled_interval": interval}


def geometric_mean(ratios: Sequence[float]) -> float | None:
    """Return the geometric mean, None of no ratios.

    >>> geometric_mean([2.0, 8.0])
    4.0
    """
    return statistics.geometric_mean(ratios) if ratios else None


def question_targets(questions: Sequence[Run], peer: str, n_pool: int) -> Run:
    """Return the geometric mean of the ratios of a peer's questions over a pool, and how many finished."""
    of_pool = [row for row in questions if row["peer"] == peer and row["n_pool"] == n_pool]
    ratios = [row["ratio"] for row in of_pool if row["ratio"] is not None]
    return {
        "peer": peer,
        "n_pool": n_pool,
        "geometric_mean": geometric_mean(ratios),
        "finished": len(ratios),
        "strategies": len(of_pool),
    }


def agreement(theirs: Sequence[int], ours: Sequence[int]) -> float | None:
    """Return the share of their samples that are also ours, None without any.

    >>> agreement([1, 2, 3, 4], [3, 4, 5, 6])
    0.5
    """
    return len(set(theirs) & set(ours)) / len(theirs) if theirs else None


def best_peers(found: Sequence[Run], ours: Sequence[str]) -> list[Run]:
    """Return, for each job, network and precision, the row of the fastest peer."""
    best: dict[tuple[str, ...], Run] = {}
    for row in found:
        key = row["job"], row["network"], row["precision"]
        if row["peer"] not in ours and row["ratio"] is not None:
            best[key] = min(best.get(key, row), row, key=lambda each: each["ratio"])
    return list(best.values())
