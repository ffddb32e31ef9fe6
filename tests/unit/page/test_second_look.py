"""A second look of an audit: the page shows both answers, and a decision replaces the first answer."""

import threading
import time
from collections.abc import Callable

import pytest
import torch

from alframe.core.answer_counting import PAGE, PAGE_GRID, PAGE_REVIEW
from alframe.core.protocols import LooksTwice, ProposingOracle, TimesAnswers
from alframe.data import ImageDataset
from alframe.oracle.answer_records import NewAnswer
from alframe.oracle.answer_store import AnswerStore
from alframe.page.desk import Desk, Options
from alframe.page.given import Given
from alframe.page.oracle import PageOracle
from alframe.page.service import Service

SAMPLES = torch.tensor([2, 5, 7])


@pytest.fixture
def page(tmp_path):
    images = torch.arange(10 * 16).reshape(10, 4, 4).to(torch.uint8)
    dataset = ImageDataset.from_arrays("made", images, torch.arange(10) % 3)
    desk = Desk(Options(suggestions="after", both_share=0.0, grid=60))
    with AnswerStore(tmp_path) as store:
        store.add_classes(["a", "b", "c"])
        store.put_question("seed", 0, [0])
        oracle = PageOracle(dataset, store, desk)
        service = Service(desk, tmp_path, "id", finish=lambda: None, report=lambda: b"")
        yield oracle, service
        service.close()


def in_thread(work: Callable[[], object]) -> tuple[threading.Thread, list[object]]:
    """Run the person beside the trial, which waits in the test's thread."""
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(work()), daemon=True)
    thread.start()
    return thread, found


def items(service: Service, purpose: str) -> list[dict]:
    """Return the samples to answer, once the question of a purpose is open."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        question = service.desk.now.question
        if question is not None and question.purpose == purpose:
            return service.next("ann", 8)
        time.sleep(0.01)
    raise AssertionError(f"no question for {purpose}")


def single(index: int, answer: int) -> Given:
    return Given(index=index, answer=answer, seconds=0.5, suggestion=None, shown="off", grid=None)


def test_the_page_has_the_optional_methods_of_an_oracle(page):
    oracle, _ = page
    assert isinstance(oracle, ProposingOracle)
    assert isinstance(oracle, LooksTwice)
    assert isinstance(oracle, TimesAnswers)


def test_both_answers_are_shown_and_a_decision_replaces_the_first(page):
    oracle, service = page
    oracle.begin("audit", 4)

    def first() -> None:
        assert [each["index"] for each in items(service, "audit")] == [2, 5, 7]
        service.answering.save("ann", "k1", [single(2, 0), single(5, 1), single(7, 2)])

    thread, _ = in_thread(first)
    assert oracle.label(SAMPLES).tolist() == [0, 1, 2]
    thread.join()

    def second() -> list[dict]:
        shown = items(service, "second look")
        service.answering.save("ann", "k2", [single(5, 0)])  # a plain answer does not end a second look
        assert [each["index"] for each in service.next("ann", 8)] == [5, 7]
        service.answering.review("ann", "k3", 5, 0)
        service.answering.review("ann", "k4", 7, 2)
        return shown

    thread, found = in_thread(second)
    assert oracle.second_look(SAMPLES[1:], torch.tensor([0, 1])).tolist() == [0, 2]
    thread.join()
    assert [each["decide"] for each in found[0]] == [
        {"one answer": 0, "another answer": 1},
        {"one answer": 1, "another answer": 2},
    ]
    assert all(each["suggestion"] is None for each in found[0])
    assert oracle.current(SAMPLES).tolist() == [0, 0, 2]
    # Asked again, as after a kill, the same decisions come from the store.
    assert oracle.second_look(SAMPLES[1:], torch.tensor([0, 1])).tolist() == [0, 2]


def test_a_label_of_a_grid_is_unproven_until_it_is_answered_alone(page):
    oracle, _ = page
    oracle.store.add([NewAnswer(sample=3, answer=1, way=PAGE_GRID)], who="ann")
    assert oracle.unproven(torch.tensor([3, 4])).tolist() == [True, False]
    oracle.store.add([NewAnswer(sample=3, answer=1, way=PAGE)], who="ann")
    assert oracle.unproven(torch.tensor([3, 4])).tolist() == [False, False]


def test_a_label_that_was_corrected_in_a_grid_is_proven(page):
    oracle, _ = page
    rows = [NewAnswer(sample=k, answer=k - 3, way=PAGE_GRID, suggestion=1, grid="g") for k in (3, 4)]
    oracle.store.add(rows, who="ann")
    assert oracle.unproven(torch.tensor([3, 4])).tolist() == [False, True]


def test_an_open_question_is_shown_also_if_a_newer_one_is_answered(page):
    oracle, service = page
    oracle.store.put_question("audit", 4, [2, 5])
    oracle.store.put_question("second look", 4, [2])
    oracle.store.add([NewAnswer(sample=2, answer=0, way=PAGE_REVIEW)], who="ann")
    oracle.begin("audit", 4)
    thread, _ = in_thread(
        lambda: items(service, "audit") and service.answering.save("ann", "k", [single(5, 1)])
    )
    assert oracle.label(torch.tensor([2, 5])).tolist() == [0, 1]
    thread.join()
