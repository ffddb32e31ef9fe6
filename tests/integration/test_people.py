"""People as the oracle, by files: questions, answers, and mistakes in them."""

import csv
import json

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits

from alframe.core.errors import AnswersNeeded, UserError
from alframe.oracle import FilesOracle
from tests.support.helpers import alframe, read_rows

NAMES = ("cat", "Dog", "7", "a, b")
IMAGES = torch.arange(6 * 8 * 8, dtype=torch.uint8).view(6, 1, 8, 8)


@pytest.fixture
def oracle(tmp_path):
    return FilesOracle(tmp_path, IMAGES, NAMES)


def fill(directory, text):
    (directory / "questions").mkdir(exist_ok=True)
    (directory / "questions" / "to_label.csv").write_bytes(text if isinstance(text, bytes) else text.encode())


def ask(oracle, *indices):
    return oracle.label(torch.tensor(indices)).tolist()


def test_a_question_is_a_file_to_fill_in_and_pictures(oracle, tmp_path):
    with pytest.raises(AnswersNeeded, match=r"waiting for 2 labels\. Fill in .*to_label\.csv"):
        ask(oracle, 4, 1)
    lines = (tmp_path / "questions" / "to_label.csv").read_text().splitlines()
    assert lines == ["index,image,label", "4,images/4.png,", "1,images/1.png,"]
    picture = np.asarray(Image.open(tmp_path / "questions" / "images" / "4.png"))
    assert picture.shape == (112, 112)
    assert (picture[::14, ::14] == IMAGES[4, 0].numpy()).all()


def test_answers_have_the_order_of_the_question_and_are_stored(oracle, tmp_path):
    fill(tmp_path, 'index,image,label\n1,x,cat\n4,x,"a, b"\n')
    assert ask(oracle, 4, 1) == [3, 0]
    assert not (tmp_path / "questions").exists()
    assert (tmp_path / "answers.csv").read_text() == 'index,label\n1,cat\n4,"a, b"\n'
    assert ask(oracle, 1) == [0]


def test_answers_are_kept_and_the_rest_is_asked_again(oracle, tmp_path):
    fill(tmp_path, "index,image,label\n4,x,\n1,x,cat\n")
    with pytest.raises(AnswersNeeded, match=r"waiting for 1 labels\. 1 of 2 are answered"):
        ask(oracle, 4, 1)
    assert (tmp_path / "questions" / "to_label.csv").read_text().splitlines()[1:] == ["4,images/4.png,"]
    fill(tmp_path, "index,image,label\n4,x,dog\n")
    assert ask(oracle, 4, 1) == [1, 0]


@pytest.mark.parametrize(
    "text",
    [
        b"\xef\xbb\xbfindex;image;label\r\n4;x;CAT\r\n1;x; dog \r\n;;\r\n",
        "label\tindex\ncat\t4\nDog\t1.0\n",
        "Label,note,Index\n0,blurred,4\n1,,1\n",
        'index,image,label\n"4","x","cat"\n\n1,x,dog',
    ],
    ids=["semicolons", "tabs", "other order", "quotes"],
)
def test_formats_of_spreadsheets_are_read(oracle, tmp_path, text):
    fill(tmp_path, text)
    assert ask(oracle, 4, 1) == [0, 1]


@pytest.mark.parametrize("head", ["sep=;\n", "\ufeffSep=;\r\n"])
def test_a_spreadsheets_line_about_its_separator_is_read(oracle, tmp_path, head):
    fill(tmp_path, head + "index;image;label\n4;x;cat\n1;x;dog\n")
    assert ask(oracle, 4, 1) == [0, 1]
    fill(tmp_path, head + "index;image;label\n4;x;cow\n")
    with pytest.raises(UserError, match=r"line 3: expected one of .*, got 'cow'"):
        ask(oracle, 4, 5)


def test_utf_16_is_understood(oracle, tmp_path):
    fill(tmp_path, "")
    (tmp_path / "questions" / "to_label.csv").write_bytes("index\timage\tlabel\n4\tx\tcat\n".encode("utf-16"))
    assert ask(oracle, 4) == [0]


def test_a_name_goes_before_a_number(oracle, tmp_path):
    fill(tmp_path, "index,label\n1,7\n2,2\n3,7.0\n")
    assert ask(oracle, 1, 2, 3) == [2, 2, 2]


def test_every_line_that_cannot_be_taken_is_named_and_nothing_is_lost(oracle, tmp_path):
    text = "index,image,label\n4,x,cat\n4,x,dog\n5,x,cat\n1,x,bird\nx,x,cat\n2,x,9\n"
    fill(tmp_path, text)
    with pytest.raises(UserError) as caught:
        ask(oracle, 4, 1, 2)
    for message in (
        "line 3: index 4 was answered 'cat' before, now 'Dog'",
        "line 4: index 5 was not asked",
        "line 5: expected one of cat, Dog, 7, a, b, got 'bird'",
        "line 6: expected an index, got 'x'",
        "line 7: expected one of",
    ):
        assert message in str(caught.value)
    assert (tmp_path / "questions" / "to_label.csv").read_text() == text
    assert not (tmp_path / "answers.csv").exists()


def test_an_answer_given_before_is_not_changed_in_passing(oracle, tmp_path):
    fill(tmp_path, "index,label\n1,cat\n")
    assert ask(oracle, 1) == [0]
    fill(tmp_path, "index,label\n1,cat\n2,dog\n")  # as after a kill between the two files
    assert ask(oracle, 2) == [1]
    fill(tmp_path, "index,label\n1,dog\n")
    with pytest.raises(UserError, match="index 1 was answered 'cat' before, now 'Dog'"):
        ask(oracle, 3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"index,label\n1,\xff\n", "expected UTF-8 text"),
        (b"number,answer\n1,2\n", "expected the columns index and label"),
    ],
)
def test_files_of_another_kind_are_refused(oracle, tmp_path, text, message):
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
        "certificate.tolerance=0.05",
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
