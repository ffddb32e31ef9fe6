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


def files_in(directory: Path) -> dict[str, bytes | None]:
    """Return the content of each file below a directory, and None for each folder."""
    return {str(path): path.read_bytes() if path.is_file() else None for path in directory.rglob("*")}


def test_a_sweep_into_the_directory_of_another_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    leave_finished(tmp_path / "sweep" / "0", "data=digits", "seed=1", "query.num=30")
    before = files_in(tmp_path)
    done = alframe("-m", "data=digits", "seed=1,2", "hydra.sweep.dir=sweep", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "0 belongs to another: query.num is 30 there and null here" in done.stderr.replace("None", "null")
    assert done.stderr.count("\n") == 1
    assert files_in(tmp_path) == before


def test_a_grid_and_a_search_do_not_share_a_directory(tmp_path: Path) -> None:
    grid, search = tmp_path / "grid", tmp_path / "search"
    for directory, name in ((grid, "multirun.yaml"), (search, "search.log")):
        directory.mkdir()
        (directory / name).write_text("")
    before = files_in(tmp_path)
    searches = alframe("-m", "+sweep=search", "data=digits", "hydra.sweep.dir=grid", cwd=tmp_path)
    sweeps = alframe("-m", "data=digits", "seed=1,2", "hydra.sweep.dir=search", cwd=tmp_path)
    assert [searches.returncode, sweeps.returncode] == [2, 2]
    assert f"expected the directory of a search, but {grid} belongs to a sweep" in searches.stderr
    assert f"expected the directory of a sweep, but {search} belongs to a search" in sweeps.stderr
    assert files_in(tmp_path) == before


def test_a_sweep_and_a_trial_do_not_share_a_directory(tmp_path: Path) -> None:
    leave_finished(tmp_path / "trial", "data=digits")
    (tmp_path / "grid").mkdir()
    (tmp_path / "grid" / "multirun.yaml").write_text("")
    before = files_in(tmp_path)
    swept = alframe("-m", "data=digits", "seed=1,2", "hydra.sweep.dir=trial", cwd=tmp_path)
    single = alframe("data=digits", "hydra.run.dir=grid", cwd=tmp_path)
    assert [swept.returncode, single.returncode] == [2, 2]
    assert f"of a sweep, but {tmp_path / 'trial'} belongs to a trial" in swept.stderr
    assert "of a trial, but grid belongs to a sweep" in single.stderr
    assert files_in(tmp_path) == before


def test_a_refused_trial_of_a_sweep_keeps_the_record_of_its_command(tmp_path: Path) -> None:
    for number, seed in enumerate(("seed=1", "seed=7")):
        leave_finished(tmp_path / "sweep" / str(number), "data=digits", seed)
        (tmp_path / "sweep" / str(number) / ".hydra").mkdir()
        (tmp_path / "sweep" / str(number) / ".hydra" / "overrides.yaml").write_text(f"- {seed}")
    before = files_in(tmp_path / "sweep" / "1")
    done = alframe("-m", "data=digits", "seed=1,2", "tracker=none", "hydra.sweep.dir=sweep", cwd=tmp_path)
    assert done.returncode == 1
    assert "1 trial finished, 1 failed" in done.stdout
    assert "seed is 7 there and 2 here" in done.stderr
    assert files_in(tmp_path / "sweep" / "1") == before
    assert (tmp_path / "sweep" / "0" / ".hydra" / "overrides.yaml").read_text() == "- seed=1"
