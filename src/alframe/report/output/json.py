"""All figures of a report as plain containers: the content of report.json."""

from collections.abc import Mapping
from dataclasses import asdict, is_dataclass, replace
from typing import Any

from alframe.report.load.trials import Found
from alframe.report.naming.names import Naming
from alframe.report.stats.compared_figures import RESULTS, TIMES
from alframe.report.stats.comparison import GroupComparison
from alframe.report.stats.curves import Penalties
from alframe.report.tables.waiting_tables import waiting_figures


def report_figures(found: Found, naming: Naming, comparison: GroupComparison) -> dict[str, Any]:
    """Return all figures of a report as plain containers.

    Intervals are not cut at 0 and 100 % as in tables and pictures, so that standard errors can be computed.
    With two seeds, low and high are the two values.
    """
    figures = {**RESULTS, **TIMES}
    return {
        **unfinished_figures(found),
        "named_by": list(naming.keys),
        **comparison_figures(comparison),
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
    }


def unfinished_figures(found: Found) -> dict[str, Any]:
    """Return the trials that wait for answers or are left out."""
    return {
        "trials": [],
        "left_out": [
            {"directory": str(each.directory), "status": each.status, "reason": each.reason}
            for each in found.left_out
        ],
        "waiting": waiting_figures(found.waiting),
    }


def comparison_figures(comparison: GroupComparison) -> dict[str, Any]:
    """Return a comparison as plain containers; win shares of 0 are left out."""
    return {
        "seeds": dict(comparison.seeds),
        "means": _plain(comparison.means),
        "against": comparison.baseline,
        "differences": {
            name: {
                key: {**asdict(column[name].comparison), "p_holm": column[name].p_holm}
                for key, column in comparison.differences.items()
                if name in column
            }
            for name in comparison.means
            if name != comparison.baseline
        },
        "ranges": dict(comparison.ranges),
        "curves": _plain(comparison.curves),
        "penalties": None if comparison.penalties is None else _wins(comparison.penalties),
        "front": list(comparison.front),
        "certificates": _plain(comparison.certified),
        "times": _plain(comparison.times),
        "warnings": list(comparison.warnings),
    }


def _wins(penalties: Penalties) -> dict[str, Any]:
    """Return a penalty matrix without its zeros, which would take 10 MB for 500 groups."""
    shares = {
        name: {other: share for other, share in row.items() if share}
        for name, row in penalties.shares.items()
    }
    return {**asdict(replace(penalties, shares={})), "shares": shares}


def _plain(value: Any) -> Any:
    """Return nested records, mappings and tuples as dicts and lists."""
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if is_dataclass(value) and not isinstance(value, type):
        value = vars(value)
    return {key: _plain(each) for key, each in value.items()} if isinstance(value, Mapping) else value
