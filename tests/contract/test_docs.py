"""Commands, settings, files and links that the README and the docs show are real."""

import re
import shlex
from pathlib import Path

import pytest

from alframe.config.command_line import check_command_line
from alframe.config.ranges import OF_COMMAND

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
TEXT = {page.relative_to(ROOT).as_posix(): page.read_text() for page in PAGES}
SHOWN = {name: text for name, text in TEXT.items() if name != "CHANGELOG.md"}  # it names old keys too
# Settings in backticks, such as `query.share=0.01`; not lists of alternatives or lines to run.
SETTINGS = sorted({each for text in SHOWN.values() for each in re.findall(r"`([a-z_.]+=[\w.]+)`", text)})
# What a setting needs beside it, to be valid.
PROOF = ["certificate.tolerance=0.01"]
COMPANIONS = {
    "auto_label.bound=clopper_pearson": ["auto_label=validated"],
    "auto_label.choose_every=10": ["auto_label=colander"],
    "auto_label.choose_every=null": ["auto_label=colander"],
    "auto_label.penalty=3": ["auto_label=colander"],
    "auto_label.sigma_weight=0": ["auto_label=validated"],
    "auto_label.sigma_weight=0.25": ["auto_label=validated"],
    "data=arrays": ["data.path=mine.npz"],
    "data=folder": ["data.path=my_images"],
    "data.label_column=none": ["data=table", "data.path=labels.csv"],
    "data.max_megapixels=50": ["data=folder", "data.path=my_images"],
    "data.subfolders_are_classes=false": ["data=folder", "data.path=my_images"],
    "data.split=letters": ["data=torchvision", "data.dataset=EMNIST"],
    "data=huggingface": ["data.path=my_dataset"],
    "data=table": ["data.path=labels.csv"],
    "data.in_memory=false": ["data=arrays", "data.path=mine.npz"],
    "data.channels=1": ["data=folder", "data.path=my_images"],
    "encoder=vectors": ["encoder.path=emb.npy"],
    "learner.network._target_=my.Head": ["learner=head"],
    "learner.fine_tuning.unfrozen=0": ["learner=head"],
    "learner.fine_tuning.weak.flip=0": ["learner=head"],
    "certificate.reach=true": PROOF,
    "certificate.reach=false": PROOF,
    "certificate.max_labels=1000": PROOF,
    "certificate.method=weighted": PROOF,
    "certificate.oracle_error=0.01": PROOF,
    "query.likelihood=binary": ["query=bait"],
    "query.likelihood=categorical": ["query=bait"],
    "learner.curriculum=false": ["learner=consistency_rgb"],
    "learner.inputs=unit": ["learner=consistency_rgb"],
    "learner.strong.hue=0": ["learner=consistency_rgb"],
    "learner.weak.flip=0": ["learner=consistency_rgb"],
    "network=encoder": ["learner=consistency_rgb", "learner.inputs=unit"],
    "oracle.answers_from=DIRECTORY": ["oracle=files"],
    "oracle.answers_from=FILE": ["oracle=files"],
    "oracle.answers_from=my_labels": ["oracle=files"],
    "oracle.rate=0.05": ["oracle=noisy"],
    "query=none": ["auto_label=threshold"],
    "tracker.mode=online": ["tracker=wandb"],
}


def shown_commands() -> list[tuple[str, str]]:
    """Return (page, command) for every complete alframe command that follows a "$"."""
    found = []
    for name, text in SHOWN.items():
        for command in re.findall(r"^\$ alframe ((?:[^\n]*\\\n)*[^\n]*)$", text, flags=re.MULTILINE):
            line = command.replace("\\\n", " ")
            leave = (
                "...",
                "NAME",
                "my_conf",
                "my_package",
                "simulatd",
                "threshold=95",
                "--version",
                "--help",
            )
            if not any(each in line for each in leave):
                found.append((name, line))
    return found


@pytest.mark.parametrize("name", TEXT)
def test_nothing_is_left_to_fill_in(name: str) -> None:
    assert not re.findall(r"@[A-Z]+@|\b(?:TODO|TBD)\b|^[A-Z0-9]{6,}$", TEXT[name], flags=re.MULTILINE)


def test_there_are_settings_and_commands_to_check() -> None:
    assert len(SETTINGS) > 60
    assert len(shown_commands()) > 15


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_setting_shown_is_accepted(setting: str) -> None:
    if setting.startswith(("hydra.", "key=", "group=", "truth=")):  # the last is an argument in Python
        return
    key = re.split(r"[.=]", setting)[0]
    command = [f"+hydra/command={name}" for name, keys in OF_COMMAND.items() if key in keys]
    check_command_line([*command, *COMPANIONS.get(setting, []), setting])


@pytest.mark.parametrize(("page", "command"), shown_commands())
def test_a_command_shown_is_accepted(page: str, command: str) -> None:
    check_command_line(shlex.split(command, comments=True))


def test_the_readme_is_a_front_door() -> None:
    assert len(README.splitlines()) <= 150


def test_every_package_is_in_the_readme_s_tree_and_all_it_names_exists() -> None:
    tree = README.split("## Read the code")[1].split("```")[1]
    names = re.findall(r"^ *([\w.]+/?)(?:\w+/)? ", tree, flags=re.MULTILINE)
    packages = {path.parent.name for path in (ROOT / "src" / "alframe").glob("*/__init__.py")}
    assert packages <= {name.rstrip("/") for name in names}
    there = {path.name for folder in (ROOT, ROOT / "src" / "alframe") for path in folder.iterdir()}
    there |= {path.name for path in (ROOT / "src").rglob("*")}
    assert {name.rstrip("/") for name in names} <= there


@pytest.mark.parametrize("name", ["README.md", "CHANGELOG.md", "CONTRIBUTING.md"])
def test_links_to_files_of_the_repository_exist(name: str) -> None:
    """The site's own build checks the links between its pages."""
    text = re.sub(r"```.*?```", "", (ROOT / name).read_text(), flags=re.DOTALL)
    for pair in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)|src=\"([^\":]+)\"", text):
        assert (ROOT / "".join(pair)).exists(), pair
