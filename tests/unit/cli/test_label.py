"""The command line of alframe-label."""

from pathlib import Path

from alframe.cli.label import main as label
from tests.support.helpers import run_command


def test_settings_may_follow_an_option(tmp_path: Path) -> None:
    done = run_command(label, "none", "--out", "trial", "page.open=false", cwd=tmp_path)
    assert done.returncode == 2
    assert "none: expected a folder of images, got nothing of this name" in done.stderr
    assert "unrecognized" not in done.stderr
