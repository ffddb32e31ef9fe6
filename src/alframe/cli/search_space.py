"""The space of a search: Hydra's sweep overrides as distributions of Optuna."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)


def read_space(overrides: Iterable[Override]) -> tuple[dict[str, BaseDistribution], list[str]]:
    """Return the distribution of each key that is searched, and the other overrides as text.

    If a key is given twice, its last value counts.
    """
    space: dict[str, BaseDistribution] = {}
    fixed: dict[str, str] = {}
    for override in overrides:
        key = override.get_key_element()
        space.pop(key, None)
        fixed.pop(key, None)
        if override.is_sweep_override():
            space[key] = distribution(override)
        else:
            fixed[key] = str(override.input_line)
    return space, list(fixed.values())


def distribution(override: Override) -> BaseDistribution:
    """Return the distribution of an override.

    choice(a,b) or a,b: one of the texts; range(2,8,step=2): 2, 4 or 6, as in any other sweep; interval(a,b):
    any number between the two; int(interval(a,b)): a whole one; tag(log,interval(a,b)): on a log scale.
    """
    value = override.value()
    if isinstance(value, IntervalSweep):
        return _number(value.start, value.end, None, log="log" in value.tags)
    if isinstance(value, RangeSweep) and not value.shuffle:
        first, step = Decimal(str(value.start)), Decimal(str(value.step))
        n = len(list(value.range()))
        ends = sorted((first, first + (n - 1) * step))
        whole = all(each == int(each) for each in (*ends, step))
        low, high = (int(each) if whole else float(each) for each in ends)
        return _number(low, high, int(abs(step)) if whole else float(abs(step)), log=False)
    return CategoricalDistribution(list(override.sweep_string_iterator()))


def _number(low: Any, high: Any, step: Any, *, log: bool) -> BaseDistribution:
    if isinstance(low, int) and isinstance(high, int):
        return IntDistribution(low, high, log=log, step=step or 1)
    return FloatDistribution(low, high, log=log, step=step)
