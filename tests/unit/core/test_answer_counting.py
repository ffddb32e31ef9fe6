"""Which answer counts, by hand."""

from dataclasses import dataclass

import pytest

from alframe.core.answer_counting import TAKEN_BACK, counted, differ, is_on_page, votes
from alframe.core.ledger import CANNOT_TELL, NO_ANSWER

SHORT = {"p": "page", "g": "page grid", "r": "page review", "b": "page broken", "f": "to_label.csv"}


@dataclass(frozen=True)
class Row:
    who: str
    way: str
    answer: int


def rows(text: str) -> list[Row]:
    """Rows in short: "A p 1" is answer 1 of A on the page."""
    parts = [each.split() for each in text.split(",")]
    return [Row("" if who == "-" else who, SHORT[way], int(answer)) for who, way, answer in parts]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("A p 1", 1),
        ("A p 1, A p 2", 2),
        ("A p 1, A p -1", None),
        ("A p 1, A p -1, A p 3", 3),
        ("A p 1, B p 1", 1),
        ("A p 1, B p 2", None),  # two differ
        ("A p 1, B p 2, A p 2", 2),  # one changes
        ("A p 1, B p 2, C p 2", 2),  # two of three
        ("A p 1, B p 2, C p 3", None),
        ("A p 1, B p 2, C p 2, D p 1", None),  # two of four are no more than half
        ("A p 1, B p 2, C p 2, D p 1, E p 2", 2),
        ("A p 1, B p 2, B p -1", 1),
        (f"A p {CANNOT_TELL}, B p {CANNOT_TELL}", CANNOT_TELL),
        (f"A p {CANNOT_TELL}, B p 1", None),
        ("A p 1, B p 2, C r 2", 2),  # a review decides
        ("A p 1, B p 1, C r 2", 2),
        ("C r 2, A p 1, B p 1", 2),  # also if votes follow
        ("A p 1, C r 2, D r 3", 3),
        ("A p 1, C r 2, C r -1", 1),
        ("- f 1, - f 2", 2),
        ("- f 1, A p 2", 2),  # an unknown person gives way
        ("- f 1, A p 2, A p -1", 1),
        ("A f 1, B p 2", None),
        ("A p 1, B p 2, - f 3", 3),  # a file replaces all before it
        ("C r 2, - f 3", 3),
        ("A f 0, - f 1", 1),
    ],
)
def test_the_answer_that_counts(given: str, expected: int | None) -> None:
    found = counted(rows(given))
    assert (None if found is None else found.answer) == expected


def test_a_single_answer_stands_for_those_that_agree() -> None:
    assert counted(rows("A p 1, B g 1")).who == "A"
    assert counted(rows("A g 1, B p 1")).who == "B"
    assert counted(rows("A g 1, B g 1")).who == "B"
    assert counted(rows("A p 1, A g 1")).way == "page grid"  # the newest of the same person


def test_votes_and_differences() -> None:
    some = rows("A p 1, B p 2, A p 3, C r 4, D p 1, D p -1")
    assert {who: row.answer for who, row in votes(some).items()} == {"B": 2, "A": 3}
    assert not differ(some)
    assert differ(rows("A p 1, B p 2"))
    assert not differ(rows("A p 1, A p -1"))


def test_ways_and_numbers() -> None:
    assert [is_on_page(way) for way in SHORT.values()] == [True] * 4 + [False]
    assert not is_on_page("pages.csv")
    assert TAKEN_BACK == NO_ANSWER
