"""The directory of a trial that is refused is removed again, if the trial has made it."""

import json
from pathlib import Path

import pytest
import yaml

from alframe.core.errors import UserError
from alframe.core.file_names import HYDRA, STATE
from alframe.core.trial_summary import TrialSummary
from alframe.trial.directory import check_same_trial, drop_leftovers, finished_summary, occupied, unfinished


def refuse(directory: Path, *, writes: str | None = None, keep: bool = False, people: bool = False) -> None:
    def work() -> None:
        with occupied(directory, remove_if_refused=not keep, keep_seed_set=people):
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
    refuse(tmp_path, writes="config.yaml")
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_folder_state_of_the_user_keeps_its_files(tmp_path: Path) -> None:
    own = {"model.pt", "test-1.pixels", "notes/today.txt"}
    (tmp_path / STATE / "notes").mkdir(parents=True)
    for name in own:
        (tmp_path / STATE / name).write_text("mine")
    for writes in (
        "images-1.pixels",
        "images.json",
        "test_images.json",
        "unreadable.json",
        "round-0000.state",
    ):
        refuse(tmp_path, writes=f"{STATE}/{writes}")
    found = {path for path in (tmp_path / STATE).rglob("*") if path.is_file()}
    assert found == {tmp_path / STATE / name for name in own}


def test_a_folder_state_that_is_left_over_is_removed(tmp_path: Path) -> None:
    (tmp_path / STATE).mkdir()
    (tmp_path / STATE / "images-1.pixels").write_text("of an interrupted trial")
    refuse(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("writes", ["config.yaml", "failure.json", "rounds.csv", "state/round-0000.state"])
def test_files_that_the_trial_has_written_are_removed(writes: str, tmp_path: Path) -> None:
    refuse(tmp_path / "new" / "trial", writes=writes)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "writes", ["questions", "answers.csv", "answers.sqlite", "state/round-0001.state", "unknown.txt"]
)
def test_questions_answers_and_finished_rounds_stay(writes: str, tmp_path: Path) -> None:
    refuse(tmp_path / "trial", writes=writes)
    assert (tmp_path / "trial" / writes).exists()


def test_images_that_were_decoded_are_removed_from_a_new_directory_only(tmp_path: Path) -> None:
    refuse(tmp_path / "trial", writes="state/images.pixels")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "config.yaml").write_text("old")
    (tmp_path / STATE).mkdir()
    refuse(tmp_path, writes="state/images.pixels")
    assert [path.name for path in (tmp_path / STATE).iterdir()] == ["images.pixels"]


def test_whether_a_refusal_leaves_nothing_is_known_before_it(tmp_path: Path) -> None:
    with occupied(tmp_path) as leaves_nothing:
        assert leaves_nothing()
        (tmp_path / STATE / "round-0000.state").write_text("")
        assert leaves_nothing()
        (tmp_path / "questions").mkdir()
        assert not leaves_nothing()
    with occupied(tmp_path / "other", keep_seed_set=True) as leaves_nothing:
        assert leaves_nothing()
        (tmp_path / "other" / STATE / "round-0000.state").write_text("")
        assert not leaves_nothing()


def test_a_seed_set_that_people_may_have_labelled_stays(tmp_path: Path) -> None:
    refuse(tmp_path, writes="state/round-0000.state", people=True)
    assert (tmp_path / "state" / "round-0000.state").exists()


@pytest.mark.parametrize("old", ["config.yaml", "failure.json", "state/round-0000.state"])
def test_a_trial_that_was_there_before_stays(old: str, tmp_path: Path) -> None:
    (tmp_path / STATE).mkdir()
    (tmp_path / old).write_text("old")
    refuse(tmp_path, writes="labels_by_name.csv")
    assert (tmp_path / old).read_text() == "old"
    assert (tmp_path / "labels_by_name.csv").exists()


