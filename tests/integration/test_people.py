"""People as the oracle, by files: questions, answers, and mistakes in them."""

import csv
import json
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits

from alframe.core.answer_counting import PAGE, PAGE_GRID
from alframe.core.errors import AnswersNeeded, TrialNotice, UserError
from alframe.core.ledger import CANNOT_TELL, NO_CLASS
from alframe.data import ImageDataset
from alframe.data.identity import content_digest
from alframe.oracle import FilesOracle, csv_files
from alframe.oracle.answer_records import NewAnswer
from alframe.oracle.answer_store import AnswerStore
from alframe.oracle.sample_matching import Image as SampleImage
from alframe.oracle.sample_matching import match
from tests.support.helpers import alframe, read_rows

NAMES = ("cat", "Dog", "7", "a, b")
IMAGES = torch.arange(6 * 8 * 8, dtype=torch.uint8).view(6, 1, 8, 8)


def opened(directory, class_names=NAMES):
    """Return an oracle over six images, as each start of the command makes it."""
    dataset = ImageDataset.from_arrays("mine", IMAGES, class_names=class_names)
    store = AnswerStore(directory)
    if store.is_new:
        store.add_classes(class_names)
        store.put_samples(match([], [_row(dataset, k) for k in range(6)]).samples)
    made = FilesOracle(directory, dataset, store)
    made.begin("query", 1)
    return made


def _row(dataset, index):
    digest = partial(content_digest, dataset, index)
    return SampleImage(name=None, size=None, mtime_ns=None, ctime_ns=None, digest=digest)


@pytest.fixture
def oracle(tmp_path):
    return opened(tmp_path)


def fill(directory, text, name="questions/to_label.csv"):
    (directory / "questions").mkdir(exist_ok=True)
    (directory / name).write_bytes(text if isinstance(text, bytes) else text.encode())


def ask(oracle, *indices):
    return oracle.label(torch.tensor(indices)).tolist()


def asked(oracle, *indices):
    with pytest.raises(AnswersNeeded) as caught:
        ask(oracle, *indices)
    return str(caught.value)


def answers_csv(directory):
    return [(row["index"], row["label"]) for row in read_rows(directory / "answers.csv")]


def test_a_question_is_a_file_to_fill_in_and_pictures(oracle, tmp_path):
    text = asked(oracle, 4, 1)
    assert text.startswith("waiting for 2 labels: 0 of 2 are there. Fill in the column label of ")
    assert "answers: cat, Dog, 7, 'a, b', ? (cannot tell) or - (none of these)" in text
    lines = (tmp_path / "questions" / "to_label.csv").read_text().splitlines()
    assert lines == ["index,file,image,label", "4,,images/4.png,", "1,,images/1.png,"]
    picture = np.asarray(Image.open(tmp_path / "questions" / "images" / "4.png"))
    assert picture.shape == (112, 112)
    assert (picture[::14, ::14] == IMAGES[4, 0].numpy()).all()


def test_answers_have_the_order_of_the_question_and_are_stored(oracle, tmp_path):
    asked(oracle, 4, 1)
    fill(tmp_path, 'index,image,label\n1,x,cat\n4,x,"a, b"\n')
    assert ask(oracle, 4, 1) == [3, 0]
    assert not (tmp_path / "questions").exists()
    assert answers_csv(tmp_path) == [("1", "cat"), ("4", "a, b")]
    assert ask(oracle, 1) == [0]


def test_answers_are_kept_and_the_rest_is_asked_again(oracle, tmp_path):
    asked(oracle, 4, 1)
    fill(tmp_path, "index,image,label\n4,x,\n1,x,cat\n")
    assert "waiting for 1 label: 1 of 2 are there" in asked(oracle, 4, 1)
    rows = read_rows(tmp_path / "questions" / "to_label.csv")
    assert [row["index"] for row in rows] == ["4"]
    fill(tmp_path, "index,image,label\n4,x,dog\n")
    assert ask(oracle, 4, 1) == [1, 0]


def test_cannot_tell_and_none_of_these_are_answers(oracle, tmp_path):
    asked(oracle, 4, 1, 2)
    fill(tmp_path, "index,label\n4,?\n1,-\n2,dog\n")
    assert ask(oracle, 4, 1, 2) == [CANNOT_TELL, NO_CLASS, 1]
    assert answers_csv(tmp_path) == [("4", "?"), ("1", "-"), ("2", "Dog")]


def test_a_name_goes_before_a_number(oracle, tmp_path):
    asked(oracle, 1, 2, 3)
    fill(tmp_path, "index,label\n1,7\n2,7.0\n3,07\n")
    assert ask(oracle, 1, 2, 3) == [2, 2, 2]


