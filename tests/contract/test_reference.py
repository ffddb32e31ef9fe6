"""The reference is made from conf/: each option and key has a description; the keys are those of Hydra."""

import re
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from alframe.config.compose import VERSION_BASE
from alframe.config.validate import conf_directory

ROOT = Path(__file__).parents[2]
CONF = conf_directory()
GROUPS = ("data", "initial", "query", "oracle", "auto_label", "learner", "network", "stopping", "tracker")
FILES = sorted(
    path.relative_to(CONF).as_posix()
    for path in CONF.rglob("*.yaml")
    if not path.name.startswith("_") and path.parent.name not in ("experiment", "sweep", "policy")
)
TRIALS = sorted(
    path.relative_to(CONF).as_posix()
    for path in CONF.rglob("*.yaml")
    if path.parent.name in ("experiment", "sweep", "policy")
)


@pytest.fixture(scope="module", autouse=True)
def scripts() -> None:
    sys.path.insert(0, str(ROOT / "scripts" / "documentation"))


@cache
def module(name: str) -> ModuleType:
    return __import__(name)


@pytest.mark.parametrize("file", FILES)
def test_an_option_and_each_of_its_keys_are_described(file: str) -> None:
    described = module("conf_files").read(CONF / file)
    assert described.paragraphs, f"{file} needs a comment in its first line: what it is and when to choose it"
    missing = [key.name for key in described.keys if not key.description]
    assert missing == [], f"{file}: each of these keys needs a comment in the line above it"


@pytest.mark.parametrize("file", TRIALS)
def test_an_experiment_and_a_sweep_are_described(file: str) -> None:
    assert module("conf_files").read(CONF / file).paragraphs


@pytest.mark.parametrize("file", [file for file in FILES if file.partition("/")[0] in GROUPS])
def test_the_keys_of_an_option_are_those_that_hydra_composes(file: str) -> None:
    group, _, name = file.removesuffix(".yaml").partition("/")
    with initialize_config_dir(str(CONF), **VERSION_BASE):
        node = OmegaConf.to_container(compose(f"{group}/{name}"))
    composed = dict(leaves(node[group]))
    described = module("conf_files").read(CONF / file)
    assert {key.name for key in described.keys if key.default} == set(composed)
    assert described.targets.get("") == node[group]["_target_"]


def leaves(node: dict, prefix: str = "") -> list[tuple[str, object]]:
    """Return the dotted keys of a config group that a user sets, with their values."""
    found = []
    for name, value in node.items():
        if isinstance(value, dict) and value:
            found += leaves(value, f"{prefix}{name}.")
        elif name not in ("_target_", "_partial_"):
            found.append((f"{prefix}{name}", value))
    return found


def test_a_comment_above_or_behind_a_key_describes_it(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("")
    (tmp_path / "_shared.yaml").write_text("# Shared.\n\n# Of the shared file.\nc: 1\n")
    (tmp_path / "query").mkdir()
    file = tmp_path / "query" / "mine.yaml"
    file.write_text(
        "# What it is.\n# When to choose it.\ndefaults:\n  - /_shared@inner\n  - _self_\n_target_: a.B\n"
        "# Two\n# lines.\na: [1, 2]\nb: x # Behind.\ninner:\n  c: 2\n"
    )
    described = module("conf_files").read(file)
    assert described.paragraphs == ["What it is. When to choose it."]
    assert [(key.name, key.default, key.description) for key in described.keys] == [
        ("a", "[1, 2]", "Two lines."),
        ("b", "x", "Behind."),
        ("inner.c", "2", "Of the shared file."),
    ]
    assert described.targets == {"": "a.B"}


def test_a_range_has_the_text_of_its_error_message() -> None:
    range_of = module("key_ranges").range_of
    assert range_of("query.spread") == "a number of at least 1"
    assert range_of("query.num") == "a whole number of at least 1 or null"
    assert range_of("no.such.key") == ""


def test_an_option_page_has_the_line_to_type_and_each_key_with_default_and_range() -> None:
    page = module("config_pages").config_pages(CONF)["reference/config/query/margin.md"]
    assert "alframe query=margin query.spread=3" in page
    assert re.search(r"### `query\.spread`.*\n\ndefault `3`; takes a number of at least 1", page)
    assert "[`alframe.query.Margin`][alframe.query.Margin]" in page


RECORDS = [
    ("core/reports.py", "RoundRow"),
    ("core/reports.py", "Certificate"),
    ("core/trial_summary.py", "TrialSummary"),
]


@pytest.mark.parametrize(("file", "name"), RECORDS)
def test_each_column_and_key_of_a_trials_files_is_described(file: str, name: str) -> None:
    fields = module("python_source").fields_of(ROOT / "src" / "alframe" / file, name)
    assert len(fields) > 10
    assert [field.name for field in fields if not field.description] == []


def test_each_file_of_a_trial_is_described() -> None:
    layout = ROOT / "src" / "alframe" / "core" / "file_names.py"
    named = re.findall(r'^(?!KEY)[A-Z_]+ = "', layout.read_text(), flags=re.MULTILINE)
    assert len(module("python_source").names_of_files(layout)) == len(named) > 10


def test_each_logged_key_is_a_figure_of_a_round_or_of_the_summary() -> None:
    source = ROOT / "src" / "alframe"
    read = module("python_source")
    rounds = read.fields_of(source / "core" / "reports.py", "RoundRow")
    summary = read.fields_of(source / "core" / "trial_summary.py", "TrialSummary")
    logged = dict(read.logged_keys(source / "tracking" / "round_metrics.py"))
    assert {"labels/hand", "labels/mislabelled_share", "train/loss", "time/round_seconds"} <= set(logged)
    assert set(logged.values()) <= {field.name for field in [*rounds, *summary]}


def test_a_header_has_paragraphs_and_fields_whose_lines_continue() -> None:
    header = module("trial_pages").header_of(
        ("What it is.", "", "command   alframe seed=1", "          alframe seed=2", "claim     x 1 (y)")
    )
    assert header.paragraphs == ["What it is."]
    assert header.fields == [("command", ["alframe seed=1", "alframe seed=2"]), ("claim", ["x 1 (y)"])]


def test_the_first_mention_of_a_key_links_to_its_description() -> None:
    links = module("key_links").key_links(CONF)
    text = "# `query.spread`\n\n`query.spread=5`, `query.spread`, `seed`, [`query.joint`](x.md)\n"
    assert module("key_links").with_links(text, "howto/page.md", links) == text.replace(
        "`query.spread=5`", "[`query.spread=5`](../reference/config/query/margin.md#query.spread)"
    )
    assert links["query.share"] == "reference/config/query/index.md#query.share"
    assert links["query=badge"] == "reference/config/query/badge.md"
