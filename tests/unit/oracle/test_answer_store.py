"""The store of answers: numbers, questions, answers with their history, and what survives."""

import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from alframe.core.answer_counting import PAGE, PAGE_GRID, PAGE_REVIEW
from alframe.core.errors import TrialError, UserError
from alframe.core.ledger import CANNOT_TELL
from alframe.oracle.answer_records import NewAnswer, Prediction, Sample
from alframe.oracle.answer_store import AnswerStore
from alframe.trial.read_answers import read_answers


def sample(number: int, name: str | None = None, **facts) -> Sample:
    return Sample(
        **{"number": number, "name": name, "size": 9, "mtime_ns": 1, "ctime_ns": 2, "digest": None, **facts}
    )


def classes(answers):
    return {index: each.answer for index, each in answers.items()}


@pytest.fixture
def store(tmp_path):
    with AnswerStore(tmp_path) as opened:
        opened.add_classes(["cat", "dog"])
        opened.put_samples(sample(k, f"{k}.png") for k in range(5))
        yield opened


def test_nothing_is_written_before_the_first_question(store, tmp_path):
    assert list(tmp_path.iterdir()) == []
    assert store.is_new
    store.put_question("seed", 0, [3, 1])
    assert not store.is_new
    with AnswerStore(tmp_path) as again:
        assert again.question("seed", 0) == [3, 1]
        assert again.classes() == ["cat", "dog"]
        assert again.samples()[3] == sample(3, "3.png")


def test_the_newest_answer_counts_and_the_others_are_kept(store):
    store.put_question("seed", 0, [3, 1])
    store.put_answers({3: 0, 1: CANNOT_TELL}, "to_label.csv")
    first = store.last_id()
    store.put_answers({3: 1}, "answers.csv", who="Ada")
    assert {index: each.answer for index, each in store.answers().items()} == {3: 1, 1: CANNOT_TELL}
    assert {index: each.answer for index, each in store.answers(up_to=first).items()} == {
        3: 0,
        1: CANNOT_TELL,
    }
    assert [(each.sample, each.answer, each.way, each.who) for each in store.history()] == [
        (3, 0, "to_label.csv", ""),
        (1, CANNOT_TELL, "to_label.csv", ""),
        (3, 1, "answers.csv", "Ada"),
    ]


def test_questions_are_kept_apart_by_purpose_and_round(store):
    store.put_question("seed", 0, [3])
    store.put_question("query", 2, [4, 0])
    store.put_question("query", 2, [2])
    assert store.question("query", 2) == [4, 0, 2]
    assert store.question("query", 1) == []
    assert store.asked() == {0, 2, 3, 4}
    assert store.asked(since=1) == {0, 2, 4}


def test_classes_and_samples_get_the_next_numbers(store):
    store.add_classes(["fox"])
    assert store.classes() == ["cat", "dog", "fox"]
    store.put_samples([sample(5, "new.png"), sample(0, "0.png", present=False)])
    assert [each.present for each in store.samples()] == [False, *[True] * 5]
    store.put_digests({5: "abc"})
    assert store.samples()[5].digest == "abc"


