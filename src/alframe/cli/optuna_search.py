"""A search over settings by Optuna: its checks, and its best trials as lines of text. Imports no Optuna."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from alframe.core.errors import ConfigError, UserError
from alframe.core.reports import RoundRow

RESULTS = "optimization_results.yaml"  # the best keys, in the sweep's directory
STUDY = "search.log"  # the storage of the search, in the sweep's directory
_FIGURES = [field.name for field in fields(RoundRow)]


def check_search(objective: str | Sequence[str] | None, sweeper: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the metrics that a sweeper optimises, empty if it does not search.

    Raises:
        UserError: Optuna is not installed.
        ConfigError: a search has no metric, the numbers of metrics and directions differ, or its trials
            cannot be pruned.
    """
    if "direction" not in sweeper:
        return ()
    if find_spec("optuna") is None:
        raise UserError(
            "hydra/sweeper=search: expected Optuna, which is not installed. "
            "Write pip install 'alframe[optuna]'."
        )
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
    _check_pruning(names, pruned_by(objective, sweeper))
    return names


def pruned_by(objective: Any, sweeper: Mapping[str, Any]) -> str | None:
    """Return the figure of each round by which a search ends trials early, or None if it ends none.

    >>> median = {"_target_": "optuna.pruners.MedianPruner"}
    >>> pruned_by("mislabelled_share", {"pruner": median, "prune_by": None})
    'mislabelled_share'
    """
    if (sweeper.get("pruner") or {}).get("_target_") is None:
        return None
    return str(sweeper["prune_by"] or objective)


def _check_pruning(names: Sequence[str], figure: str | None) -> None:
    if figure is None:
        return
    if len(names) > 1:
        raise ConfigError(
            "hydra.sweeper.pruner",
            "null for several figures",
            "a pruner",
            "Choose one objective.",
        )
    if figure not in _FIGURES:
        raise ConfigError(
            "hydra.sweeper.prune_by",
            "a column of rounds.csv",
            figure,
            "Write hydra.sweeper.prune_by=test_accuracy.",
        )


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
