"""Agreement of people, by hand and as scikit-learn computes it."""

import time

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from alframe.core.answer_counting import PAGE, PAGE_GRID, PAGE_REVIEW
from alframe.oracle.answer_records import NewAnswer
from alframe.oracle.answer_store import AnswerStore
from alframe.page.agreement import MOST_SHOWN, agreement_by_answer, kappa, mean_kappa, people


def put(store, who, answers, seconds=1.0, way=PAGE, grid=None):
    store.add(
        [
            NewAnswer(sample=k, answer=each, way=way, seconds=seconds, grid=grid)
            for k, each in answers.items()
        ],
        who=who,
    )


@pytest.fixture
def store(tmp_path):
    return AnswerStore(tmp_path)


@pytest.mark.parametrize("seed", range(5))
def test_kappa_agrees_with_scikit_learn(seed):
    generator = np.random.default_rng(seed)
    one = generator.integers(0, 4, 60)
    other = np.where(generator.random(60) < 0.7, one, generator.integers(0, 5, 60))
    pairs = list(zip(one.tolist(), other.tolist(), strict=True))
    assert kappa(pairs) == pytest.approx(cohen_kappa_score(one, other), abs=1e-12)


def test_kappa_where_it_is_not_defined():
    assert kappa([]) is None
    assert kappa([(3, 3), (3, 3)]) is None
    assert mean_kappa([]) is None
    assert mean_kappa([[(3, 3)], [(0, 0), (1, 1)], [(0, 1), (1, 0)]]) == 0.0  # (2 * 1 + 2 * -1) / 4


def test_agreement_by_answer():
    found = agreement_by_answer([(0, 0), (0, 0), (0, 2), (2, 2), (-2, 2)])
    assert found == {-2: (0.0, 1), 0: (pytest.approx(4 / 5), 3), 2: (pytest.approx(2 / 4), 3)}


def test_people_and_where_they_differ(store):
    put(store, "Ada", {0: 0, 1: 0, 2: 1, 3: 1}, seconds=2.0)
    put(store, "Bob", {0: 0, 1: 1, 2: 1, 4: 1}, seconds=1.0)
    put(store, "Eve", {10: 0, 11: 0}, way=PAGE_GRID, grid="g")
    put(store, "", {12: 0}, way="to_label.csv")
    found = people(store.rows())
    assert found["people"] == [
        {"name": "Ada", "answers": 4, "median_seconds": 2.0, "grids": 0},
        {"name": "Bob", "answers": 4, "median_seconds": 1.0, "grids": 0},
        {"name": "Eve", "answers": 2, "median_seconds": None, "grids": 1},
    ]
    assert (found["pairs"], found["kappa"]) == (3, pytest.approx(cohen_kappa_score([0, 0, 1], [0, 1, 1])))
    assert found["by_class"] == [
        {"class": 0, "agreement": pytest.approx(2 / 3), "n": 2},
        {"class": 1, "agreement": pytest.approx(2 / 3), "n": 2},
    ]
    assert found["differ"] == [{"index": 1, "answers": {"Ada": 0, "Bob": 1}}]
    assert found["n_differ"] == 1
    assert found["grids"] == {"n": 0, "wrong": 0, "low": 0.0, "high": 1.0, "share": None}


def test_what_a_third_person_or_a_review_has_decided_is_no_longer_open(store):
    put(store, "Ada", {0: 0, 1: 0})
    put(store, "Bob", {0: 1, 1: 1})
    put(store, "Eve", {0: 1})
    put(store, "Ada", {1: 1}, way=PAGE_REVIEW)
    found = people(store.rows())
    assert found["differ"] == []
    assert found["decided"] == [
        {"index": 0, "answers": {"Ada": 0, "Bob": 1, "Eve": 1}, "label": 1},
        {"index": 1, "answers": {"Ada": 0, "Bob": 1}, "label": 1},
    ]
    assert found["n_decided"] == found["pairs"] == 2
    # Ada and Bob differ on both, Ada and Eve on one, Bob and Eve agree on one (so that kappa is not defined).
    assert found["kappa"] == pytest.approx((2 * kappa([(0, 1), (0, 1)]) + kappa([(0, 1)])) / 3)


def test_how_many_second_answers_there_are(store):
    put(store, "Ada", dict.fromkeys(range(8), 0))  # a quarter goes to two people: 0, 2 and 5
    put(store, "Bob", {0: 0, 1: 1, 5: 1})
    assert people(store.rows(), 0.25)["second"] == {"wanted": 3, "given": 2}
    assert people(store.rows())["second"] == {"wanted": 0, "given": 0}


def test_nobody_has_answered(store):
    found = people(store.rows())
    assert (found["people"], found["pairs"], found["kappa"], found["by_class"]) == ([], 0, None, [])


def test_ten_thousand_answers_of_two_people(store):
    put(store, "Ada", dict.fromkeys(range(9_000), 0))
    put(store, "Bob", {k: int(k % 2) for k in range(1_000)})
    rows = store.rows()
    start = time.process_time()
    found = people(rows)
    assert time.process_time() - start < 0.5
    assert (found["pairs"], found["n_differ"], len(found["differ"])) == (1000, 500, MOST_SHOWN)