def test_a_trial_that_was_killed_after_its_last_file_is_finished_by_the_same_command(tmp_path: Path) -> None:
    trial = tmp_path / "trial"
    (trial / STATE).mkdir(parents=True)
    for name in ("summary.json", "failure.json", "state/round-0003.state"):
        (trial / name).write_text("")
    assert unfinished(tmp_path, "trial") == trial
    drop_leftovers(trial)
    assert {path.name for path in trial.iterdir()} == {"summary.json", STATE}
    assert unfinished(tmp_path, "trial") == tmp_path / "trial_2"


def test_the_directory_of_a_sweep_s_trial_stays(tmp_path: Path) -> None:
    refuse(tmp_path / "0", keep=True)
    assert (tmp_path / "0" / STATE).is_dir()


def test_a_directory_in_which_another_process_works_stays(tmp_path: Path) -> None:
    with occupied(tmp_path / "trial"):
        with pytest.raises(UserError, match="no other process"), occupied(tmp_path / "trial"):
            pass
        assert (tmp_path / "trial").is_dir()


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("summary.json", "[]", "summary.json: expected an object, got []"),
        ("summary.json", '{"seed": 1, "n_sam', "summary.json: cut off or damaged"),
        ("summary.json", '{"seed": NaN}', "summary.json: expected a number as n_samples, got None"),
        ("config.yaml", "data: {", "config.yaml: cut off or damaged"),
        ("config.yaml", None, "config.yaml is missing"),
    ],
)
def test_a_damaged_trial_of_a_sweep_is_named_and_not_taken_as_finished(
    file: str, text: str | None, message: str, tmp_path: Path
) -> None:
    config = {"seed": 1, "data": {"name": "digits"}}
    assert finished_summary(tmp_path, config) is None
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    (tmp_path / "summary.json").write_text(json.dumps(summary_of()))
    assert finished_summary(tmp_path, config) == TrialSummary.from_json(summary_of())
    (tmp_path / file).unlink() if text is None else (tmp_path / file).write_text(text)
    with pytest.raises(UserError) as caught:
        finished_summary(tmp_path, config)
    assert str(caught.value).startswith(f"{tmp_path}/{message}")
    assert str(caught.value).endswith(". Move that folder away and run again.")
    assert "\n" not in str(caught.value)


def summary_of() -> dict[str, object]:
    counts = dict.fromkeys(("seed", "n_samples", "hand_labels", "auto_labels", "rounds"), 1)
    figures = dict.fromkeys(("hand_share", "coverage", "seconds", "train_seconds", "score_seconds"), 0.5)
    unknown = dict.fromkeys(("mislabelled", "mislabelled_share", "auto_label_error", "test_accuracy"))
    return {**counts, **figures, **unknown}


@pytest.mark.parametrize("oracle", [{"_target_": "page", "answers_from": None}, {"_target_": "simulated"}])
def test_only_the_work_of_people_goes_on_under_new_keys_of_a_group(tmp_path: Path, oracle: dict) -> None:
    before = {"seed": 1, "oracle": oracle, "learner": {"steps": 3, "deep": {"old": 1}}}
    after = {"seed": 1, "oracle": oracle, "learner": {"steps": 3, "new": True, "deep": {"newer": 2}}}
    if "answers_from" in oracle:
        check_same_trial(tmp_path, before, after)
        check_same_trial(tmp_path, after, before)
    else:
        with pytest.raises(UserError, match=r"learner\.new is None there and True here"):
            check_same_trial(tmp_path, before, after)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"learner": {"steps": 4, "new": True}}, "learner.steps is 3 there and 4 here"),
        ({"encoder": {"_target_": "timm"}}, "encoder is None there"),
        ({"seed": 2}, "seed is 1 there and 2 here"),
    ],
)
def test_other_settings_and_groups_are_another_trial_for_people_too(
    tmp_path: Path, change: dict, told: str
) -> None:
    before = {"seed": 1, "oracle": {"answers_from": None}, "learner": {"steps": 3}}
    with pytest.raises(UserError, match=told):
        check_same_trial(tmp_path, before, {**before, **change})
