"""What a command leaves in the directory of a trial, and what it gives back to the trial that is there."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import yaml
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from alframe.cli.command_record import command_recorded, without_failure
from alframe.core.errors import OtherTrialError, TrialError, UserError


@pytest.fixture
def node() -> Iterator[DictConfig]:
    """The config of a trial, in a process where Hydra runs it with seed=2."""
    before = HydraConfig.instance().cfg
    HydraConfig.instance().cfg = OmegaConf.create(  # type: ignore[assignment]
        {"hydra": {"overrides": {"task": ["seed=2"]}, "runtime": {"choices": {"query": "margin"}}}}
    )
    yield OmegaConf.create({"seed": 2, "copy": "${seed}"})
    HydraConfig.instance().cfg = before


def record_in(directory: Path) -> list[object]:
    names = ("config.yaml", "hydra.yaml", "overrides.yaml")
    return [yaml.safe_load((directory / ".hydra" / name).read_text()) for name in names]


def test_the_record_is_that_of_hydra(node: DictConfig, tmp_path: Path) -> None:
    with command_recorded(tmp_path, node):
        config, hydra, overrides = record_in(tmp_path)
    assert config == {"seed": 2, "copy": "${seed}"}
    assert hydra["hydra"]["runtime"]["choices"] == {"query": "margin"}  # type: ignore[index]
    assert overrides == ["seed=2"]


def run_in(block: AbstractContextManager[None], error: Exception, inside: Callable[[], None]) -> None:
    """Call `inside` in a block that then raises an error."""

    def run() -> None:
        with block:
            inside()
            raise error

    with pytest.raises(type(error)):
        run()


def test_a_refused_trial_leaves_the_record_that_was_there(node: DictConfig, tmp_path: Path) -> None:
    (tmp_path / ".hydra").mkdir()
    (tmp_path / ".hydra" / "overrides.yaml").write_text("- seed=1\n")
    seen: list[object] = []
    run_in(command_recorded(tmp_path, node), UserError("no"), lambda: seen.append(record_in(tmp_path)[2]))
    assert seen == [["seed=2"]]
    assert yaml.safe_load((tmp_path / ".hydra" / "overrides.yaml").read_text()) == ["seed=1"]
    # The directory belongs to this trial, which has failed.
    run_in(command_recorded(tmp_path, node), TrialError("diverged"), lambda: None)
    assert record_in(tmp_path)[2] == ["seed=2"]


def test_a_trial_without_a_record_gets_none_from_a_command_for_another(
    node: DictConfig, tmp_path: Path
) -> None:
    seen: list[object] = []
    another = OtherTrialError("another")
    run_in(command_recorded(tmp_path, node), another, lambda: seen.append(record_in(tmp_path)[2]))
    assert seen == [["seed=2"]]
    assert [path.name for path in tmp_path.rglob("*")] == [".hydra"]


def test_a_directory_that_cannot_be_written_is_left_to_the_trial(node: DictConfig, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    run_in(command_recorded(tmp_path / "file", node), UserError("the trial says so"), lambda: None)


def test_the_reason_of_an_earlier_end_goes_only_with_the_same_trial(tmp_path: Path) -> None:
    file, seen = tmp_path / "failure.json", list[bool]()
    file.write_text("{}")
    run_in(without_failure(tmp_path), OtherTrialError("another"), lambda: seen.append(file.exists()))
    assert seen == [False]
    assert file.read_text() == "{}"
    run_in(without_failure(tmp_path), UserError("no"), lambda: None)
    assert not file.exists()