def test_an_answer_that_was_acknowledged_survives_a_kill(tmp_path):
    program = (
        "import os, sys; from pathlib import Path\n"
        "from alframe.oracle.answer_records import Sample\n"
        "from alframe.oracle.answer_store import AnswerStore\n"
        "store = AnswerStore(Path(sys.argv[1]))\n"
        "store.put_samples([Sample(number=0, name='a', size=1, mtime_ns=1, ctime_ns=1, digest='d')])\n"
        "store.put_question('seed', 0, [0]); store.put_answers({0: 1}, 'test'); os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], env=os.environ, check=False)
    assert done.returncode == -9
    with AnswerStore(tmp_path) as store:
        assert store.answers()[0].answer == 1


def test_a_damaged_store_and_another_format_are_refused(store, tmp_path):
    store.keep()
    store.put_meta("format", "9")
    with pytest.raises(UserError, match="expected a store of format 2, got 9"):
        AnswerStore(tmp_path)
    store.close()
    for file in tmp_path.iterdir():
        file.write_bytes(b"no database" * 500)
    with pytest.raises(UserError, match=r"answers\.sqlite: expected the store of .* Copy it again"):
        AnswerStore(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_directory_that_cannot_be_written(store, tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(TrialError, match="could not be written"):
            store.put_question("seed", 0, [1])
    finally:
        tmp_path.chmod(0o700)


def test_a_full_disk_keeps_the_answers_before(store, monkeypatch):
    store.put_question("seed", 0, [1, 2])
    store.put_answers({1: 0}, "to_label.csv")
    (pages,) = store._db.execute("PRAGMA page_count").fetchone()
    store._db.execute(f"PRAGMA max_page_count = {pages}")  # SQLite's own way to imitate a full disk
    with pytest.raises(TrialError, match="full"):
        store.put_answers(dict.fromkeys(range(5000), 1), "x" * 500)
    assert classes(store.answers()) == {1: 0}


def test_the_file_is_readable_with_any_sqlite(store, tmp_path):
    store.put_question("seed", 0, [1])
    store.put_answers({1: 0}, "to_label.csv")
    with sqlite3.connect(Path(tmp_path) / "answers.sqlite") as db:
        query = "SELECT samples.name, classes.name FROM answers JOIN samples ON samples.number = sample"
        assert db.execute(f"{query} JOIN classes ON classes.number = answer").fetchall() == [("1.png", "cat")]


def given(sample: int, answer: int, **facts) -> NewAnswer:
    return NewAnswer(**{"sample": sample, "answer": answer, "way": PAGE, **facts})


def test_an_answer_keeps_how_it_came_about(store):
    facts = {"seconds": 0.5, "suggestion": 0, "shown": "before", "grid": "g1"}
    assert store.add([given(3, 1, way=PAGE_GRID, **facts)], who="Ada") == 1
    [row] = store.rows_of(3)
    assert (row.who, row.way, row.seconds, row.suggestion, row.shown, row.grid) == (
        "Ada",
        PAGE_GRID,
        *facts.values(),
    )
    assert store.rows_of(0) == ()


def test_a_request_that_comes_again_adds_nothing(store):
    request = [given(1, 0), given(2, 1)]
    assert store.add(request, who="Ada", key="k1") == 2
    assert store.add(request, who="Ada", key="k1") == 0
    assert store.add(request, who="Ada", key="k2") == 2
    assert store.add([given(0, 1)], who="Ada") == store.add([given(0, 1)], who="Ada") == 1  # without a key
    assert [len(store.rows_of(k)) for k in range(3)] == [2, 2, 2]


def test_what_another_connection_adds_is_seen(store, tmp_path):
    store.put_question("seed", 0, [1])
    with AnswerStore(tmp_path) as other:
        assert other.answers() == {}
        store.add([given(1, 0)], who="Ada")
        assert classes(other.answers()) == {1: 0}
        other.add([given(1, 1)], who="Ada")
    assert classes(store.answers()) == {1: 1}


def test_people_who_differ_leave_no_answer_until_it_is_decided(store):
    store.add([given(1, 0)], who="Ada")
    first = store.last_id()
    store.add([given(1, 1)], who="Bob")
    assert store.answers() == {}
    assert classes(store.answers(up_to=first)) == {1: 0}
    store.add([given(1, 1, way=PAGE_REVIEW)], who="Eve")
    assert classes(store.answers()) == {1: 1}
    assert store.people() == ["Ada", "Bob", "Eve"]


def test_undo_takes_back_the_last_answer_that_stands(store):
    store.add([given(1, 0)], who="Ada")
    store.add([given(2, 0)], who="Ada")
    store.add([given(3, 0)], who="Bob")
    assert store.undo("Ada", key="u1") == [2]
    assert store.undo("Ada", key="u1") == [2]  # the same request again
    assert classes(store.answers()) == {1: 0, 3: 0}
    assert store.undo("Ada") == [1]
    assert store.undo("Ada") == []
    store.add([given(2, 1)], who="Ada")
    assert classes(store.answers()) == {2: 1, 3: 0}
    assert store.undo("Ada") == [2]


def test_undo_takes_back_a_grid_as_a_whole_and_no_answer_of_a_file(store):
    store.put_answers({0: 0}, "to_label.csv", who="Ada")
    store.add([given(4, 1)], who="Ada")
    store.add([given(k, 0, way=PAGE_GRID, grid="g1") for k in (1, 2)], who="Ada")
    assert sorted(store.undo("Ada")) == [1, 2]
    assert classes(store.answers()) == {0: 0, 4: 1}
    assert [store.undo("Ada"), store.undo("Ada")] == [[4], []]
    assert classes(store.answers()) == {0: 0}


def test_a_review_is_taken_back_apart_from_the_vote(store):
    store.add([given(1, 0)], who="Ada")
    store.add([given(1, 1, way=PAGE_REVIEW)], who="Ada")
    assert classes(store.answers()) == {1: 1}
    store.undo("Ada")
    assert classes(store.answers()) == {1: 0}
    store.undo("Ada")
    assert store.answers() == {}


def test_an_export_counts_as_the_trial_does(store, tmp_path):
    store.put_question("seed", 0, range(5))
    for who, answers in {"Ada": {0: 0, 1: 0, 2: 0}, "Bob": {0: 1, 1: 0, 2: 1}, "Eve": {2: 1}}.items():
        store.add([given(k, each) for k, each in answers.items()], who=who)
    store.add([given(4, 1)], who="Ada")
    store.undo("Ada")
    read = read_answers(tmp_path).answers
    assert classes(read) == classes(store.answers()) == {1: 0, 2: 1}
    assert [read[k].who for k in (1, 2)] == ["Bob", "Eve"]


_FORMAT_1 = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE classes(number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE samples(
    number INTEGER PRIMARY KEY, name TEXT, size INTEGER, mtime_ns INTEGER, ctime_ns INTEGER,
    digest TEXT, member INTEGER NOT NULL, present INTEGER NOT NULL);
CREATE TABLE questions(
    id INTEGER PRIMARY KEY, round INTEGER NOT NULL, source TEXT NOT NULL, sample INTEGER NOT NULL,
    at TEXT NOT NULL);
CREATE INDEX question_of ON questions(source, round);
CREATE TABLE answers(
    id INTEGER PRIMARY KEY AUTOINCREMENT, sample INTEGER NOT NULL, digest TEXT, answer INTEGER NOT NULL,
    way TEXT NOT NULL, who TEXT NOT NULL, at TEXT NOT NULL);
CREATE INDEX answers_of ON answers(sample);
INSERT INTO meta VALUES('format', '1');
INSERT INTO answers(sample, answer, way, who, at) VALUES(2, 0, 'to_label.csv', '', '2026-01-01');
INSERT INTO answers(sample, answer, way, who, at) VALUES(2, 1, 'answers.csv', '', '2026-01-02');
"""


def test_a_store_of_format_1_goes_on(tmp_path):
    db = sqlite3.connect(tmp_path / "answers.sqlite")
    db.executescript(_FORMAT_1)
    db.close()
    assert classes(read_answers(tmp_path).answers) == {2: 1}  # without a change of the file
    for _ in range(2):  # and is opened again
        with AnswerStore(tmp_path) as store:
            assert store.meta("format") == "2"
            assert classes(store.answers())[2] == 1
            assert store.rows_of(2)[0].seconds is None
            store.add([given(3, 1, seconds=1.5)], who="Ada", key="k")
    with AnswerStore(tmp_path) as store:
        assert [row.seconds for row in store.rows_of(3)] == [1.5]


def test_ten_thousand_answers_cost_a_request_little(store):
    store.put_samples(sample(k) for k in range(10_000))
    store.put_question("seed", 0, range(10_000))
    store.add([given(k, k % 2) for k in range(10_000)], who="Ada")
    assert len(store.answers()) == 10_000
    start = time.perf_counter()
    for k in range(20):
        store.add([given(k, 1)], who="Ada", key=f"{k}")
        assert len(store.answers()) == 10_000
        assert store.rows_of(k)[-1].answer == 1
    assert time.perf_counter() - start < 2  # 20 requests; reading all answers each time takes longer


def test_predictions_are_kept_and_replaced(store):
    sure = Prediction(number=1, confidence=0.9, blind=False)
    store.put_predictions({1: sure, 2: Prediction(number=0, confidence=0.4, blind=True)})
    store.put_predictions({2: sure})
    assert store.predictions() == {1: sure, 2: sure}
    assert store.predictions([2, 3]) == {2: sure}
    store.put_question("seed", 0, [1])  # and on the disk
    assert store.predictions([1]) == {1: sure}


@pytest.mark.parametrize("what", ["moved", "removed", "replaced"])
def test_nothing_is_acknowledged_when_the_file_is_no_longer_there(store, tmp_path, what):
    store.put_question("seed", 0, [0, 1, 2])
    store.put_answers({0: 1}, way=PAGE)
    file = tmp_path / "answers.sqlite"
    if what == "replaced":
        (tmp_path / "another").write_bytes(file.read_bytes())
        (tmp_path / "another").replace(file)
    elif what == "moved":
        file.rename(tmp_path / "elsewhere.sqlite")
    else:
        file.unlink()
    with pytest.raises(TrialError, match=r"answers\.sqlite: expected the store .* moved or removed"):
        store.put_answers({1: 0}, way=PAGE)
    with pytest.raises(TrialError, match="moved or removed"):
        store.put_question("query", 1, [3])  # which would write a new file in place of the lost one
    if what == "moved":
        (tmp_path / "elsewhere.sqlite").rename(file)
        store.put_answers({2: 0}, way=PAGE)
        assert classes(store.answers())[2] == 0
