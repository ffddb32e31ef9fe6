"""A search over knobs by Optuna: what it must be told, and what it came to."""

import contextlib
import logging
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from alframe.core.errors import ConfigError

RESULTS = "optimization_results.yaml"  # as the sweeper names it


def check_search(objective: str | Sequence[str] | None, sweeper: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the figures that a sweeper optimises, none where it does not search.

    Raises:
        ConfigError: a search has no figure, or not as many as directions.
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


def begin_search(directory: Path) -> None:
    """Take away what an earlier launch came to, and have Optuna say no more than warnings."""
    (directory / RESULTS).unlink(missing_ok=True)
    with contextlib.suppress(ImportError), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what an old Optuna imports warns of newer libraries
        from optuna.logging import set_verbosity

        set_verbosity(logging.WARNING)


def told(directory: Path, objective: Sequence[str]) -> list[str]:
    """Return a line for each trial that no other one beats; none where the search did not come to its end."""
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
