"""Two people at one question of a trial: shared images, a difference, a decision."""

import threading

import pytest
import torch

from alframe.data import ImageDataset
from alframe.oracle.answer_store import AnswerStore
from alframe.page.desk import Desk, Options
from alframe.page.given import Given
from alframe.page.oracle import PageOracle
from alframe.page.queue import goes_to_two
from alframe.page.request_values import Bad, seconds_of
from alframe.page.service import Service

QUESTION = list(range(8))
BOTH = [index for index in QUESTION if goes_to_two(index, 0.5)]


@pytest.fixture
def service(tmp_path):
    dataset = ImageDataset.from_arrays(
        "made", torch.arange(20 * 16).reshape(20, 4, 4).to(torch.uint8), class_names=("a", "b")
    )
    desk = Desk(Options(suggestions="off", both_share=0.5, grid=60))
    with AnswerStore(tmp_path) as store:
        store.add_classes(["a", "b"])
        store.put_question("seed 0", 0, QUESTION)
        oracle = PageOracle(dataset, store, desk)  # shows the question that is open
        made = Service(desk, tmp_path, "id", finish=lambda: None, report=lambda: b"")
        made.oracle = oracle
        yield made
        made.close()


def answer(service, who, index, number):
    given = Given(index=index, answer=number, seconds=1.0, suggestion=None, shown=None, grid=None)
    service.answering.save(who, f"{who} {index} {number}", [given])


def shown(service, who, n=20):
    return [each["index"] for each in service.next(who, n)]


def test_a_share_is_answered_twice_and_a_difference_is_decided(service):
    assert BOTH == [0, 2, 4, 5, 7]
    ada = shown(service, "Ada", 4)
    bob = shown(service, "Bob", 4)
    assert sorted([*ada, *bob]) == QUESTION
    for index in ada:
        answer(service, "Ada", index, 0)
    for index in bob[:2]:
        answer(service, "Bob", index, 0)
    assert ada == [0, 1, 2, 3]
    assert shown(service, "Bob") == [0, 2, 6, 7]  # what goes to two people comes first
    answer(service, "Bob", 0, 0)
    answer(service, "Bob", 2, 1)  # differs
    people = service.people()
    assert (people["pairs"], people["n_differ"]) == (2, 1)
    assert people["differ"] == [{"index": 2, "answers": {"Ada": 0, "Bob": 1}}]
    for index in (6, 7):
        answer(service, "Bob", index, 0)
    items = service.next("Ada", 9)
    assert [each["index"] for each in items] == [4, 5, 7, 2]
    assert items[-1]["decide"] == {"Ada": 0, "Bob": 1}
    assert service.state("Ada")["question"]["answered"] == 7
    for index in (4, 5, 7):
        answer(service, "Ada", index, 0)
    service.answering.review("Ada", "r", 2, 1, seconds=2.5)
    assert service.history(2)[-1]["seconds"] == 2.5
    assert shown(service, "Ada") == shown(service, "Bob") == []
    assert service.people()["differ"] == []
    found = service.gallery(view="labels", of_class=1, source="hand", offset=0, limit=9)["items"]
    assert [(each["index"], each["who"], each["changed"]) for each in found] == [(2, "Ada", True)]


def test_the_trial_waits_while_people_differ(service):
    for who, number in (("Ada", 0), ("Bob", 1)):
        answer(service, who, 3, number)
    for index in QUESTION:
        if index != 3:
            answer(service, "Ada", index, 0)
    oracle = service.oracle
    oracle.begin("seed 0", 0)
    waiting = oracle.waiting()
    assert (waiting.wanted, waiting.answered) == (8, 7)
    answer(service, "Eve", 3, 1)
    assert oracle.waiting() is None
    assert oracle.label(torch.tensor(QUESTION)).tolist() == [0, 0, 0, 1, 0, 0, 0, 0]


def test_two_at_once_get_different_images(service):
    got: dict[str, list[int]] = {}
    threads = [
        threading.Thread(target=lambda who=who: got.update({who: shown(service, who, 4)})) for who in "AB"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not set(got["A"]) & set(got["B"])
    assert len(got["A"]) == len(got["B"]) == 4


def test_an_answer_after_a_weekend_is_taken():
    assert [seconds_of(each) for each in (None, 2, 200_000)] == [None, 2.0, 86_400.0]
    for wrong in (-1, float("nan"), float("inf"), "2", True):
        with pytest.raises(Bad, match="seconds: expected a number"):
            seconds_of(wrong)
