"""The shortcuts by which a trial's YAML is read fast come to what reading the whole comes to."""

from pathlib import Path

import pytest
import yaml

from alframe.report.load.csv_json import read_choices
from alframe.trial import read_finished as trial_files
from alframe.trial.read_finished import read_config
from tests.support.helpers import config_of

CONFIGS = [
    "a: 1\nb:\n  c: [1, 2]\n",
    "a:\n- 1\n- 2\nb: x\n",
    "# said first\na: |\n  one\n\n  two\nb: 'x\n\n  y'\n",
    "a: &same\n  b: 1\nc: *same\n",  # a section that another one refers to
    "---\na: 1\nb: 2\n",
    "a: {\nb: 1\n}\n",
    "'a b': 1\n? c\n: 2\n",
    "a: 1\na: 2\n",
    "{a: 1, b: 2}\n",
]


@pytest.mark.parametrize("text", CONFIGS)
def test_a_config_read_in_sections_is_the_config(text: str, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(text)
    assert read_config(tmp_path) == yaml.safe_load(text)


def test_so_is_a_whole_one(tmp_path: Path) -> None:
    config = config_of("experiment=published")
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    assert read_config(tmp_path) == config


def test_shared_sections_are_parsed_once(tmp_path: Path) -> None:
    trial_files.load_yaml.cache_clear()
    config = config_of()
    for seed in range(5):
        (tmp_path / "config.yaml").write_text(yaml.safe_dump({**config, "seed": seed}, sort_keys=False))
        assert read_config(tmp_path)["seed"] == seed
    # Each section of the first, then one seed each.
    assert trial_files.load_yaml.cache_info().misses == len(config) + 4


@pytest.mark.parametrize(
    "runtime",
    [
        {"cwd": "/a", "config_sources": [{"path": "x"}], "choices": {"query": "margin", "experiment": None}},
        {"choices": {"query": "margin", "+sweep/policy": "none", "n": 3}, "output_dir": "b"},
        {"choices": {"query": "margin"}},
    ],
)
def test_the_choices_are_taken_out_of_hydra_s_file(runtime: dict, tmp_path: Path) -> None:
    (tmp_path / ".hydra").mkdir()
    for held in (
        {"runtime": runtime, "verbose": False},
        {"job": {"choices": {"query": "no"}}, "runtime": runtime},
    ):
        (tmp_path / ".hydra" / "hydra.yaml").write_text(yaml.safe_dump({"hydra": held}, sort_keys=False))
        expected = {key: str(value) for key, value in runtime["choices"].items() if value is not None}
        assert read_choices(tmp_path) == expected


def test_choices_in_another_form_are_read_the_slow_way(tmp_path: Path) -> None:
    (tmp_path / ".hydra").mkdir()
    (tmp_path / ".hydra" / "hydra.yaml").write_text("hydra: {runtime: {choices: {query: badge}}}")
    assert read_choices(tmp_path) == {"query": "badge"}
    assert read_choices(tmp_path / "elsewhere") == {}
