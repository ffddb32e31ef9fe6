"""What the desk tells the page between questions."""

from types import SimpleNamespace

import pytest
import torch

from alframe.core.ledger import LabelLedger, Source
from alframe.data import ImageDataset
from alframe.oracle.answer_store import AnswerStore
from alframe.page.desk import Desk, Options, Question
from alframe.page.oracle import PageOracle
from alframe.page.training import Training

OPTIONS = Options(suggestions="after", both_share=0.0, grid=60)


@pytest.mark.parametrize(
    ("purpose", "round", "expected"),
    [
        ("seed", 0, ("training", 1)),
        ("query", 3, ("training", 4)),
        ("audit", 5, ("finishing", 0)),
        ("second look", 5, ("finishing", 0)),
    ],
)
def test_the_round_that_trains_follows_the_question(purpose, round, expected):
    desk = Desk(OPTIONS)
    desk.put(Question(purpose=purpose, round=round, order=(1, 2), n_wanted=2))
    desk.work("training")
    assert (desk.now.training.what, desk.now.training.round) == expected
    if round := expected[1]:  # it asks nothing, so that the next one follows
        desk.log(SimpleNamespace(kind="round", round=round))
        assert desk.now.training.round == round + 1


def test_the_first_encoding_says_how_long_it_takes():
    desk = Desk(OPTIONS)
    desk.work("training")
    desk.progress("encode", 0, 100)
    before = desk.now.training
    desk.progress("encode", 30, 100)
    now = desk.now.training
    assert (now.step_since, now.done_share) == (before.step_since, 0.3)
    assert before.seconds_left(before.step_since + 1) is None  # nothing is done yet
    assert now.seconds_left(now.step_since + 1.0) is None  # too early to tell
    assert now.seconds_left(now.step_since + 6.0) == pytest.approx(14.0)
    desk.progress("train", 1, 10)
    assert desk.now.training.step_since >= now.step_since
    known = Training(what="train", round=2, since=0.0, seconds_before=20.0, done_share=0.9)
    assert known.seconds_left(5.0) == 15.0  # by the round before


def test_after_a_restart_the_desk_has_the_labels_of_the_last_round(tmp_path):
    images = torch.arange(6 * 16).reshape(6, 4, 4).to(torch.uint8)
    dataset = ImageDataset.from_arrays("made", images, class_names=("a", "b"))
    desk = Desk(OPTIONS)
    ledger = LabelLedger.empty(6).commit(
        torch.tensor([4, 5]), torch.tensor([1, 0]), Source.AUTO, 2, torch.tensor([3.0, 4.0])
    )
    with AnswerStore(tmp_path) as store:
        store.add_classes(["a", "b"])
        store.put_question("query", 2, [0, 1])
        oracle = PageOracle(dataset, store, desk)
        assert desk.now.question.members == {0, 1}
        assert desk.now.ledger is None  # the trial has not read its state yet
        oracle.ledger = lambda: ledger  # what the session of the trial does
        desk.start(SimpleNamespace(reports=()))
        assert desk.now.ledger is ledger
