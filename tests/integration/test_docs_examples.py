"""The plug-ins shown in docs/howto/ run together in one trial, and the test shown there passes."""

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

PAGES = sorted((Path(__file__).parents[2] / "docs" / "howto").glob("own-*.md"))
BLOCK = re.compile(
    r"```(?:python|yaml)\n# (my_package/\w+\.py|my_conf/\w+/\w+\.yaml|test_mine\.py)\n(.*?)```", re.DOTALL
)
GROUPS = ("query", "auto_label", "oracle", "stopping", "network")
SETTINGS = (
    *("data=digits", "data.limit=300", "tracker=none", "threads=1", "hydra.run.dir=trial"),
    *("learner=supervised", "learner._target_=my_package.SmoothedRecipe", "learner.max_epochs=2"),
    *("initial.num=30", "remainder=leave", "trusted_packages=[my_package]"),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write the blocks of all pages into the files that they name; the pages share one package."""
    for page in PAGES:
        for name, text in BLOCK.findall(page.read_text()):
            file = tmp_path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text((file.read_text() if file.exists() else "") + text)
    return tmp_path


def test_the_plug_ins_shown_run_in_one_trial(folder: Path) -> None:
    chosen = [f"{group}=mine" for group in GROUPS]
    assert all((folder / "my_conf" / group / "mine.yaml").exists() for group in GROUPS)
    command = [sys.executable, "-m", "alframe.cli.main", "--config-dir", "my_conf", *chosen, *SETTINGS]
    done = subprocess.run(
        [*command, "stopping.coverage=0.0"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (folder / "trial" / "labels.csv").exists()


def test_the_test_shown_passes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(folder))
    shown = runpy.run_path(str(folder / "test_mine.py"))
    tests = [value for name, value in shown.items() if name.startswith("test_")]
    assert len(tests) == 2
    for test in tests:
        test()
    monkeypatch.delitem(sys.modules, "my_package")