def test_every_line_that_cannot_be_taken_is_named_and_nothing_is_lost(oracle, tmp_path):
    asked(oracle, 4, 1, 2)
    text = "index,image,label\n4,x,cat\n4,x,dog\n5,x,cat\n1,x,bird\nx,x,cat\n2,x,0\n"
    fill(tmp_path, text)
    with pytest.raises(UserError) as caught:
        ask(oracle, 4, 1, 2)
    for message in (
        "line 3: index 4 has two labels in this file",
        "line 4: index 5 was not asked",
        "line 5: expected one of cat, Dog, 7, 'a, b', ? (cannot tell) or - (none of these), got 'bird'",
        "line 6: expected an index, got 'x'",
        "line 7: expected one of",
    ):
        assert message in str(caught.value)
    assert (tmp_path / "questions" / "to_label.csv").read_text() == text
    assert not (tmp_path / "answers.csv").exists()
    assert oracle.store.answers() == {}


def test_a_label_that_is_changed_in_answers_csv_is_changed_and_told(oracle, tmp_path):
    asked(oracle, 1, 2)
    fill(tmp_path, "index,label\n1,cat\n2,dog\n")
    assert ask(oracle, 1, 2) == [0, 1]
    changed = (tmp_path / "answers.csv").read_text().replace("1,,cat", "1,,dog")
    fill(tmp_path, changed, "answers.csv")
    again = opened(tmp_path)
    with pytest.warns(TrialNotice, match="1 answers were changed: sample 1 from cat to Dog"):
        again.collect()
    assert again.current(torch.tensor([1, 2, 3])).tolist() == [1, 1, -1]
    assert [(each.sample, each.answer) for each in again.store.history()] == [(1, 0), (2, 1), (1, 1)]
    assert answers_csv(tmp_path) == [("2", "Dog"), ("1", "Dog")]
    again.collect()  # says nothing: warnings are errors


def test_a_label_that_is_changed_in_the_sheet_is_changed_but_an_old_copy_changes_nothing(oracle, tmp_path):
    asked(oracle, 1, 2)
    first = "index,label\n1,cat\n2,\n"
    fill(tmp_path, first)
    asked(oracle, 1, 2)
    fill(tmp_path, "index,label\n1,dog\n2,\n")
    with pytest.warns(TrialNotice, match="sample 1 from cat to Dog"):
        asked(oracle, 1, 2)
    fill(tmp_path, first)  # the spreadsheet still had the first copy open
    asked(oracle, 1, 2)
    assert oracle.current(torch.tensor([1])).tolist() == [1]


@pytest.mark.parametrize("left", ["index,label\n", "index,label\n2,dog\n", "index,label\n1,\n2,\n", None])
def test_rows_that_disappear_from_answers_csv_are_written_again(oracle, tmp_path, left):
    asked(oracle, 1, 2)
    fill(tmp_path, "index,label\n1,cat\n2,dog\n")
    ask(oracle, 1, 2)
    if left is None:
        (tmp_path / "answers.csv").unlink()
    else:
        fill(tmp_path, left, "answers.csv")
    again = opened(tmp_path)
    again.collect()
    assert again.current(torch.tensor([1, 2])).tolist() == [0, 1]
    assert answers_csv(tmp_path) == [("1", "cat"), ("2", "Dog")]


def test_a_kill_between_the_store_and_the_files_loses_and_changes_nothing(oracle, tmp_path, monkeypatch):
    asked(oracle, 1, 2)
    fill(tmp_path, "index,label\n1,cat\n2,\n")
    monkeypatch.setattr(oracle, "_write_answers", lambda: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        ask(oracle, 1, 2)
    again = opened(tmp_path)
    asked(again, 1, 2)
    assert answers_csv(tmp_path) == [("1", "cat")]
    assert len(again.store.history()) == 1


def test_a_sheet_that_is_saved_while_pictures_are_drawn_is_read_and_not_overwritten(
    oracle, tmp_path, monkeypatch
):
    asked(oracle, 1, 2)
    drawn = csv_files.draw_pictures

    def slowly(*arguments):
        monkeypatch.setattr(csv_files, "draw_pictures", drawn)
        fill(tmp_path, "index,label\n1,cat\n2,dog\n")
        return drawn(*arguments)

    monkeypatch.setattr(csv_files, "draw_pictures", slowly)
    assert ask(oracle, 1, 2) == [0, 1]


def test_files_that_people_put_beside_the_pictures_are_left_alone(oracle, tmp_path):
    asked(oracle, 1, 2)
    images = tmp_path / "questions" / "images"
    (images / "13 copy.png").write_bytes((images / "1.png").read_bytes())
    (images / "notes.txt").write_text("mine")
    fill(tmp_path, "index,label\n1,cat\n2,\n")
    asked(oracle, 1, 2)
    assert sorted(file.name for file in images.iterdir()) == ["13 copy.png", "2.png", "notes.txt"]
    fill(tmp_path, "index,label\n2,cat\n")
    assert ask(oracle, 1, 2) == [0, 0]
    assert sorted(file.name for file in images.iterdir()) == ["13 copy.png", "notes.txt"]


def test_a_picture_of_another_image_is_drawn_again(oracle, tmp_path):
    asked(oracle, 1)
    picture = tmp_path / "questions" / "images" / "1.png"
    before = picture.read_bytes()
    oracle.store.put_meta("pictures", json.dumps({"1": ("1.png", "of another image")}))
    picture.write_bytes(b"another image")
    asked(oracle, 1)
    assert picture.read_bytes() == before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"index,label\n1,\xff\n", "expected UTF-8 text"),
        (b"number,answer\n1,2\n", "expected the columns index and label"),
    ],
)
def test_files_of_another_kind_are_refused(oracle, tmp_path, text, message):
    asked(oracle, 1)
    fill(tmp_path, text)
    with pytest.raises(UserError, match=message):
        ask(oracle, 1)


