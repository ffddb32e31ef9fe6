"""What the README shows can be typed."""

import re
from pathlib import Path

import pytest

from alframe.config.command_line import check_command_line

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
# Settings in backticks, such as `query.share=0.01`; not lists of alternatives or lines to run.
PAGES = README + (ROOT / "docs" / "keys.md").read_text() + (ROOT / "docs" / "extending.md").read_text()
SETTINGS = sorted(set(re.findall(r"`([a-z_.]+=[\w.]+)`", PAGES)))


def test_nothing_is_left_to_fill_in() -> None:
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "conf").rglob("*.yaml")):
        assert not re.findall(r"@[A-Z]+@", page.read_text()), page


def test_there_are_settings_to_check() -> None:
    assert len(SETTINGS) > 20


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_setting_of_the_readme_is_taken(setting: str) -> None:
    promised = ["certificate.tolerance=0.01"]
    with_what_it_needs = {
        "data=arrays": ["data.path=mine.npz"],
        "certificate.reach=true": promised,
        "certificate.max_labels=1000": promised,
    }
    if setting.startswith("hydra."):
        return
    check_command_line([setting, *with_what_it_needs.get(setting, [])])


def test_what_the_tree_names_is_there() -> None:
    tree = README.split("## The tree")[1].split("```")[1]
    names = re.findall(r"^\s*((?:[\w.]+/?\s)+)", tree, flags=re.MULTILINE)
    found = [name for group in names for name in group.split() if name.endswith((".py", "/"))]
    assert len(found) > 15
    for name in found:
        assert list(ROOT.rglob(name.rstrip("/"))), name
