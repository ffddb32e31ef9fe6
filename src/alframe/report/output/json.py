"""Every figure of a report as plain containers: what report.json holds."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from alframe.report.load.trials import Found
from alframe.report.naming.names import Naming
from alframe.report.stats.comparison import GroupComparison
from alframe.report.stats.curves import Penalties
from alframe.report.stats.metrics import RESULTS, TIMES
from alframe.report.stats.statistics import Estimate


def for_a_machine(found: Found, naming: Naming, comparison: GroupComparison) -> dict[str, Any]:
    """Return every figure of a report as plain containers: the content of report.json.

    Intervals are whole, where tables and pictures cut them at 0 and 100 %: standard errors can be read off.
    """
    figures = {**RESULTS, **TIMES}
    return {
        "named_by": list(naming.keys),
        **to_dict(comparison),
        "trials": [
            {
                "directory": str(trial.directory),
                "group": name,
                "seed": trial.seed,
                **{key: figure.read(trial) for key, figure in figures.items()},
            }
            for name, trials in naming.groups.items()
            for trial in trials
        ],
        "left_out": [
            {"directory": str(each.directory), "status": each.status, "reason": each.reason}
            for each in found.left_out
        ],
    }


def to_dict(comparison: GroupComparison) -> dict[str, Any]:
    """Return a comparison as plain containers, for a machine to read; shares of wins of 0 are left out."""
    names = list(comparison.means)
    return {
        "seeds": dict(comparison.seeds),
        "means": {name: _plain(row) for name, row in comparison.means.items()},
        "against": comparison.baseline,
        "differences": {
            name: {
                key: {**asdict(column[name].comparison), "p_holm": column[name].p_holm}
                for key, column in comparison.differences.items()
                if name in column
            }
            for name in names
            if name != comparison.baseline
        },
        "ranges": dict(comparison.ranges),
        "curves": {
            kind: {name: [asdict(point) for point in points] for name, points in each.items()}
            for kind, each in comparison.curves.items()
        },
        "penalties": None if comparison.penalties is None else _wins(comparison.penalties),
        "front": list(comparison.front),
        "certificates": {
            name: {"n": each.n, "reached": each.reached, "means": _plain(each.means)}
            for name, each in comparison.certified.items()
        },
        "times": {name: _plain(row) for name, row in comparison.times.items()},
        "warnings": list(comparison.warnings),
    }


def _wins(penalties: Penalties) -> dict[str, Any]:
    """Return a penalty matrix without its zeros, which of 500 groups would fill 10 MB."""
    shares = {
        name: {other: share for other, share in row.items() if share}
        for name, row in penalties.shares.items()
    }
    return {**asdict(replace(penalties, shares={})), "shares": shares}


def _plain(row: Mapping[str, Estimate | None]) -> dict[str, Any]:
    return {key: None if each is None else asdict(each) for key, each in row.items()}
