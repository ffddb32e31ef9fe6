"""Inputs and acts that went wrong once: folders and files of all kinds, and what people do meanwhile."""

import csv
import os
import re
import shutil
import unicodedata
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alframe.core.errors import AnswersNeeded, TrialNotice, UserError
from alframe.oracle.answer_store import AnswerStore
from alframe.oracle.class_names import answer_text
from alframe.report.main import main as report
from alframe.trial.directory import occupied
from alframe.trial.run import Replacements, run_trial
from tests.support.helpers import alframe, config_of, read_rows

SETTINGS = (
    "oracle=files", "tracker=none", "initial.num=6", "query.num=3", "stopping.min_rounds=1",
    "stopping.max_rounds=2", "learner.steps=2", "learner.steps_growth=0", "remainder=auto", "check.num=3",
    "threads=1", "device=cpu", "precision=float32", "learner.scoring_batch_size=64",
)  # fmt: skip
NAMES = ("ant", "bee", "cow", "dog")


class Person:
    """Labels the images of a folder, and checks after each start that nothing is lost or mixed up."""

    def __init__(self, root, path="images", directory="trial", **data):
        self.root, self.path, self.data = root, path, data
        self.trial = root / directory
        self.given: dict[str, str] = {}  # by what the picture shows
        self.told: list[str] = []
        self.finished = False
        self.answers_from = None

    @property
    def sheet(self):
        return self.trial / "questions" / "to_label.csv"

    def start(self):
        """Start the trial and return what it says at its end."""
        group = "arrays" if self.path.endswith(".npz") else "folder"
        config = config_of(*SETTINGS, f"data={group}", "data.path=images")
        config["data"] |= {"path": self.path, **self.data}
        config["oracle"]["answers_from"] = self.answers_from
        config["data_dir"] = str(self.root)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            try:
                run_trial(config, self.trial, replacements=Replacements(console=None))
                self.finished, text = True, ""
            except AnswersNeeded as needed:
                text = str(needed)
            finally:
                self.told = [str(each.message) for each in told]
        self.check()
        return text

    def answer(self, *answers, n=None):
        """Fill in the first n lines of the sheet, with answers in turn or with the folder of each image."""
        rows = read_rows(self.sheet)
        for k, row in enumerate(rows[:n]):
            row["label"] = answers[k % len(answers)] if answers else row["file"].split("/")[0]
            self.given[shows(self.sheet.parent / row["image"])] = row["label"]
        write(self.sheet, rows)
        return rows

    def finish(self, *answers):
        for _ in range(12):
            self.answer(*answers)
            self.start()
            if self.finished:
                return
        raise AssertionError("the trial does not end")

    def stored(self):
        """Return the answer of each sample in the store, by number."""
        with AnswerStore(self.trial) as store:
            classes = store.classes()
            return {number: answer_text(each.answer, classes) for number, each in store.answers().items()}

    def check(self):
        """Check that store, answers.csv, labels.csv and labels_by_name.csv agree, on the right images."""
        stored = self.stored()
        named = {int(row["index"]): row for row in read_rows(self.trial / "labels_by_name.csv")}
        hand = {k: row["class"] for k, row in named.items() if row["source"] not in ("none", "auto")}
        assert alike(hand) == alike(stored)
        if stored:
            sheet = {int(row["index"]): row["label"] for row in read_rows(self.trial / "answers.csv")}
            assert alike(sheet) == alike(stored)
        if self.path.endswith(".npz"):
            return
        for number, text in stored.items():
            file = self.root / self.path / named[number]["file"]
            if file.exists() and shows(file) in self.given:
                assert plain(self.given[shows(file)]) == plain(text), file
        for row in [] if self.finished else read_rows(self.sheet):
            picture = self.sheet.parent / row["image"]
            assert shows(picture) == shows(self.root / self.path / row["file"])


def alike(answers):
    return {number: plain(text) for number, text in answers.items()}


def plain(text):
    """Return an answer in the form in which names are compared here."""
    return nfc(text).strip().casefold().removesuffix(".0").lstrip("0")


