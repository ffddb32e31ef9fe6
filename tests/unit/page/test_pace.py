"""The pace of people and the errors of grids, by hand."""

import pytest
import yaml

from alframe.config.validate import conf_directory
from alframe.core.answer_counting import PAGE, PAGE_GRID, PAGE_REVIEW, TAKEN_BACK
from alframe.core.answer_times import USUAL, AnswerTimes
from alframe.oracle.answer_records import NewAnswer
from alframe.oracle.answer_store import AnswerStore
from alframe.page.pace import (
    PAUSE_SECONDS,
    answer_times,
    grid_errors,
    median_seconds,
    overlooked_share,
    pace_of,
)


@pytest.fixture
def store(tmp_path):
    return AnswerStore(tmp_path)


def alone(store, index, answer=0, seconds=1.0, who="Ada", way=PAGE):
    store.add([NewAnswer(sample=index, answer=answer, way=way, seconds=seconds)], who=who)


def grid(store, name, indices, seconds, wrong=(), who="Ada"):
    """Confirm images as class 0 in `seconds`; the wrong ones are corrected to class 1."""
    rows = [
        NewAnswer(
            sample=index,
            answer=int(index in wrong),
            way=PAGE_GRID,
            seconds=seconds / len(indices),
            suggestion=0,
            shown="before",
            grid=name,
        )
        for index in indices
    ]
    store.add(rows, who=who)


def test_times_of_single_answers_and_grids(store):
    assert answer_times(store.history()) is None
    alone(store, 0, seconds=2.0)
    alone(store, 1, seconds=4.0, who="Bob")
    alone(store, 2, seconds=9999.0)
    alone(store, 3, seconds=None)
    grid(store, "g1", range(10, 20), 3.0)
    grid(store, "g2", range(20, 24), 2.0)
    found = answer_times(store.history())
    assert found == AnswerTimes(
        n_single=3, single_seconds=6.0 + PAUSE_SECONDS, n_grid=14, n_grids=2, grid_seconds=pytest.approx(5.0)
    )
    assert found.saved_seconds == pytest.approx(14 * 22 - 5)


def test_the_usual_pace_goes_when_enough_is_measured(store):
    for index in range(9):
        alone(store, index, seconds=index)
    assert pace_of(store, "Ada") == USUAL
    alone(store, 9, seconds=9.0)
    assert pace_of(store, "Ada").single_seconds == 4.5
    assert pace_of(store, "Bob") == USUAL
    assert median_seconds(store.rows_of(3)) == 3.0
    assert median_seconds([]) is None


def test_the_pace_in_grids_and_of_corrections(store):
    for k in range(3):
        grid(store, f"plain {k}", range(100 * k, 100 * k + 10), 1.0 + k)  # 0.1, 0.2, 0.3 s an image
    assert pace_of(store, "Ada").image_seconds == pytest.approx(0.2)
    for k in range(3):
        first = 1000 + 100 * k
        grid(store, f"wrong {k}", range(first, first + 10), 2.0 + 3 * k, wrong=(first, first + 1))
    pace = pace_of(store, "Ada")
    assert pace.correction_seconds == pytest.approx(1.5)  # (5 - 10 * 0.2) / 2, the middle one of 0, 1.5, 3
    assert (pace.image_seconds, pace.overlooked) == (pytest.approx(0.2), 0.1)


def test_errors_of_grids_by_repeats(store):
    assert (grid_errors([]).n, grid_errors([]).share, grid_errors([]).high) == (0, None, 1.0)
    grid(store, "g", range(30), 3.0, wrong=(0,))
    alone(store, 0, 1)  # as corrected
    alone(store, 1, 0, who="Bob")
    alone(store, 2, 1, who="Bob")  # wrong in the grid
    alone(store, 2, 0, who="Eve")  # counted once
    alone(store, 3, 1, way=PAGE_REVIEW)  # nobody has answered it anew
    alone(store, 40, 1)
    store.add([NewAnswer(sample=4, answer=TAKEN_BACK, way=PAGE_GRID, grid="g")], who="Ada")
    alone(store, 4, 1)  # the grid's answer was taken back
    errors = grid_errors(store.history())
    assert (errors.n, errors.wrong, errors.share) == (3, 1, pytest.approx(1 / 3))
    assert errors.low == pytest.approx(1 - (1 - 0.025) ** (1 / 3))  # P(X >= 1 of 3) = 0.025
    assert overlooked_share(store.history(), errors) == USUAL.overlooked


def test_the_share_that_is_overlooked(store):
    grid(store, "g", range(1000), 30.0, wrong=range(60))  # 60 corrected, 940 confirmed
    for index in range(500, 600):
        alone(store, index, int(index < 510))  # 10 of 100 repeats are wrong: 94 of the 940
    errors = grid_errors(store.history())
    assert (errors.n, errors.wrong) == (100, 10)
    assert overlooked_share(store.history(), errors) == pytest.approx(94 / 154)


def test_a_person_before_anything_was_measured_is_the_one_of_simulations() -> None:
    timed = yaml.safe_load((conf_directory() / "oracle/timed.yaml").read_text())
    assert USUAL.single_seconds == timed["single_seconds"]
    assert USUAL.image_seconds == timed["grid_seconds"] / timed["grid"]
    assert USUAL.correction_seconds == timed["correction_seconds"]
    assert (USUAL.overlooked, USUAL.mistyped) == (timed["overlooked"], timed["mistyped"])
