"""Trials of people that grow: classes and images that are added, and answers that other trials have."""

import csv
import warnings

import numpy as np
import pytest
from PIL import Image

from alframe import label
from alframe.core.errors import AnswersNeeded, TrialError, TrialNotice, UserError
from alframe.oracle.answer_store import AnswerStore
from alframe.oracle.csv_files import was_edited
from alframe.trial.read_finished import read_summary
from alframe.trial.run import Replacements, run_trial
from tests.support.helpers import config_of, read_rows

SETTINGS = (
    "data=folder", "data.path=images", "oracle=files", "tracker=none", "initial.num=6", "query.num=4",
    "stopping.min_rounds=2", "stopping.max_rounds=2", "learner.steps=2", "remainder=auto", "check.num=4",
    "threads=1", "device=cpu", "precision=float32", "learner.scoring_batch_size=64",
)  # fmt: skip
NAMES = ("zero", "one", "two")


@pytest.fixture
def root(tmp_path):
    (tmp_path / "images").mkdir()
    for k in range(24):
        add(tmp_path, k)
    return tmp_path


def add(root, k):
    pixels = np.random.default_rng(k).integers(0, 60, (8, 8), dtype=np.uint8) + 80 * np.uint8(k % 3)
    Image.fromarray(pixels).save(root / "images" / f"{k}.png")


