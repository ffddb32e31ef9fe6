"""Which class a typed answer means. An answer that could mean two classes is no answer."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple, TypeVar

from alframe._text import nfc
from alframe.core.answer_codes import CANNOT_TELL, CANNOT_TELL_TEXT, NO_CLASS, NO_CLASS_TEXT
from alframe.core.errors import DataError
from alframe.oracle.number_text import readings

# The signs that keyboards, phones and spreadsheets write for ? and - as well.
_SIGNS = dict.fromkeys("?？﹖؟", CANNOT_TELL) | dict.fromkeys("-‐‑‒–—―−﹣－ー", NO_CLASS)
_NUMBER_WORDS = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
]
_ROMAN = frozenset(["i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii"])
_WRAPPED = re.compile(r"=\"(.*)\"|\"(.*)\"|'(.*)'|“(.*)”|‘(.*)’|['’](.*)", re.DOTALL)
_MAX_LISTED = 12  # names in a message
_CASE_ONLY = "differ only in case: answers must be typed exactly"
_SAME_NUMBER = (
    "are the same number: answers must be typed exactly, in a spreadsheet in cells with the format Text"
)
_Key = TypeVar("_Key", str, Decimal)


def match_answer(text: str, class_names: Sequence[str]) -> int | None:
    """Return the class in [0, C) that an answer means, `CANNOT_TELL`, `NO_CLASS`, or None if it is none.

    The first rule that fits one class decides; an answer that fits two classes by one rule is refused:

    1. the name itself;
    2. the name in another Unicode form, with other spaces, in another case, in full-width letters;
    3. `?` for "cannot tell" and `-` for "none of these";
    4. the same number: `1`, `01` and `1.0`;
    5. the class number, from 0, only if no name reads as a number or contains another number.

    Args:
        text: as typed; an apostrophe before it or quotes around it are tolerated.
        class_names: C names.

    >>> match_answer(" DOG", ["cat", "dog"]), match_answer("1", ["cat", "dog"]), match_answer("-", ["cat"])
    (1, 1, -3)
    >>> match_answer("1", ["01", "02"]), match_answer("0", ["01", "02"]), match_answer("1.0", ["1", "01"])
    (0, None, None)
    """
    known = _known(tuple(class_names))
    answer = known.find(text)
    wrapped = _WRAPPED.fullmatch(text.strip()) if answer is None else None
    return known.find(wrapped[wrapped.lastindex or 0]) if wrapped else answer


def class_of_name(name: str, class_names: Sequence[str]) -> int | None:
    """Return the class in [0, C) that a name spells in another way, or None if it is none or could be two.

    >>> class_of_name("DOG", ["cat", "dog"]), class_of_name("1", ["01", "02"]), class_of_name("1", ["a", "b"])
    (1, 0, None)
    """
    return _known(tuple(class_names)).find_name(name)


def answer_text(answer: int, class_names: Sequence[str]) -> str:
    """Return the text that `match_answer` takes for an answer.

    >>> answer_text(1, ["cat", "dog"]), answer_text(-2, ["cat", "dog"]), answer_text(-3, ["cat", "dog"])
    ('dog', '?', '-')
    """
    if answer == CANNOT_TELL:
        return CANNOT_TELL_TEXT
    if answer == NO_CLASS:
        return NO_CLASS_TEXT
    if not 0 <= answer < len(class_names):
        raise ValueError(f"Expected an answer in [0, {len(class_names)}), but got {answer}.")
    return writable(class_names[answer])


def expected(class_names: Sequence[str]) -> str:
    """Return a short list of the possible answers for a message.

    >>> expected(["cat", "a, b"])
    "cat, 'a, b', ? (cannot tell) or - (none of these)"
    """
    names = [_quoted(name) for name in class_names]
    if len(names) > _MAX_LISTED:
        names = [*names[: _MAX_LISTED - 2], f"... {names[-1]}"]
    return f"{', '.join(names)}, {CANNOT_TELL_TEXT} (cannot tell) or {NO_CLASS_TEXT} (none of these)"


def check_class_names(class_names: Sequence[str]) -> list[str]:
    """Return one sentence for each pair of names that is easily confused.

    Raises:
        DataError: a name is empty, `?` or `-`, or two names look the same.
    """
    for name in class_names:
        if not _spaced(name) or _spaced(name) in _SIGNS:
            raise DataError(
                f"class names: expected a name, got {name!r}. An empty cell, ? and - have meanings of their "
                "own in answers. Rename the class or its folder."
            )
    known = _known(tuple(class_names))
    alike = [[class_names[k] for k in each] for each in known.forms[_SPACED].values() if len(each) > 1]
    if alike:
        raise DataError(
            f"class names: expected names that look different, got {' and '.join(map(ascii, alike[0]))}. "
            "Rename one class or its folder."
        )
    case = [each for each in known.forms[_FOLDED].values() if len(each) > 1]
    number = [each for each in known.numbers.values() if len(each) > 1]
    return [
        f"the class names {' and '.join(_quoted(class_names[k]) for k in each)} {why}"
        for groups, why in ((case, _CASE_ONLY), (number, _SAME_NUMBER))
        for each in groups
    ]


def writable(text: str) -> str:
    r"""Return a text that UTF-8 can hold: parts of file names that are not UTF-8 are escaped.

    >>> writable("Käse\udcff")
    'Käse\\udcff'
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


