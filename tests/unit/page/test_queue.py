"""Who gets which sample next: two people over a store, with a clock in the test."""

import time

import pytest

from alframe.core.answer_counting import PAGE, PAGE_GRID, PAGE_REVIEW
from alframe.oracle.answer_records import NewAnswer
from alframe.oracle.answer_store import AnswerStore
from alframe.page.queue import LEASE_SECONDS, PRESENT_SECONDS, Item, Queue, Work, goes_to_two

ORDER = (7, 3, 9, 1, 5)


class Desk:
    """A question, its store and its queue."""

    def __init__(self, directory, order=ORDER, **facts):
        self.store, self.queue, self.now = AnswerStore(directory), Queue(), 0.0
        self.work = Work(order, **facts)

    def get(self, who, n=1, both_share=0.0):
        self.work.read(self.store)
        return [each.index for each in self.queue.next(self.work, who, n, both_share, self.now)]

    def left(self, who, both_share=0.0):
        self.work.read(self.store)
        return self.queue.left(self.work, who, both_share, self.now)

    def answer(self, who, index, answer=0, way=PAGE):
        self.store.add([NewAnswer(sample=index, answer=answer, way=way)], who=who)


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


def test_one_person_gets_the_order_of_the_question(desk):
    assert desk.get("Ada", 3) == [7, 3, 9]
    assert desk.get("Ada", 3) == [7, 3, 9]  # still not answered
    desk.answer("Ada", 7)
    assert desk.get("Ada", 3) == [3, 9, 1]
    assert desk.left("Ada") == 4
    for index in (3, 9, 1, 5):
        desk.answer("Ada", index)
    assert (desk.get("Ada", 3), desk.left("Ada")) == ([], 0)


def test_what_one_has_on_the_screen_is_not_given_to_another(desk):
    assert desk.get("Ada", 2) == [7, 3]
    assert desk.get("Bob", 2) == [9, 1]
    assert (desk.left("Ada"), desk.left("Bob")) == (3, 3)
    desk.now = LEASE_SECONDS - 1
    assert desk.get("Eve", 9) == [5]
    desk.now = LEASE_SECONDS
    assert desk.get("Eve", 9) == [7, 3, 9, 1, 5]
    assert desk.get("Ada") == []


def test_skipped_ones_come_last_and_are_free_for_others(desk):
    assert desk.get("Ada", 2) == [7, 3]
    desk.queue.skip("Ada", 7)
    assert desk.get("Ada", 9) == [3, 9, 1, 5, 7]
    desk.queue.skip("Ada", 7)
    desk.queue.skip("Ada", 3)
    assert desk.get("Ada", 2) == [9, 1]
    assert desk.get("Bob", 2) == [7, 3]
    desk.answer("Bob", 7)
    assert desk.get("Ada", 9) == [9, 1, 5]  # Bob has 3
    assert desk.get("Bob", 9) == [3]


def test_an_answer_that_is_taken_back_has_its_old_place(desk):
    for index in (7, 3, 9):
        desk.answer("Ada", index)
    assert desk.get("Ada", 9) == [1, 5]
    assert desk.store.undo("Ada") == [9]
    assert desk.get("Ada", 9) == [9, 1, 5]


def test_a_share_goes_to_two_people(desk):
    twice = [index for index in ORDER if goes_to_two(index, 0.5)]
    assert twice == [7, 5]  # 7 * 0.618... = 4.33 and 5 * 0.618... = 3.09; the others end on 0.85, 0.56, 0.62
    for index in ORDER:
        desk.answer("Ada", index)
    assert desk.get("Ada", 9, both_share=0.5) == []
    assert desk.get("Bob", 9, both_share=0.0) == []
    assert desk.get("Bob", 9, both_share=0.5) == [7, 5]
    assert desk.get("Bob", 9, both_share=1.0) == list(ORDER)
    desk.answer("Bob", 7)  # agrees
    assert desk.get("Bob", 9, both_share=0.5) == [5]
    assert desk.get("Eve", 9, both_share=0.5) == []  # Bob has it; a third person is not asked


def test_people_who_differ_go_to_a_third(desk):
    desk.answer("Ada", 7, 0)
    desk.answer("Bob", 7, 1)
    assert desk.get("Eve", 1) == [7]
    desk.answer("Eve", 7, 1)
    assert desk.get("Eve", 9) == [3, 9, 1, 5]
    assert desk.store.answers()[7].answer == 1


def test_without_a_third_person_one_of_them_decides_at_the_end(desk):
    desk.get("Ada"), desk.get("Bob")
    for index in ORDER:
        desk.answer("Ada", index, 0)
    desk.answer("Bob", 9, 1)
    desk.work.read(desk.store)
    [found] = desk.queue.next(desk.work, "Ada", 9, 0.0, desk.now)
    assert found == Item(index=9, decide={"Ada": 0, "Bob": 1})
    assert desk.left("Bob") == 0  # Ada has it
    desk.answer("Ada", 9, 1, way=PAGE_REVIEW)
    assert desk.left("Ada") == desk.left("Bob") == 0


def test_nobody_decides_alone_while_a_third_person_is_present(desk):
    for index in ORDER:
        desk.answer("Ada", index, 0)
        desk.answer("Bob", index, int(index == 9))
    desk.get("Eve"), desk.queue.held.clear()
    assert desk.get("Ada") == []
    desk.now = PRESENT_SECONDS + 1  # Eve has left
    assert desk.get("Ada") == [9]


def test_what_was_confirmed_in_a_grid_is_asked_again_for_a_proof(tmp_path):
    desk = Desk(tmp_path, purpose="audit")
    desk.answer("Ada", 7, 0, way=PAGE_GRID)
    desk.answer("Ada", 3, 0)
    assert desk.get("Ada", 9) == [7, 9, 1, 5]
    desk.answer("Ada", 7, 0)
    assert desk.get("Ada", 9) == [9, 1, 5]


def test_a_file_may_answer_meanwhile(desk):
    desk.answer("", 7, 1, way="to_label.csv")
    assert desk.get("Ada", 9, both_share=1.0) == [3, 9, 1, 5]


@pytest.mark.parametrize("share", [0.0, 0.1, 0.25, 1.0])
def test_the_share_is_kept_in_every_stretch(share):
    for start in (0, 40_000):
        assert sum(goes_to_two(k, share) for k in range(start, start + 1000)) == pytest.approx(
            1000 * share, abs=3
        )


def test_ten_thousand_samples_cost_milliseconds(tmp_path):
    desk = Desk(tmp_path, order=range(60_000))
    desk.store.add([NewAnswer(sample=k, answer=0, way=PAGE) for k in range(10_000)], who="Ada")
    desk.get("Bob", 8, both_share=0.1)
    start = time.process_time()
    for _ in range(10):
        desk.get("Bob", 8, both_share=0.1)
    assert (time.process_time() - start) / 10 < 0.02
