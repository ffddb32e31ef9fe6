from pathlib import Path

import pytest
import yaml

from alframe.cli.optuna_search import RESULTS, best_lines, check_search
from alframe.core.errors import ConfigError, UserError


def test_a_search_needs_a_direction_for_each_figure() -> None:
    assert check_search(None, {"params": None}) == ()
    assert check_search("mislabelled_share", {"direction": "minimize"}) == ("mislabelled_share",)
    both = ["hand_share", "mislabelled_share"]
    assert check_search(both, {"direction": ["minimize", "minimize"]}) == tuple(both)
    with pytest.raises(ConfigError, match=r"objective: expected a figure .* Write objective="):
        check_search(None, {"direction": "minimize"})
    with pytest.raises(ConfigError, match=r"got 1\. Write hydra\.sweeper\.direction=\[minimize,minimize\]"):
        check_search(both, {"direction": "minimize"})


def test_pruning_needs_one_figure_of_each_round() -> None:
    median = {"_target_": "optuna.pruners.MedianPruner"}
    one = {"direction": "minimize", "pruner": median, "prune_by": None}
    assert check_search("mislabelled_share", one) == ("mislabelled_share",)
    assert check_search("seconds", one | {"prune_by": "test_accuracy"}) == ("seconds",)
    with pytest.raises(ConfigError, match=r"prune_by: expected a column of rounds\.csv, got 'n_samples'"):
        check_search("n_samples", one)
    with pytest.raises(ConfigError, match=r"hydra\.sweeper\.pruner: expected null for several figures"):
        check_search(["cost", "seconds"], one | {"direction": ["minimize", "minimize"]})


def test_a_search_without_optuna_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alframe.cli.optuna_search.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install 'alframe\[optuna\]'"):
        check_search("cost", {"direction": "minimize"})
    assert check_search(None, {}) == ()


def test_a_search_has_a_line_for_each_best_trial(tmp_path: Path) -> None:
    assert best_lines(tmp_path, ["a"]) == []
    file = tmp_path / RESULTS
    file.write_text(yaml.safe_dump({"best_params": {"query.num": 7, "x": 0.123456789}, "best_value": 0.5}))
    assert best_lines(tmp_path, ["a"]) == ["best a=0.5: query.num=7 x=0.123457"]
    solutions = [{"params": {"x": 1}, "values": [0.1, 0.4]}, {"params": {"x": 2}, "values": [0.2, 0.3]}]
    file.write_text(yaml.safe_dump({"name": "optuna", "solutions": solutions}))
    assert best_lines(tmp_path, ["a", "b"]) == [
        "best a=0.1 b=0.4: x=1",
        "best a=0.2 b=0.3: x=2",
    ]
