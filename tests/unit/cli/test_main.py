"""The command without a trial: what is refused, or finished before, trains nothing."""

import json
from pathlib import Path

import yaml

from tests.support.helpers import alframe, config_of
from tests.support.report_trials import SUMMARY


def leave_finished(directory: Path, *overrides: str) -> None:
    """Leave a trial whose process was killed after its last file."""
    (directory / "state").mkdir(parents=True)
    (directory / "state" / "round-0002.state").write_text("")
    (directory / "config.yaml").write_text(yaml.safe_dump(config_of(*overrides)))
    (directory / "summary.json").write_text(json.dumps(SUMMARY))


def test_a_finished_trial_is_said_to_be_finished(tmp_path: Path) -> None:
    leave_finished(tmp_path / "trial", "data=digits")
    for _ in range(2):
        done = alframe("data=digits", "hydra.run.dir=trial", "tracker=none", cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("trial: finished before: 45 hand labels (45.00 %), 3.00 % mislabelled")
        assert done.stdout.count("\n") == 1
    assert list((tmp_path / "trial" / "state").iterdir()) == []


def test_a_finished_trial_of_other_settings_is_refused_and_unchanged(tmp_path: Path) -> None:
    leave_finished(tmp_path / "trial", "data=digits")
    before = sorted(tmp_path.rglob("*"))
    done = alframe("data=digits", "seed=3", "hydra.run.dir=trial", cwd=tmp_path)
    assert done.returncode == 2
    assert "trial belongs to another: seed is 0 there and 3 here." in done.stderr
    assert done.stderr.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before  # Hydra has written nothing either
