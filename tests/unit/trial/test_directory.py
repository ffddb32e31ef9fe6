"""The directory of a trial that is refused is removed again, if the trial has made it."""

from pathlib import Path

import pytest

from alframe.core.errors import UserError
from alframe.core.file_names import HYDRA, STATE
from alframe.trial.directory import occupied


def refuse(directory: Path, *, writes: str | None = None, keep: bool = False) -> None:
    def work() -> None:
        with occupied(directory, remove_if_refused=not keep):
            if writes:
                (directory / writes).write_text("")
            raise UserError("refused")

    with pytest.raises(UserError, match="refused"):
        work()


def test_a_new_directory_is_removed(tmp_path: Path) -> None:
    refuse(tmp_path / "trial")
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_hydra_has_made_is_removed(tmp_path: Path) -> None:
    (tmp_path / "trial" / HYDRA).mkdir(parents=True)
    (tmp_path / "trial" / HYDRA / "config.yaml").write_text("")
    refuse(tmp_path / "trial")
    assert list(tmp_path.iterdir()) == []


def test_an_empty_directory_of_the_user_stays_empty(tmp_path: Path) -> None:
    refuse(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_files_stay(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    refuse(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    refuse(tmp_path / "trial", writes="config.yaml")
    assert (tmp_path / "trial" / "config.yaml").exists()


def test_the_directory_of_a_sweep_s_trial_stays(tmp_path: Path) -> None:
    refuse(tmp_path / "0", keep=True)
    assert (tmp_path / "0" / STATE).is_dir()


def test_a_directory_in_which_another_process_works_stays(tmp_path: Path) -> None:
    with occupied(tmp_path / "trial"):
        with pytest.raises(UserError, match="no other process"), occupied(tmp_path / "trial"):
            pass
        assert (tmp_path / "trial").is_dir()
