"""A search over settings by Optuna: its checks, its preparation, and its best trials as lines of text."""

import contextlib
import logging
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from alframe.core.errors import ConfigError

RESULTS = "optimization_results.yaml"  # the file name that the sweeper uses


def check_search(objective: str | Sequence[str] | None, sweeper: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the metrics that a sweeper optimises, empty if it does not search.

    Raises:
        ConfigError: a search has no metric, or the numbers of metrics and directions differ.
    """
    if "direction" not in sweeper:
        return ()
    names = () if objective is None else (objective,) if isinstance(objective, str) else tuple(objective)
    if not names:
        raise ConfigError(
            "objective", "a figure of summary.json to search by", None, "Write objective=mislabelled_share."
        )
    direction = sweeper["direction"]
    n_directions = len(direction) if isinstance(direction, list) else 1
    if n_directions != len(names):
        raise ConfigError(
            "hydra.sweeper.direction",
            f"a direction for each figure of objective={','.join(names)}",
            n_directions,
            f"Write hydra.sweeper.direction=[{','.join(['minimize'] * len(names))}].",
        )
    return names


def prepare_search(directory: Path) -> None:
    """Delete the results of an earlier launch, and reduce Optuna's log to warnings."""
    (directory / RESULTS).unlink(missing_ok=True)
    with contextlib.suppress(ImportError), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an old Optuna imports newer libraries, which warn
        from optuna.logging import set_verbosity

        set_verbosity(logging.WARNING)


def best_lines(directory: Path, objective: Sequence[str]) -> list[str]:
    """Return a line for each trial that no other trial beats; empty if the search did not end."""
    file = directory / RESULTS
    if not file.exists():
        return []
    found = yaml.safe_load(file.read_text())
    best = found.get("solutions") or [{"params": found["best_params"], "values": [found["best_value"]]}]
    return [
        f"best {_pairs(dict(zip(objective, each['values'], strict=True)))}: {_pairs(each['params'])}"
        for each in best
    ]


def _pairs(values: Mapping[str, Any]) -> str:
    """Return key=value for each entry.

    >>> _pairs({"query.num": 25, "learner.confident": 0.25})
    'query.num=25 learner.confident=0.25'
    """
    return " ".join(
        f"{key}={value:.6g}" if isinstance(value, float) else f"{key}={value}"
        for key, value in values.items()
    )