def nfc(text):
    return unicodedata.normalize("NFC", text)


def shows(file):
    """Return the content of a picture, whether it was enlarged or not."""
    with Image.open(file) as image:
        small = image.convert("L")
        return str(np.asarray(small.resize((8, 8), Image.Resampling.NEAREST)).tolist())


def draw(file, seed, label=0):
    pixels = np.random.default_rng(seed).integers(0, 60, (8, 8), dtype=np.uint8)
    pixels[label % 8] += 180
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(file)


def by_class(root, names=NAMES, n=6):
    for label, name in enumerate(names):
        for k in range(n):
            draw(root / name / f"img{k}.png", 100 * label + k, label)
    return root


def flat(root, n=24):
    for k in range(n):
        draw(root / f"{k}.png", k, k % 2)
    return root


def write(file, rows):
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture
def person(tmp_path):
    by_class(tmp_path / "images")
    return Person(tmp_path)


# --- a label that means another class


@pytest.mark.parametrize(
    "forms", [["1", "2", "3", "4"], ["01", "02", "03", "04"], ["1.0", " 2", "03.0", "4,0"]]
)
def test_numbers_are_class_names_however_a_spreadsheet_writes_them(tmp_path, forms):
    by_class(tmp_path / "images", ("01", "02", "03", "04"))
    person = Person(tmp_path)
    person.start()
    rows = read_rows(person.sheet)
    for row in rows:
        row["label"] = forms[int(row["file"][:2]) - 1]
    write(person.sheet, rows)
    person.start()
    folders = {int(row["index"]): row["file"][:2] for row in rows}
    assert person.stored() == folders


def test_numbers_that_are_no_class_are_refused_by_line(tmp_path):
    by_class(tmp_path / "images", ("01", "02", "03", "04"))
    person = Person(tmp_path)
    person.start()
    person.answer("0", "5", "00", "1")
    with pytest.raises(UserError, match=r"line 2: .* '0'; .*line 3: .* '5'; .*line 4: .* '00'; .*6"):
        person.start()
    assert person.stored() == {}


def test_a_class_in_another_spelling_is_the_same_class(tmp_path):
    flat(tmp_path / "images")
    person = Person(tmp_path, class_names=["ant", "02", "bee"])
    person.start()
    person.answer("ant", "2")
    person.start()
    before = person.stored()
    person.data["class_names"] = ["BEE", "2", "Ant"]
    assert "Ant, 2, BEE" in person.start()
    assert not any("new classes" in text for text in person.told)
    assert alike(person.stored()) == alike(before)
    person.answer("bee", "ant")
    person.start()
    with AnswerStore(person.trial) as store:
        assert len(store.classes()) == 3


def test_a_class_folder_that_is_renamed_is_told(person):
    person.start()
    person.answer()
    person.start()
    (person.root / "images" / "bee").rename(person.root / "images" / "wasp")
    assert "ant, bee, cow, dog, wasp" in person.start()
    assert any("new classes: wasp" in text and "no longer name bee" in text for text in person.told)


# --- an answer on the wrong image


def add_class(folder):
    by_class(folder, ("aaa",), n=3)


def add_file(folder):
    draw(folder / "ant" / "a.png", 999)


def remove_file(folder):
    (folder / "ant" / "img0.png").unlink()


def rename_file(folder):
    (folder / "bee" / "img1.png").rename(folder / "bee" / "zz.png")


def swap_files(folder):
    one, two, other = folder / "bee" / "img1.png", folder / "ant" / "img1.png", folder / "tmp"
    one.rename(other)
    two.rename(one)
    other.rename(two)


@pytest.mark.parametrize("act", [add_class, add_file, remove_file, rename_file, swap_files])
@pytest.mark.parametrize("n_answered", [2, 6])
def test_answers_stay_on_their_images_when_files_change_before_the_first_round(person, act, n_answered):
    person.start()
    rows = person.answer(n=n_answered)
    act(person.root / "images")
    person.start()
    there = {row["index"] for row in rows[:n_answered]}
    assert len(person.stored()) in (len(there), len(there) - 1)  # an image may be gone
    assert act == swap_files or any("images have changed" in text for text in person.told)


