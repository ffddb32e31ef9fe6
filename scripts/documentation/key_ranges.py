"""The range of each key in plain text, as in its error message."""

import re

from alframe.config.ranges import RANGES
from alframe.core.errors import ConfigError


def range_of(key: str) -> str:
    """Return the range of a key, such as "a number of at least 1"; empty for a key without a range.

    Args:
        key: as typed, such as "query.spread".
    """
    rule = RANGES.get(key)
    if rule is None:
        return ""
    try:
        rule(key, object())  # no key accepts an object, so the check raises an error with the range
    except ConfigError as error:
        return re.sub(r", got '?<object.*", "", str(error).removeprefix(f"{key}: expected ")).rstrip(".")
    return ""
