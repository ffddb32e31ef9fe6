"""Trials read back from disk, named by what was chosen."""

import json
from pathlib import Path

import pytest
import yaml

from alframe.errors import UserError
from alframe.report.trials import find_trials, group_by

ROUNDS = """\
round,hand_new,hand_labels,mislabelled_share,test_accuracy,kind
0,20,20,0.0,,seed
1,10,30,0.01,0.5,round
2,10,40,0.02,0.6,round
3,5,45,0.03,,closing
"""


def leave_trial(directory: Path, seed: int, *, choices: dict | None, query: dict, **config) -> None:
    directory.mkdir(parents=True)
    (directory / "rounds.csv").write_text(ROUNDS)
    (directory / "summary.json").write_text(json.dumps({"seed": seed, "n_samples": 100}))
    whole = {"seed": seed, "query": query, "chosen": {"threads": seed}, **config}
    (directory / "config.yaml").write_text(yaml.safe_dump(whole))
    if choices is not None:
        (directory / ".hydra").mkdir()
        text = yaml.safe_dump({"hydra": {"runtime": {"choices": choices}}})
        (directory / ".hydra" / "hydra.yaml").write_text(text)


MARGIN = {"_target_": "alframe.query.Margin", "spread": 3}


def test_unfinished_trials_are_passed_over(tmp_path: Path) -> None:
    leave_trial(tmp_path / "a" / "b", 1, choices=None, query=MARGIN)
    leave_trial(tmp_path / "c", 2, choices=None, query=MARGIN)
    (tmp_path / "c" / "summary.json").unlink()
    assert [trial.seed for trial in find_trials(tmp_path)] == [1]
    (tmp_path / "a" / "b" / "rounds.csv").unlink()
    with pytest.raises(UserError, match="expected finished trials"):
        find_trials(tmp_path)


def test_the_curves_by_hand(tmp_path: Path) -> None:
    leave_trial(tmp_path / "a", 1, choices=None, query=MARGIN)
    (trial,) = find_trials(tmp_path)
    # A round's classifier was trained before the round's question.
    assert trial.accuracy_curve() == [(0.2, 0.5), (0.3, 0.6)]
    assert trial.mislabelled_curve() == [(0.3, 0.01), (0.4, 0.02), (0.45, 0.03)]


def test_names_are_hydra_s_choices_or_settings(tmp_path: Path) -> None:
    for seed, name, keep in ((2, "margin", "rejudge"), (1, "margin", "rejudge"), (1, "random", "permanent")):
        choices = {"query": name, "sweep/policy": keep[:4], "experiment": None}
        auto_label = {"keep": keep, "thresholds": None}
        leave_trial(
            tmp_path / f"{name}{9 - seed}", seed, choices=choices, query=MARGIN, auto_label=auto_label
        )
    trials = find_trials(tmp_path)
    assert {name: [t.seed for t in each] for name, each in group_by(trials, ["query"]).items()} == {
        "margin": [1, 2],
        "random": [1],
    }
    assert list(group_by(trials, ["policy"])) == ["reju", "perm"]
    assert list(group_by(trials, ["sweep/policy"])) == ["reju", "perm"]
    assert list(group_by(trials, ["query", "auto_label.keep"])) == ["margin rejudge", "random permanent"]
    assert list(group_by(trials, ["query.spread", "query"])) == ["3 margin", "3 random"]
    with pytest.raises(UserError, match=r"--by nothing: expected a config group or setting"):
        group_by(trials, ["nothing"])


def test_without_hydra_s_folder_the_class_and_what_differs_name_a_trial(tmp_path: Path) -> None:
    leave_trial(tmp_path / "a", 1, choices=None, query=MARGIN)
    leave_trial(tmp_path / "b", 1, choices=None, query=MARGIN | {"spread": 1})
    leave_trial(tmp_path / "c", 1, choices=None, query={"_target_": "alframe.query.RandomQuery", "num": 7})
    names = list(group_by(find_trials(tmp_path), ["query"]))
    assert names == ["Margin spread=3", "Margin spread=1", "RandomQuery"]


def test_two_trials_of_a_seed_and_a_name_are_told_apart(tmp_path: Path) -> None:
    for k, keep in enumerate(("rejudge", "permanent")):
        auto_label = {"keep": keep}
        leave_trial(tmp_path / str(k), 1, choices={"query": "margin"}, query=MARGIN, auto_label=auto_label)
    with pytest.raises(UserError, match=r"two of seed 1 for margin.*They differ in auto_label; name"):
        group_by(find_trials(tmp_path), ["query"])
