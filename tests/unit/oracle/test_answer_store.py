"""The store of answers: numbers, questions, answers with their history, and what survives."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from alframe.core.errors import TrialError, UserError
from alframe.core.ledger import CANNOT_TELL
from alframe.oracle.answer_records import Sample
from alframe.oracle.answer_store import AnswerStore


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
    with pytest.raises(UserError, match="expected a store of format 1, got 9"):
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
