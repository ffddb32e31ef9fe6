"""Finished trials as they lie on disk: what was chosen, what came out, round by round."""

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from alframe.errors import UserError

FILES = ("summary.json", "rounds.csv", "config.yaml")


@dataclass(frozen=True, kw_only=True, eq=False)
class Trial:
    """A finished trial.

    Attributes:
        directory: where it lies. config, summary: what config.yaml and summary.json hold.
        rounds: the rows of rounds.csv, as text.
        choices: the choice made for each config group, such as {"query": "margin"}; empty where Hydra left
            no folder of its own.
    """

    directory: Path
    config: dict[str, Any]
    summary: dict[str, Any]
    rounds: list[dict[str, str]]
    choices: dict[str, str]

    @property
    def seed(self) -> int:
        """The trial's seed, by which trials are paired."""
        return int(self.summary["seed"])

    def accuracy_curve(self) -> list[tuple[float, float]]:
        """Return (hand share that a round's classifier was trained after, its test accuracy)."""
        return [
            (self._share(int(row["hand_labels"]) - int(row["hand_new"])), float(row["test_accuracy"]))
            for row in self.rounds
            if row["kind"] == "round" and row["test_accuracy"]
        ]

    def mislabelled_curve(self) -> list[tuple[float, float]]:
        """Return (hand share after a round, mislabelled share of the data set), the closing row included."""
        return [
            (self._share(int(row["hand_labels"])), float(row["mislabelled_share"]))
            for row in self.rounds
            if row["kind"] != "seed" and row["mislabelled_share"]
        ]

    def _share(self, hand_labels: int) -> float:
        return hand_labels / int(self.summary["n_samples"])


def find_trials(root: Path) -> list[Trial]:
    """Return the finished trials in a folder and below it, in the order of their paths.

    Raises:
        UserError: there are none.
    """
    found = sorted(file.parent for file in root.rglob("summary.json"))
    trials = [_read(each) for each in found if all((each / name).exists() for name in FILES)]
    if not trials:
        raise UserError(f"{root}: expected finished trials ({', '.join(FILES)}), found none.")
    return trials


def group_by(trials: Sequence[Trial], keys: Sequence[str]) -> dict[str, list[Trial]]:
    """Return the trials by what was chosen for `keys`, each list in the order of its seeds.

    Args:
        trials: finished trials.
        keys: config groups ("query"), the last part of a longer group's name ("policy" for sweep/policy), or
            settings ("auto_label.keep").

    Raises:
        UserError: a key that the trials do not have, or two trials of one name that share a seed.
    """
    names = list(zip(*(_choices(trials, key) for key in keys), strict=True))
    groups: dict[str, list[Trial]] = {}
    for parts, trial in zip(names, trials, strict=True):
        groups.setdefault(" ".join(parts), []).append(trial)
    for name, members in groups.items():
        members.sort(key=lambda trial: trial.seed)
        for one, other in pairwise(members):
            if one.seed == other.seed:
                differing = [key for key in _differing([one.config, other.config]) if key != "chosen"]
                raise UserError(
                    f"--by: expected one trial a seed for each name, got two of seed {one.seed} for {name}: "
                    f"{one.directory} and {other.directory}. They differ in "
                    f"{', '.join(differing) or 'nothing'}; name what tells them apart too."
                )
    return groups


def _read(directory: Path) -> Trial:
    hydra = directory / ".hydra" / "hydra.yaml"
    choices: dict[str, Any] = {}
    if hydra.exists():
        choices = yaml.safe_load(hydra.read_text())["hydra"]["runtime"]["choices"]
    with (directory / "rounds.csv").open(newline="") as file:
        rounds = list(csv.DictReader(file))
    return Trial(
        directory=directory,
        config=yaml.safe_load((directory / "config.yaml").read_text()),
        summary=json.loads((directory / "summary.json").read_text()),
        rounds=rounds,
        choices={group: str(choice) for group, choice in choices.items() if choice is not None},
    )


def _choices(trials: Sequence[Trial], key: str) -> list[str]:
    """Return what each trial chose for a key."""
    told = [_choice(trial, key) for trial in trials]
    if all(choice is not None for choice in told):
        return [str(choice) for choice in told]
    nodes = [_setting(trial.config, key) for trial in trials]
    if all(isinstance(node, dict) and "_target_" in node for node in nodes):
        return _targets(nodes)
    missing = next(trial for trial, choice in zip(trials, told, strict=True) if choice is None)
    raise UserError(
        f"--by {key}: expected a config group or setting of every trial, but {missing.directory} has none."
    )


def _choice(trial: Trial, key: str) -> str | None:
    if key in trial.choices:
        return trial.choices[key]
    for group, choice in trial.choices.items():
        if group.rpartition("/")[2] == key:
            return choice
    value = _setting(trial.config, key)
    return None if isinstance(value, dict) or value is _MISSING else str(value)


def _targets(nodes: Sequence[dict[str, Any]]) -> list[str]:
    """Return each node's class, with the settings in which nodes of that class differ."""
    names = []
    for node in nodes:
        alike = [other for other in nodes if other["_target_"] == node["_target_"]]
        settings = [f"{key}={_setting(node, key)}" for key in _differing(alike)]
        names.append(" ".join([str(node["_target_"]).rpartition(".")[2], *settings]))
    return names


_MISSING = object()


def _setting(config: dict[str, Any], key: str) -> Any:
    value: Any = config
    for part in key.split("."):
        if not isinstance(value, dict) or part not in value:
            return _MISSING
        value = value[part]
    return value


def _differing(configs: Sequence[dict[str, Any]]) -> list[str]:
    """Return the keys in which configs differ, in their order."""
    keys: Iterable[str] = dict.fromkeys(key for config in configs for key in config)
    return [key for key in keys if any(config.get(key) != configs[0].get(key) for config in configs)]