def answer(directory, truth, n=None):
    """Fill in the question as a person would; at most n of its lines."""
    file = directory / "questions" / "to_label.csv"
    rows = read_rows(file)
    with file.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["index", "image", "label"])
        for k, row in enumerate(rows):
            known = n is None or k < n
            writer.writerow([row["index"], row["image"], truth[int(row["index"])] if known else ""])
    return len(rows) if n is None else min(n, len(rows))


def test_a_trial_with_answers_in_parts_ends_with_the_labels_of_a_simulation(tmp_path):
    bundle = load_digits()
    images, truth = (bundle.images[:300] * 15).astype(np.uint8), bundle.target[:300]
    np.savez(tmp_path / "mine.npz", images=images)
    np.savez(tmp_path / "known.npz", images=images, labels=truth)
    line = [
        "data=arrays", "tracker=none", "learner.steps=8", "learner.batch_size=16",
        "learner.pool_batch_size=16", "query.num=15", "stopping.min_rounds=2", "stopping.max_rounds=2",
        "certificate.tolerance=0.05", "precision=float32", "threads=1", "learner.scoring_batch_size=256",
    ]  # fmt: skip
    names = "data.class_names=[0,1,2,3,4,5,6,7,8,9]"
    people = [*line, "oracle=files", "data.path=mine.npz", names, "hydra.run.dir=people"]
    simulated = alframe(*line, "data.path=known.npz", "hydra.run.dir=simulated", cwd=tmp_path)
    assert simulated.returncode == 0, simulated.stderr
    answered, partly = 0, True
    for _ in range(30):
        done = alframe(*people, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        if (tmp_path / "people" / "summary.json").exists():
            break
        assert "waiting for" in done.stdout
        answered += answer(tmp_path / "people", truth, n=7 if partly else None)
        partly = not partly
    summary = json.loads((tmp_path / "people" / "summary.json").read_text())
    assert summary["hand_labels"] == answered == len(read_rows(tmp_path / "people" / "answers.csv"))
    assert summary["mislabelled"] is summary["mislabelled_share"] is summary["auto_label_error"] is None
    assert summary["certificate"]["max_wrong"] >= 0
    same = [(tmp_path / name / "labels.csv").read_bytes() for name in ("people", "simulated")]
    assert same[0] == same[1]
    rows = read_rows(tmp_path / "people" / "rounds.csv")
    assert [row["round"] for row in rows] == ["0", "1", "2", "3"]
    assert {row["mislabelled"] for row in rows} == {""}


@pytest.mark.parametrize(("purpose", "again"), [("query", False), ("check", True), ("audit", True)])
def test_what_was_confirmed_in_a_grid_is_no_answer_to_an_audit(oracle, tmp_path, purpose, again):
    oracle.store.keep()
    confirmed = NewAnswer(sample=2, answer=1, way=PAGE_GRID, grid="g")
    oracle.store.add([confirmed], who="Ada")
    oracle.begin(purpose, 1)
    if again:
        assert asked(oracle, 2).startswith("waiting for 1 label")
        fill(tmp_path, "index,file,image,label\n2,,images/2.png,Dog\n")  # the same answer, given singly
    assert ask(oracle, 2) == [1]
    assert oracle.store.answers()[2].way == ("to_label.csv" if again else PAGE_GRID)


def test_an_answer_that_is_taken_back_while_the_question_ends_is_asked_again(oracle, tmp_path, monkeypatch):
    asked(oracle, 3)
    oracle.store.add([NewAnswer(sample=3, answer=0, way=PAGE)], who="Ada")
    monkeypatch.setattr(oracle, "finished", lambda: oracle.store.undo("Ada"))
    assert asked(oracle, 3).startswith("waiting for 1 label: 0 of 1 are there")