class _Known(NamedTuple):
    """The classes by each form of their names, from the strictest form to the loosest, and by number."""

    forms: Sequence[Mapping[str, list[int]]]  # one for each of _FORMS
    numbers: Mapping[Decimal, list[int]]
    n_positions: int  # 0 if class numbers are no answers

    def find(self, text: str) -> int | None:
        """Return the answer that a text means, or None."""
        for form, classes in zip(_FORMS, self.forms, strict=True):
            hits = classes.get(form(text))
            if hits:
                return hits[0] if len(hits) == 1 else None
        sign = _SIGNS.get(_spaced(text))
        if sign is not None:
            return None if any(_SIGNS.get(name) == sign for name in self.forms[_SPACED]) else sign
        return self._find_number(readings(text))

    def find_name(self, name: str) -> int | None:
        """Return the class that a name spells, or None."""
        for form, classes in zip(_FORMS, self.forms, strict=True):
            if hits := classes.get(form(name)):
                return hits[0] if len(hits) == 1 else None
        same = {k for number in readings(name) for k in self.numbers.get(number, ())}
        return same.pop() if len(same) == 1 else None

    def _find_number(self, numbers: frozenset[Decimal]) -> int | None:
        same = {k for number in numbers for k in self.numbers.get(number, ())}
        if same or not self.n_positions or len(numbers) != 1:
            return same.pop() if len(same) == 1 else None
        (number,) = numbers
        return int(number) if number in range(self.n_positions) else None


@lru_cache(maxsize=8)
def _known(names: tuple[str, ...]) -> _Known:
    forms = [_grouped((form(name), k) for k, name in enumerate(names)) for form in _FORMS]
    numbers = _grouped((number, k) for k, name in enumerate(names) for number in readings(name))
    return _Known(forms, numbers, 0 if numbers or _contradict_positions(names) else len(names))


def _grouped(pairs: Iterable[tuple[_Key, int]]) -> dict[_Key, list[int]]:
    groups: dict[_Key, list[int]] = {}
    for key, k in pairs:
        groups.setdefault(key, []).append(k)
    return groups


def _contradict_positions(names: Sequence[str]) -> bool:
    """Return True if a name contains a number other than its position, as in grade 1, grade 2."""
    words = [re.findall(r"[^\W\d_]+|\d+|\w", _folded(name)) for name in names]
    if all(_ROMAN.intersection(each) for each in words):
        return True
    return any(_value(word) not in (None, k) for k, each in enumerate(words) for word in each)


def _value(word: str) -> float | None:
    """Return the number that a word contains, or None."""
    if word.isdecimal():
        return int(word[:30])
    if word in _NUMBER_WORDS:
        return _NUMBER_WORDS.index(word)
    return next((unicodedata.numeric(sign) for sign in word if sign.isnumeric()), None)


def _spaced(text: str) -> str:
    """Return a text without invisible signs, and with single spaces for all kinds of space."""
    if text.isascii():
        return " ".join(text.split())
    visible = (sign for sign in text if unicodedata.category(sign) != "Cf")
    return " ".join(nfc("".join(visible)).split())


def _folded(text: str) -> str:
    text = _spaced(text)
    return text.lower() if text.isascii() else _spaced(unicodedata.normalize("NFD", text).casefold())


def _simplified(text: str) -> str:
    """Return a text with full-width letters, circled digits and ligatures as plain ones, in one case."""
    return _folded(unicodedata.normalize("NFKC", text))


_FORMS = (writable, nfc, _spaced, _folded, _simplified)  # from the strictest to the loosest
_SPACED, _FOLDED = 2, 3  # their numbers in _FORMS


def _quoted(name: str) -> str:
    return repr(name) if "," in name or name != name.strip() or not name.isprintable() else name