@pytest.mark.parametrize("change", ["reversed", "row more", "row less"])
def test_arrays_in_another_order_keep_their_answers(tmp_path, change):
    images = np.random.default_rng(0).integers(0, 256, (20, 8, 8), dtype=np.uint8)
    np.savez(tmp_path / "x.npz", images=images)
    person = Person(tmp_path, "x.npz", class_names=["ant", "bee"])
    person.start()
    rows = person.answer("ant", "bee", "ant", "?", n=4)
    pictures = {row["index"]: shows(person.sheet.parent / row["image"]) for row in rows[4:]}
    other = {"reversed": images[::-1], "row more": np.concatenate([images[-1:] // 2, images])}
    asked = [int(row["index"]) for row in rows]
    unasked = next(k for k in range(20) if k not in asked)
    np.savez(tmp_path / "x.npz", images=other.get(change, np.delete(images, unasked, axis=0)))
    assert "4 of 6 are there" in person.start()
    now = {row["index"]: shows(person.sheet.parent / row["image"]) for row in read_rows(person.sheet)}
    assert now == pictures
    assert person.stored() == dict(zip(asked, ("ant", "bee", "ant", "?"), strict=False))


def test_images_that_move_to_another_path_keep_their_answers(person):
    person.start()
    person.answer()
    person.start()
    person.answer(n=2)
    shutil.copytree(person.root / "images", person.root / "moved", copy_function=shutil.copyfile)
    shutil.rmtree(person.root / "images")
    person.path = "moved"
    assert "1 label: 2 of 3" in person.start()
    assert len(person.stored()) == 8


def test_a_folder_of_other_images_is_refused_and_changes_nothing(person):
    person.start()
    person.answer()
    person.start()
    for k in range(20):
        draw(person.root / "other" / f"x{k % 2}" / f"{k}.png", 5000 + k)
    person.path = "other"
    with pytest.raises(UserError, match=r"no image with an answer is there.*data\.path"):
        person.start()
    person.path = "images"
    assert "ant, bee, cow, dog, ?" in person.start()
    assert person.told == []


def test_images_that_were_asked_about_are_removed_and_come_back(person):
    person.start()
    folder, kept = person.root / "images", person.root / "kept"
    shutil.copytree(folder, kept)
    for row in read_rows(person.sheet):
        (folder / row["file"]).unlink()
    assert "0 of 6" in person.start()  # others are asked about
    person.answer()
    person.start()
    shutil.rmtree(folder)
    for makes in (folder.mkdir, (folder / "ant").mkdir, folder.rmdir):
        if makes == folder.rmdir:
            (folder / "ant").rmdir()
        makes()
        with pytest.raises(UserError, match=r"data\.path: expected"):
            person.start()
    shutil.copytree(kept, folder)
    person.start()
    assert len(person.stored()) == 6


# --- dead ends


def test_answers_of_one_class_or_none_are_asked_on_in_the_same_trial(tmp_path):
    flat(tmp_path / "images", n=40)
    person = Person(tmp_path, class_names=["zero", "one"])
    person.start()
    person.answer("zero")
    assert "6 labels, because the answers so far do not name two classes" in person.start()
    person.answer("?", "-")
    assert "12 labels, because the answers so far do not name two classes" in person.start()
    person.answer("one")
    assert "waiting for 3 labels: 0 of 3" in person.start()
    rows = read_rows(person.trial / "answers.csv")
    assert [row["label"] for row in rows] == ["zero"] * 6 + ["?", "-"] * 3 + ["one"] * 12


@pytest.mark.parametrize("how", ["changed", "removed"])
def test_a_seed_set_that_loses_its_second_class_is_asked_on(person, how):
    person.start()
    rows = person.answer("ant", "bee", "ant")
    person.start()
    if how == "changed":
        answers = read_rows(person.trial / "answers.csv")
        write(person.trial / "answers.csv", [{**row, "label": "ant"} for row in answers])
        person.given = dict.fromkeys(person.given, "ant")
    else:
        for row in rows[1::3]:
            (person.root / "images" / row["file"]).unlink()
    assert "do not name two classes" in person.start()
    person.answer("bee")
    assert "do not name two classes" not in person.start()


def test_cannot_tell_for_everything_ends(tmp_path):
    flat(tmp_path / "images", 12)
    person = Person(tmp_path, class_names=["zero", "one"])
    person.start()
    person.finish("?")
    assert set(person.stored().values()) == {"?"}


def test_an_answer_that_is_changed_after_a_round_counts(person):
    person.start()
    for _ in range(2):
        person.answer()
        person.start()
    rows = read_rows(person.trial / "answers.csv")
    wanted = {int(row["index"]): text for row, text in zip(rows, ("dog", "?", "-"), strict=False)}
    write(
        person.trial / "answers.csv", [{**r, "label": wanted.get(int(r["index"]), r["label"])} for r in rows]
    )
    person.given.clear()
    person.start()
    assert any("answers were changed" in text for text in person.told)
    assert wanted.items() <= person.stored().items()


@pytest.mark.parametrize(
    "gone", [["answers.csv"], ["questions"], ["answers.sqlite"], ["answers.sqlite", "state"]]
)
def test_files_of_a_trial_that_are_deleted_cost_no_answer(person, gone):
    person.start()
    for n in (None, 2):
        person.answer(n=n)
        person.start()
    before = sorted(person.stored().items())
    for name in gone:
        path = person.trial / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    person.start()
    assert sorted(person.stored().items()) == before


def test_a_trial_whose_answers_are_all_deleted_is_refused(person):
    person.start()
    person.answer()
    person.start()
    for name in ("answers.csv", "answers.sqlite"):
        (person.trial / name).unlink()
    with pytest.raises(UserError, match=r"answers\.sqlite or answers\.csv, .* found neither"):
        person.start()


def test_entries_beside_the_pictures_are_ignored(person):
    person.start()
    pictures = person.sheet.parent / "images"
    shutil.copy(next(pictures.iterdir()), pictures / "13 copy.png")
    (pictures / "99.png").mkdir()
    (pictures / "notes").mkdir()
    person.answer(n=3)
    assert "3 of 6 are there" in person.start()
    assert {"13 copy.png", "99.png", "notes"} < {path.name for path in pictures.iterdir()}


def test_two_starts_at_once_are_refused_and_nothing_is_lost(person):
    person.start()
    person.answer()
    with occupied(person.trial), pytest.raises(UserError, match="that no other process works in"):
        person.start()
    person.start()
    assert len(person.stored()) == 6


# --- answers of another trial


@pytest.mark.parametrize("files", [["answers.sqlite"], ["answers.csv", "files.csv"]])
def test_answers_of_another_trial_are_taken_over_by_image_and_name(person, files):
    person.start()
    person.answer()
    person.start()
    (person.root / "before").mkdir()
    for name in files:
        shutil.copy(person.trial / name, person.root / "before" / name)
    folder = person.root / "images"
    gone = read_rows(person.trial / "answers.csv")[0]["file"]
    (folder / gone).unlink()
    draw(folder / "ant" / "0.png", 999)
    (folder / "bee").rename(folder / "Bee") if files == ["answers.sqlite"] else None
    other = Person(person.root, directory="other")
    other.given, other.answers_from = person.given, str(person.root / "before")
    other.start()
    assert len(other.stored()) == 5
    assert any(f"5 answers of {other.answers_from} (not those to 1 image" in text for text in other.told)
    (folder / "cow").rename(folder / "elk")
    third = Person(person.root, directory="third")
    third.answers_from = other.answers_from
    with pytest.raises(UserError, match=r"cow.*data\.class_names or as"):
        third.start()


# --- what disappears without a word


def heic(root):
    by_class(root, NAMES[:2])
    (root / "emu").mkdir()
    for k in range(3):
        (root / "emu" / f"{k}.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(40))


def linked(root):
    by_class(root, NAMES[:2])
    by_class(root.parent / "elsewhere", ("dog",))
    (root / "dog").symlink_to(root.parent / "elsewhere" / "dog")


def split(root):
    by_class(root / "train", NAMES[:2])
    by_class(root / "val", NAMES[:2], n=2)


def circled(root):
    by_class(root, ("①", "②", "③"))


def not_utf8(root):
    by_class(root, NAMES[:2])
    os.rename(os.fsencode(root / "ant" / "img0.png"), os.fsencode(root / "ant") + b"/img\xff.png")


def decomposed(root):
    by_class(root, (unicodedata.normalize("NFD", "Käse"), "bee"))


@pytest.mark.parametrize(
    ("make", "classes", "n", "line"),
    [
        (heic, "ant, bee, emu", 12, r"3 \.heic"),
        (linked, "ant, bee, dog", 18, ""),
        (split, "ant, bee", 12, r"train is labelled, val is the test set.*data\.path and data\.test_path"),
        (circled, "①, ②, ③", 18, ""),
        (not_utf8, "ant, bee", 12, ""),
        (decomposed, "Käse, bee", 12, ""),
    ],
)
def test_odd_folders_are_labelled_and_what_is_left_out_is_told(tmp_path, make, classes, n, line):
    make(tmp_path / "images")
    person = Person(tmp_path)
    person.check = lambda: None  # names are escaped, and a split has another root
    assert classes in nfc(person.start())
    assert re.search(line, " ".join(person.told))
    assert line or not person.told
    names = classes.split(", ")
    person.answer(*names)
    assert "waiting for 3 labels" in person.start()
    assert set(map(nfc, person.stored().values())) == set(names)
    assert len(read_rows(person.trial / "labels.csv")) == n


@pytest.mark.parametrize("directory", ["outputs/mine", "."])
@pytest.mark.parametrize("make", [flat, by_class])
def test_a_trial_and_a_report_in_the_folder_of_the_images_are_no_data(tmp_path, monkeypatch, directory, make):
    make(tmp_path)
    monkeypatch.chdir(tmp_path)
    person = Person(tmp_path, ".", directory, **({"class_names": ["a", "b"]} if make is flat else {}))
    person.start()
    n = len(read_rows(Path(directory, "labels.csv")))
    assert n == 24
    person.answer(*([] if make is by_class else ["a", "b"]))
    person.start()
    with pytest.raises(SystemExit):
        report([directory])
    person.start()
    assert person.told == []
    assert len(read_rows(Path(directory, "labels.csv"))) == n


@pytest.mark.parametrize("labels", [[1, 2, 3, 4, 5], [10, 60, 110, 160, 210]])
def test_labels_that_are_no_positions_are_names_of_as_many_classes(tmp_path, labels):
    images = np.random.default_rng(0).integers(0, 256, (30, 8, 8), dtype=np.uint8)
    np.savez(tmp_path / "x.npz", images=images, labels=np.array(labels * 6))
    person = Person(tmp_path, "x.npz")
    assert f"answers: {', '.join(map(str, labels))}, ?" in person.start()
    assert "are 5 classes" in person.told[0]


# --- the command itself


def test_a_command_that_begins_another_trial_names_the_answers_that_are_there(tmp_path):
    by_class(tmp_path / "images")
    command = ["data=folder", "data.path=images", *SETTINGS, "data_dir=."]
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        assert "waiting for 6 labels" in alframe(*command, cwd=tmp_path).stdout
        (trial,) = (tmp_path / "outputs").iterdir()
        rows = read_rows(trial / "questions" / "to_label.csv")
        write(trial / "questions" / "to_label.csv", [{**row, "label": row["file"][:3]} for row in rows])
        assert "waiting for 3 labels" in alframe(*command, cwd=tmp_path).stdout
        with pytest.warns(
            TrialNotice, match=f"outputs/{trial.name} has 6 answers .* oracle.answers_from=outputs"
        ):
            alframe(*command, "query.num=2", cwd=tmp_path)
