"""Numbers as people and spreadsheets write them: 1, 01, 1.0, 1,0, 1.00E+05, 1,000."""

import re
from decimal import Decimal

_PLAIN = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)(e[+-]?\d{1,3})?", re.IGNORECASE)
_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}([.,'’ ])\d{3}(\1\d{3})*")
_MAX_LENGTH = 60  # characters: longer texts are no numbers


def readings(text: str) -> frozenset[Decimal]:
    """Return the numbers that a text can mean: none, one, or two where a mark can group or part decimals.

    Digits of all scripts count; other number signs, such as circled digits, do not.

    >>> sorted(readings(" 01 ")), sorted(readings("1,0")), sorted(readings("1.000"))
    ([Decimal('1')], [Decimal('1.0')], [Decimal('1.000'), Decimal('1000')])
    >>> sorted(readings("one")), sorted(readings("①"))
    ([], [])
    """
    text = " ".join(text.split()).replace("\N{MINUS SIGN}", "-")
    if len(text) > _MAX_LENGTH:
        return frozenset()
    found = set()
    if _PLAIN.fullmatch(text):
        found.add(Decimal(text.replace(",", ".")))
    if _GROUPED.fullmatch(text):
        found.add(Decimal(re.sub(r"[^\d+-]", "", text)))
    return frozenset(found)


def whole_number(text: str) -> int | None:
    """Return the whole number that a text means, or None if it means none or could mean two.

    >>> whole_number("3.0"), whole_number("1,234"), whole_number("'7"), whole_number("3.5")
    (3, 1234, 7, None)
    >>> whole_number("1,000") is whole_number("three") is None
    True
    """
    numbers = readings(text.strip().removeprefix("'"))
    whole = [number for number in numbers if number == number.to_integral_value()]
    return int(whole[0]) if len(whole) == 1 else None