def go_on(root, *classes, name="trial", more=()):
    """Run the trial up to its next question; return the text of the question, or None if it is finished."""
    config = config_of(*SETTINGS, *more, f"data.class_names=[{','.join(classes)}]", f"data_dir={root}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TrialNotice)
        try:
            run_trial(config, root / name, replacements=Replacements(console=None))
        except AnswersNeeded as needed:
            return str(needed)
    return None


def answer(root, classes=NAMES, name="trial"):
    """Fill in the sheet: the class is the file's number modulo 3, "?" for a class that is not there."""
    sheet = root / name / "questions" / "to_label.csv"
    rows = read_rows(sheet)
    for row in rows:
        wanted = NAMES[int(row["file"].partition(".")[0]) % 3]
        row["label"] = wanted if wanted in classes else "?"
    with sheet.open("w", newline="") as out:
        writer = csv.DictWriter(out, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.mark.parametrize("n_before", [0, 1, 3])
def test_a_class_is_added_at_any_time(root, n_before):
    for _ in range(n_before):
        go_on(root, "zero", "one")
        answer(root, ["zero", "one"])
    assert "zero, one, two" in go_on(root, "zero", "one", "two")
    for _ in range(9):
        answer(root)
        if go_on(root, "zero", "one", "two") is None:
            break
    rows = read_rows(root / "trial" / "labels_by_name.csv")
    hand = [row for row in rows if row["source"] in ("seed", "query", "audit")]
    assert {row["class"] for row in hand} == set(NAMES)
    assert all(row["class"] == NAMES[int(row["file"].partition(".")[0]) % 3] for row in hand)
    assert read_summary(root / "trial").n_classes == 3


def test_a_class_that_is_no_longer_named_stays_and_a_new_one_is_told(root):
    go_on(root, "zero", "one")
    config = config_of(*SETTINGS, "data.class_names=[one,dgo]", f"data_dir={root}")
    with (
        pytest.warns(TrialNotice, match="new classes: dgo"),
        pytest.raises(AnswersNeeded, match="zero, one, dgo"),
    ):
        run_trial(config, root / "trial", replacements=Replacements(console=None))


def test_images_that_are_added_join_the_pool_and_removed_ones_keep_their_labels(root):
    go_on(root, *NAMES)
    answer(root)
    go_on(root, *NAMES)
    first = {
        row["file"]: row["class"] for row in read_rows(root / "trial" / "labels_by_name.csv") if row["class"]
    }
    gone = sorted(first)[0]
    (root / "images" / gone).unlink()
    for k in range(30, 33):
        add(root, k)
    for _ in range(6):
        answer(root)
        if go_on(root, *NAMES) is None:
            break
    rows = {row["file"]: row for row in read_rows(root / "trial" / "labels_by_name.csv")}
    assert rows[gone]["class"] == first[gone]
    assert {"30.png", "31.png", "32.png"} <= rows.keys()
    assert all(rows[f"{k}.png"]["class"] for k in (30, 31, 32))
    summary = read_summary(root / "trial")
    assert summary.n_samples == 24 - 1 + 3
    files = {row["index"]: row["file"] for row in read_rows(root / "trial" / "files.csv")}
    assert files["24"] == "30.png"


def test_images_that_are_added_after_the_rounds_take_no_part(root):
    while "check" not in {question for question, _ in _questions(root)}:
        go_on(root, *NAMES)
        answer(root)
    add(root, 40)
    config = config_of(*SETTINGS, "data.class_names=[zero,one,two]", f"data_dir={root}")
    with pytest.warns(TrialNotice, match="1 added.* take no part"):
        run_trial(config, root / "trial", replacements=Replacements(console=None))
    assert read_summary(root / "trial").n_samples == 24


def _questions(root):
    if not (root / "trial" / "answers.sqlite").exists():
        return []
    with AnswerStore(root / "trial") as store:
        return store._db.execute("SELECT source, round FROM questions").fetchall()


def test_another_trial_takes_the_answers_over(root):
    for _ in range(2):
        go_on(root, *NAMES)
        answer(root)
    go_on(root, *NAMES)
    with AnswerStore(root / "trial") as store:
        before = {
            store.samples()[k].name: store.classes()[each.answer] for k, each in store.answers().items()
        }
    (root / "images" / "0.png").rename(root / "images" / "zz.png")
    other = go_on(root, "two", "one", "zero", name="other", more=[f"oracle.answers_from={root / 'trial'}"])
    assert "waiting for 4 labels" in other
    with AnswerStore(root / "other") as store:
        names = {each.number: each.name.replace("zz", "0") for each in store.samples()}
        after = {names[k]: store.classes()[each.answer] for k, each in store.answers().items()}
    assert after == before
    config = config_of(
        *SETTINGS, "data.class_names=[one,two]", f"data_dir={root}", f"oracle.answers_from={root / 'trial'}"
    )
    with pytest.raises(UserError, match=r"oracle\.answers_from: expected the classes .* name zero"):
        run_trial(config, root / "third", replacements=Replacements(console=None))
    assert not (root / "third").exists()


def test_a_function_is_asked_about_each_image_once_whatever_happens(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (30, 8, 8), dtype=np.uint8)
    asked, failed = [], []

    def person(index):
        if len(asked) > 8 and not failed:
            failed.append(True)
            raise RuntimeError("the doorbell")
        asked.extend(index.tolist())
        return images[index, 0, 0] % 3

    settings = {"initial.num": 6, "query.num": 4, "learner.steps": 2, "stopping.max_rounds": 2, "threads": 1}
    call = {"oracle": person, "class_names": ["a", "b", "c"], "directory": tmp_path / "trial"}
    with pytest.raises(RuntimeError, match="doorbell"):
        label(images, **call, settings=settings)
    with pytest.raises(UserError, match="in the same order"):
        label(images[::-1].copy(), **call, settings=settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TrialNotice)
        result = label(images, **call, settings=settings)
    assert len(asked) == len(set(asked)) == result.is_hand.sum()
    assert (result.labels[result.is_hand] == images[result.is_hand, 0, 0] % 3).all()


def test_a_lost_store_is_rebuilt_from_the_names_of_the_files_whatever_has_changed(root):
    for _ in range(3):
        go_on(root, *NAMES)
        answer(root)
    trial = root / "trial"
    given = {row["file"]: row["label"] for row in read_rows(trial / "answers.csv")}
    given |= {row["file"]: row["label"] for row in read_rows(trial / "questions" / "to_label.csv")}
    lost, gone = sorted(given)[:2]
    for file in trial.glob("answers.sqlite*"):
        file.unlink()
    (root / "images" / gone).unlink()
    add(root, 50)
    (root / "images" / "50.png").rename(root / "images" / "00.png")  # all indices move
    config = config_of(*SETTINGS, "data.class_names=[zero,one,two]", f"data_dir={root}")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with pytest.raises(AnswersNeeded):
            run_trial(config, trial, replacements=Replacements(console=None))
    lines = " ".join(str(each.message) for each in told)
    assert "answers.sqlite is no longer in" in lines
    assert f"1 answer to images that are not there ({gone} ...) stay in" in lines
    with AnswerStore(trial) as store:
        names = [each.name for each in store.samples()]
        after = {names[k]: store.classes()[each.answer] for k, each in store.answers().items()}
    assert after == {name: label for name, label in given.items() if name != gone}
    assert lost in after
    assert gone in (trial / "before_answers.csv").read_text()
    for _ in range(8):
        answer(root)
        if go_on(root, *NAMES) is None:
            break
    rows = {row["file"]: row["class"] for row in read_rows(trial / "labels_by_name.csv")}
    assert {name: rows[name] for name in after} == after


def test_a_sorted_column_of_indices_is_noticed_for_arrays_too(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (30, 8, 8), dtype=np.uint8)
    settings = {"initial.num": 6, "query.num": 4, "learner.steps": 2, "stopping.max_rounds": 2, "threads": 1}
    call = {
        "oracle": "files",
        "class_names": ["a", "b"],
        "directory": tmp_path / "trial",
        "settings": settings,
    }
    with pytest.raises(AnswersNeeded):
        label(images, **call)
    sheet = tmp_path / "trial" / "questions" / "to_label.csv"
    rows = read_rows(sheet)
    for row, index in zip(rows, sorted(row["index"] for row in rows), strict=True):
        row |= {"index": index, "label": "a"}
    with sheet.open("w", newline="") as out:
        writer = csv.DictWriter(out, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    with pytest.raises(UserError, match="stands beside images/"):
        label(images, **call)


def test_class_names_in_another_order_name_the_same_labels(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (12, 8, 8), dtype=np.uint8)
    images[:6] //= 4

    def go(names):
        settings = {"initial.num": 12, "threads": 1}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TrialNotice)
            return label(
                images, oracle="files", class_names=names, directory=tmp_path / "trial", settings=settings
            )

    with pytest.raises(AnswersNeeded):
        go(["dark", "light"])
    sheet = tmp_path / "trial" / "questions" / "to_label.csv"
    rows = read_rows(sheet)
    with sheet.open("w", newline="") as out:
        writer = csv.DictWriter(out, list(rows[0]))
        writer.writeheader()
        writer.writerows({**row, "label": "dark" if int(row["index"]) < 6 else "light"} for row in rows)
    wanted = ["dark"] * 6 + ["light"] * 6
    assert go(["light", "dark"]).names.tolist() == wanted
    assert go(["light", "dark"]).names.tolist() == wanted


def test_the_sheet_of_another_trial_and_a_line_with_another_file_are_refused(root):
    go_on(root, *NAMES)
    sheet = root / "trial" / "questions" / "to_label.csv"
    text = sheet.read_text()
    rows = read_rows(sheet)
    sheet.write_text(text.replace(rows[0]["file"], "of_another_folder.png").replace(".png,\n", ".png,one\n"))
    with pytest.raises(UserError, match=f"index .* is {rows[0]['file']}, but the line names of_another"):
        go_on(root, *NAMES)
    sheet.write_text(text)
    answer(root)
    go_on(root, *NAMES)
    answers, sheet_rows = root / "trial" / "answers.csv", read_rows(sheet)
    before = answers.read_text()
    answers.write_text(before + f"{sheet_rows[0]['index']},{sheet_rows[1]['file']},one,\n")
    with pytest.raises(UserError, match="but the line names"):
        go_on(root, *NAMES)
    answers.write_text(before)
    assert go_on(root, *NAMES) is not None


def test_an_image_that_was_replaced_is_said_to_be_no_longer_there(root):
    go_on(root, *NAMES)
    answer(root)
    go_on(root, *NAMES)
    name = read_rows(root / "trial" / "answers.csv")[0]["file"]
    pixels = np.random.default_rng(99).integers(0, 60, (9, 8), dtype=np.uint8)
    Image.fromarray(pixels[:8]).save(root / "images" / name)
    for _ in range(6):
        answer(root)
        if go_on(root, *NAMES) is None:
            break
    rows = [row for row in read_rows(root / "trial" / "labels_by_name.csv") if row["file"] == name]
    assert [row["present"] for row in rows] == ["no", "yes"]


def test_a_file_in_place_of_the_folder_of_pictures_is_told(root):
    (root / "trial" / "questions").mkdir(parents=True)
    (root / "trial" / "questions" / "images").write_text("x")
    with pytest.raises(UserError, match=r"questions/images: expected a folder .* Move it away"):
        go_on(root, *NAMES)
    (root / "trial" / "questions" / "images").unlink()
    assert "waiting" in go_on(root, *NAMES)


def test_a_first_start_that_fails_can_be_repeated(root, monkeypatch):
    def full(self):
        raise TrialError("answers.sqlite could not be written: disk I/O error.")

    with monkeypatch.context() as patch:
        patch.setattr(AnswerStore, "keep", full)
        with pytest.raises(TrialError, match="could not be written"):
            go_on(root, *NAMES)
    assert "waiting" in go_on(root, *NAMES)


def test_a_change_after_the_end_is_told(root):
    for _ in range(9):
        if go_on(root, *NAMES) is None:
            break
        answer(root)
    assert not was_edited(root / "trial")
    answers = root / "trial" / "answers.csv"
    answers.write_text(answers.read_text().replace(",zero,", ",one,", 1))
    assert was_edited(root / "trial")
