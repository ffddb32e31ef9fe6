"""W&B's environment variables: a typed key has priority over them, and they over the defaults."""

import os
from pathlib import Path

import pytest

from alframe.cli.output_directory import run_target
from alframe.config.command_line import check_command_line
from alframe.config.compose import composed
from alframe.config.validate import check
from alframe.core.errors import ConfigError, TrialNotice
from alframe.tracking.wandb import WandbTracker
from alframe.tracking.wandb_environment import not_used, run_mode


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of W&B is set."""
    for name in list(os.environ):
        if name.startswith("WANDB_"):
            monkeypatch.delenv(name)


VARIABLES = {
    "WANDB_PROJECT": "theirs",
    "WANDB_ENTITY": "team",
    "WANDB_MODE": "dryrun",
    "WANDB_RUN_GROUP": "nights",
    "WANDB_TAGS": "a, b",
}
KEYS = ("project", "entity", "mode", "group", "tags")


def tracker_of(*overrides: str) -> list[object]:
    config = composed(["data=digits", *overrides])
    check(config)
    return [config["tracker"][key] for key in KEYS]


def test_a_typed_key_then_the_environment_then_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert tracker_of() == ["alframe", None, None, None, None]
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    assert tracker_of() == list(VARIABLES.values())
    typed = ["tracker.project=mine", "tracker.mode=offline", "tracker.tags=[c]", "tracker.group=null"]
    assert tracker_of(*typed) == ["mine", "team", "offline", None, ["c"]]


def test_the_directory_of_a_trial_does_not_depend_on_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    def directories() -> list[Path | None]:
        lines = (check_command_line(typed) for typed in (["data=digits"], ["data=digits", "-m", "seed=1,2"]))
        targets = [run_target(line) for line in lines if line is not None]
        return [targets[0].trial, targets[1].sweep]

    before = directories()
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    assert directories() == before


@pytest.mark.parametrize(
    ("name", "value"),
    [("WANDB_MODE", "cloud"), ("WANDB_PROJECT", ""), ("WANDB_PROJECT", "a/b"), ("WANDB_ENTITY", " ")],
)
def test_a_wrong_value_is_refused_with_the_name_of_the_variable(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as caught:
        tracker_of()
    key = f"tracker.{name.removeprefix('WANDB_').lower()}"
    assert str(caught.value).startswith(f"{name} (environment): expected ")
    assert str(caught.value).endswith(f". Unset it, or write {key}=VALUE.")
    with pytest.raises(ConfigError, match=r"^tracker\.mode: expected offline or online or disabled"):
        tracker_of(f"{key}={'offline' if 'MODE' in name else 'ok'}", "tracker.mode=clouds")


@pytest.mark.parametrize(
    ("typed", "disabled", "mode"),
    [
        (None, "", "offline"),
        (None, "false", "offline"),
        (None, "true", "disabled"),
        (None, "1", "disabled"),
        ("offline", "true", "offline"),
        ("disabled", "", "disabled"),
        ("run", "", "online"),
    ],
)
def test_the_mode_of_a_run(typed: str | None, disabled: str, mode: str, monkeypatch) -> None:
    monkeypatch.setenv("WANDB_DISABLED", disabled)
    assert run_mode(typed) == mode


def test_a_disabled_tracker_writes_nothing(make_info, make_outcome, reports, tmp_path: Path) -> None:
    tracker = WandbTracker(project="toys", mode="disabled")
    tracker.start(make_info(tmp_path))
    tracker.log(reports[0])
    tracker.finish(make_outcome("failed", None))
    assert list(tmp_path.iterdir()) == []


def test_variables_without_effect_are_named_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"WANDB_SILENT": "True", "WANDB_CONSOLE": "off", "WANDB_DIR": ""}.items():
        monkeypatch.setenv(name, value)
    assert not_used() == ""
    monkeypatch.setenv("WANDB_DIR", "/elsewhere")
    monkeypatch.setenv("WANDB_SILENT", "false")
    assert not_used() == (
        "W&B: not used for a trial: WANDB_DIR (the run is in the trial's directory); "
        "WANDB_SILENT (W&B prints nothing)."
    )


def test_the_run_has_the_name_group_and_tags_of_the_environment(
    make_info, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, object] = {}

    def opened(**about: object) -> None:
        seen.update(about)
        raise RuntimeError

    monkeypatch.setattr("alframe.tracking.wandb.open_run", opened)
    environment = {"NAME": "my run", "NOTES": "why", "RUN_GROUP": "nights", "DIR": "/elsewhere"}
    for name, value in environment.items():
        monkeypatch.setenv(f"WANDB_{name}", value)
    tracker = WandbTracker(project="toys", mode=None, tags="a, b")
    with pytest.warns(TrialNotice, match="WANDB_DIR"), pytest.raises(RuntimeError):
        tracker.start(make_info(tmp_path))
    assert [seen[key] for key in ("name", "notes", "group", "mode")] == ["my run", "why", "nights", "offline"]
    assert {"a", "b"} < set(seen["tags"])  # type: ignore[call-overload]
    monkeypatch.delenv("WANDB_DIR")
    tracker = WandbTracker(project="toys", mode="offline", group="mine")
    with pytest.raises(RuntimeError):  # and no warning, which would be an error
        tracker.start(make_info(tmp_path))
    assert seen["group"] == "mine"
