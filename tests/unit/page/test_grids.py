"""Grids: which images are confirmed together, and for whom."""

import time
from dataclasses import replace

import pytest

from alframe.core.answer_counting import PAGE, PAGE_GRID
from alframe.core.answer_times import USUAL
from alframe.oracle.answer_records import NewAnswer
from alframe.oracle.answer_store import AnswerStore
from alframe.page.grids import Grids
from alframe.page.queue import LEASE_SECONDS, Queue, Work

# Class 1 has seven samples, class 0 four, class 2 three.
PREDICTED = {
    **{index: (1, 0.9 + index / 1000) for index in range(7)},
    **dict.fromkeys(range(7, 11), (0, 0.5)),
    **dict.fromkeys(range(11, 14), (2, 0.99)),
}


class Table:
    """A question of 16 samples: two have no prediction."""

    def __init__(self, directory, n=16, **facts):
        self.store, self.queue, self.now = AnswerStore(directory), Queue(), 0.0
        self.work, self.grids = Work(range(n), **facts), Grids(self.queue)

    def get(self, who, size=60, blind=frozenset(), predicted=PREDICTED, pace=USUAL):
        self.work.read(self.store)
        return self.grids.next(self.work, who, predicted, blind, size, self.now, pace)

    def n_left(self, who, blind=frozenset()):
        self.work.read(self.store)
        return self.grids.n_left(self.work, who, PREDICTED, blind, self.now, USUAL)

    def confirm(self, who, grid):
        rows = [NewAnswer(sample=k, answer=grid.number, way=PAGE_GRID, grid=grid.id) for k in grid.indices]
        self.store.add(rows, who=who)


@pytest.fixture
def table(tmp_path):
    return Table(tmp_path)


def test_the_largest_class_comes_first_and_in_it_the_most_confident(table):
    grid = table.get("Ada", size=5)
    assert (grid.number, grid.indices) == (1, (6, 5, 4, 3, 2))
    assert table.n_left("Ada") == 11  # class 2 is too small
    table.confirm("Ada", grid)
    assert table.n_left("Ada") == 4
    grid = table.get("Ada", size=5)
    assert (grid.number, grid.indices) == (0, (7, 8, 9, 10))
    table.confirm("Ada", grid)
    assert table.get("Ada") is None


def test_a_grid_stays_until_it_is_answered(table):
    first = table.get("Ada", size=5)
    table.store.add([NewAnswer(sample=8, answer=0, way=PAGE)], who="Bob")
    assert table.get("Ada", size=5) == first
    table.store.add([NewAnswer(sample=6, answer=0, way=PAGE)], who="Ada")  # one of it, singly
    assert table.get("Ada", size=5).indices == (5, 4, 3, 2, 1)


def test_a_grid_belongs_to_one_person(table):
    first = table.get("Ada")
    second = table.get("Bob")
    assert (first.number, second.number) == (1, 0)
    assert first.id != second.id
    assert table.get("Eve") is None
    assert [each.index for each in table.queue.next(table.work, "Bob", 99, 0.0, table.now)] == [*range(7, 16)]
    table.now = LEASE_SECONDS
    assert table.get("Eve").indices == first.indices
    assert table.get("Ada").indices == second.indices
    assert table.get("Bob") is None


def test_blind_ones_and_ones_on_another_screen_are_left_out(table):
    table.queue.next(table.work, "Bob", 2, 0.0, 0.0)  # 0 and 1
    assert table.get("Ada", blind={4, 5, 7}) is None  # three are left of each class
    assert table.get("Ada", blind={4, 7}).indices == (6, 5, 3, 2)
    assert table.n_left("Ada", blind={4, 7}) == 4


def test_an_audit_has_no_grid(tmp_path):
    table = Table(tmp_path, purpose="audit")
    assert table.get("Ada") is None
    assert table.n_left("Ada") == 0


def test_sixty_thousand_samples_cost_milliseconds(tmp_path):
    table = Table(tmp_path, n=60_000)
    predicted = {k: (k % 10, 0.9) for k in range(60_000)}
    assert len(table.get("Ada", predicted=predicted).indices) == 60
    start = time.process_time()
    for _ in range(5):
        table.confirm("Ada", table.get("Ada", predicted=predicted))
    assert (time.process_time() - start) / 5 < 0.3


def test_what_is_faster_found_alone_is_not_in_a_grid(table):
    slow = replace(USUAL, single_seconds=0.6, overlooked=0.5, image_seconds=0.1, correction_seconds=4.0)
    assert slow.most_wrong_in_grid == pytest.approx(0.05)  # (0.5 * 0.6 - 0.1) / 4
    assert table.get("Ada", predicted={k: (0, 0.9 + k / 100) for k in range(9)}, pace=slow).indices == (
        8,
        7,
        6,
        5,
    )
