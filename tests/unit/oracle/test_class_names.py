"""Which class a typed answer means: hand-worked tables, and what spreadsheets make of names."""

import unicodedata
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alframe.core.errors import DataError
from alframe.core.ledger import CANNOT_TELL, NO_CLASS
from alframe.oracle.class_names import answer_text, check_class_names, expected, match_answer
from alframe.oracle.number_text import readings, whole_number

ZEROS = ("01", "02", "03", "04")
ANIMALS = ("ant", "bee", "cow", "dog")
FLOATS = ("10.0", "3.0", "2.0")
TIES = ("1", "01", "2", "02")
CIRCLED = ("①", "②", "③", "④")
KAESE = unicodedata.normalize("NFD", "Käse")

CASES = [
    # Numbers are names: never positions.
    *((ZEROS, text, 0) for text in ("01", "1", "1.0", "1,0", " 1 ", "'1", "'01", "1.", "001", "１", "+1")),
    (ZEROS, '="01"', 0),
    *((ZEROS, text, 3) for text in ("4", "04", "4.00", "4,000", "\u00a04", "٤", "4E+00")),
    *((ZEROS, text, None) for text in ("0", "5", "00", "1.5", "1-2", "-1", "", "0,1", "1;", "one", "②")),
    (FLOATS, "10", 0), (FLOATS, "3", 1), (FLOATS, "2,0", 2),
    (FLOATS, "1", None), (FLOATS, "0", None), (FLOATS, "1.00E+01", 0),
    (("1", "2", "3", "4"), "0", None), (("1", "2", "3", "4"), "4.0", 3),
    (("cat", "Dog", "7"), "0", None), (("cat", "Dog", "7"), "7.0", 2),
    (("-1", "1"), "−1", 0), (("-1", "1"), "-1.0", 0), (("-1", "1"), "–", NO_CLASS),
    (("1000", "2000"), "1,000", 0), (("1000", "1"), "1,000", None), (("1,000", "2,000"), "1000", 0),
    # What two names have in common is no answer.
    (TIES, "1", 0), (TIES, "01", 1), (TIES, "1.0", None), (TIES, "001", None), (TIES, "0", None),
    (("Cat", "cat"), "Cat", 0), (("Cat", "cat"), " cat ", 1), (("Cat", "cat"), "CAT", None),
    (("x2", "x²"), "x²", 1), (("x2", "x²"), "X2", 0),
    # Positions, from 0, where no name contains another number.
    (ANIMALS, "0", 0), (ANIMALS, "3.0", 3), (ANIMALS, "4", None), (ANIMALS, "-1", None),
    (ANIMALS, "1.5", None),
    (("zero", "one"), "1", 1), (("class_0", "class_1"), "1", 1),
    (("one", "two"), "1", None), (("grade 1", "grade 2"), "1", None), (("grade I", "grade II"), "1", None),
    (("mp3", "wav"), "1", None), (("1-2", "2-3"), "1", None), (CIRCLED, "1", 0), (CIRCLED, "0", None),
    # Names in other forms.
    (ANIMALS, "Bee", 1), (ANIMALS, "\tCOW\n", 2), (ANIMALS, "\u00a0dog", 3), (ANIMALS, "d\u00adog", 3),
    (ANIMALS, "‘ant’", 0), (ANIMALS, "ａｎｔ", 0), (ANIMALS, "b ee", None), (ANIMALS, "bees", None),
    ((KAESE, "Brot"), "Käse", 0), (("Käse", "Brot"), KAESE.upper(), 0), (("Straße", "x"), "STRASSE", 0),
    (("ice  cream", "x"), "Ice cream", 0), (("a, b", "a"), "'a, b'", 0), (("a", "a, b"), "a", 0),
    (CIRCLED, "③", 2), (("true", "false"), "TRUE", 0), (("yes", "no"), "TRUE", None),
    (("1", "0"), "TRUE", None),
    # What spreadsheets make of names.
    (("1-2", "3-4"), "2-Jan", None), (("1-2", "3-4"), "01. Feb", None), (("MAR1", "SEP2"), "1-Mar", None),
    (("1E5", "2E5"), "1.00E+05", 0), (("1E5", "2E5"), "200000", 1), (("=x", "y"), "#NAME?", None),
    # Answers that name no class.
    *((ANIMALS, sign, CANNOT_TELL) for sign in ("?", "？", " ? ", "'?")),
    *((ANIMALS, sign, NO_CLASS) for sign in ("-", "–", "—", "−", "－", " - ", "'-", '"-"')),
    (("?", "-"), "?", 0), (("?", "-"), "-", 1), (("?", "-"), "–", None), (("x", "–"), "-", None),
    ((), "cat", None), ((), "0", None), ((), "?", CANNOT_TELL),
]  # fmt: skip


@pytest.mark.parametrize(("names", "text", "answer"), CASES)
def test_an_answer_means_one_class_or_none(names, text, answer):
    assert match_answer(text, names) == answer


LETTERS = "aAß İıςé\u0301\u200d\u00a0①²½٤１014.,-–?？'\"“”=\udcff\U0001f600\n"
NAMES = st.lists(st.text(LETTERS, max_size=6) | st.sampled_from(["1", "01", "1.0", "?", "é"]), unique=True)


@given(NAMES, st.text(LETTERS, max_size=8))
@settings(max_examples=150, deadline=None)
def test_each_name_is_its_own_answer_and_no_text_is_an_error(names, text):
    assert [match_answer(answer_text(k, names), names) for k in range(len(names))] == [*range(len(names))]
    assert match_answer(text, names) in {None, CANNOT_TELL, NO_CLASS, *range(len(names))}


@given(
    st.lists(st.integers(-30, 3000), min_size=2, max_size=6, unique=True),
    st.sampled_from(["{}", "{:02}", "{:04}", "{:.1f}"]),
    st.sampled_from(["{}", "{:.1f}", "{:.2f}", "{:05}", " {} ", "'{}", "{:.3e}"]),
)
@settings(max_examples=150, deadline=None)
def test_a_number_in_another_format_is_its_own_class(values, of_names, of_answers):
    names = [of_names.format(value) for value in values]
    assert [match_answer(of_answers.format(value), names) for value in values] == [*range(len(values))]


@given(st.lists(st.integers(0, 60), min_size=1, max_size=8, unique=True), st.integers(0, 70))
@settings(max_examples=100, deadline=None)
def test_a_number_that_is_no_name_is_refused(values, typed):
    names = [f"{value:02}" for value in values]
    assert match_answer(str(typed), names) == (values.index(typed) if typed in values else None)


def test_texts_of_answers():
    assert [answer_text(answer, ANIMALS) for answer in (2, CANNOT_TELL, NO_CLASS)] == ["cow", "?", "-"]
    assert answer_text(0, ["Käse\udcff"]).encode() == b"K\xc3\xa4se\\udcff"
    for answer in (-1, 4):
        with pytest.raises(ValueError, match=r"Expected an answer in \[0, 4\)"):
            answer_text(answer, ANIMALS)


def test_the_list_for_a_message_is_short():
    assert expected(["cat", "a, b"]) == "cat, 'a, b', ? (cannot tell) or - (none of these)"
    assert expected(range_names := [f"n{k}" for k in range(100)]).startswith("n0, n1, ")
    assert "n9, ... n99, ?" in expected(range_names)


@pytest.mark.parametrize(
    "names",
    [("a", ""), ("a", " "), ("a", "?"), ("–", "a"), (KAESE, "Käse"), ("a", "a "), ("a b", "a\u00a0b")],
)
def test_names_that_look_the_same_are_refused(names):
    with pytest.raises(DataError, match="class names: expected"):
        check_class_names(names)


def test_names_that_are_easily_confused_are_told():
    assert check_class_names(ANIMALS) == check_class_names(ZEROS) == []
    assert check_class_names(["Cat", "cat", "x"]) == [
        "the class names Cat and cat differ only in case: answers must be typed exactly"
    ]
    assert [note.split(":")[0] for note in check_class_names(TIES)] == [
        "the class names 1 and 01 are the same number",
        "the class names 2 and 02 are the same number",
    ]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("1", "1"), ("01", "1"), (".5", "0.5"), ("1e3", "1000"), ("1 000", "1000"), ("1,000,000", "1000000"),
     ("1.000", "1 1000"), ("0.125", "0.125"), ("1'000", "1000"), ("1,0,0", ""), ("1,000.5", ""), ("inf", ""),
     ("nan", ""), ("0x1", ""), ("1_0", ""), ("²", ""), ("½", ""), ("1e9999", ""), ("9" * 99, ""), ("", "")],
)  # fmt: skip
def test_the_numbers_of_a_text(text, numbers):
    assert readings(text) == {Decimal(number) for number in numbers.split()}


@pytest.mark.parametrize(
    ("text", "number"),
    [("4", 4), ("4.0", 4), ("4,0", 4), (" 4 ", 4), ("'4", 4), ("1,234", 1234), ("1,000", None), ("4.5", None),
     ("four", None), ("", None), ("-4", -4), ("1E+05", 100000)],
)  # fmt: skip
def test_whole_numbers(text, number):
    assert whole_number(text) == number
