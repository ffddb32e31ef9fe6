"""Factors that distinguish trials: config groups and settings, and their values as text."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alframe.config.trial_identity import identity
from alframe.report.load.trials import FinishedTrial

MISSING: Hashable = object()  # the value of a setting that a trial lacks
ALONE = "all trials"  # the name of a single group
_NOT_NAMED = ("tracker",)  # config groups without influence on labels


@dataclass(frozen=True, kw_only=True, eq=False)
class Factor:
    """A config group or setting: its key as typed, and its value in each trial."""

    key: str
    values: Sequence[Hashable]
    is_group: bool = False


def settings_of(trial: FinishedTrial) -> dict[str, Hashable]:
    """Return the settings that labels depend on, without the seed, by their keys as typed."""
    own = {key: value for key, value in identity(trial.config).items() if key != "seed"}
    return dict(_flat(own))


def _flat(node: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Hashable]]:
    for part, value in node.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{part}.")
        else:
            yield f"{prefix}{part}", _frozen(value)


def _frozen(value: Any) -> Hashable:
    if isinstance(value, Mapping):
        return tuple((key, _frozen(each)) for key, each in value.items())
    return tuple(_frozen(each) for each in value) if isinstance(value, list) else value


def codes(values: Iterable[Hashable]) -> list[int]:
    """Return a number for each value, equal for equal values.

    >>> codes(["a", "b", "a"])
    [0, 1, 0]
    """
    numbers: dict[Hashable, int] = {}
    return [numbers.setdefault(value, len(numbers)) for value in values]


def group_factors(trials: Sequence[FinishedTrial]) -> list[Factor]:
    """Return a factor for each config group: Hydra's choices, or class names if a trial has no choices."""
    if all(trial.choices for trial in trials):
        keys = dict.fromkeys(key for trial in trials for key in trial.choices)
        return [
            Factor(key=key, values=[trial.choices.get(key, MISSING) for trial in trials], is_group=True)
            for key in keys
            if key not in _NOT_NAMED and not key.startswith("hydra/")
        ]
    nodes = dict.fromkeys(
        key
        for trial in trials
        for key, node in trial.config.items()
        if isinstance(node, Mapping) and "_target_" in node and key not in _NOT_NAMED
    )
    return [Factor(key=key, values=[_class(trial, key) for trial in trials], is_group=True) for key in nodes]


def _class(trial: FinishedTrial, key: str) -> Hashable:
    node = trial.config.get(key)
    target = node.get("_target_") if isinstance(node, Mapping) else None
    return str(target).rpartition(".")[2] if target else MISSING


def leaf_factors(settings: Sequence[Mapping[str, Hashable]]) -> list[Factor]:
    """Return a factor for each setting of any trial."""
    keys = dict.fromkeys(key for each in settings for key in each)
    return [Factor(key=key, values=[each.get(key, MISSING) for each in settings]) for key in keys]


def distinguishing(kinds: Sequence[int], groups: Sequence[Factor], leaves: Sequence[Factor]) -> list[Factor]:
    """Return factors that distinguish all kinds of trials: groups before settings, most values first.

    A factor that adds nothing to those before it is left out, and so is a choice that differs within a kind.
    """
    n_kinds = len(set(kinds))
    chosen: list[Factor] = []
    parts = [0] * len(kinds)
    for factors in (groups, leaves):
        left = [each for each in factors if _n_parts(kinds, each) == n_kinds and len(set(each.values)) > 1]
        while left and len(set(parts)) < n_kinds:
            best = max(left, key=lambda factor: _n_parts(parts, factor))  # max takes the first of equal ones
            if _n_parts(parts, best) == len(set(parts)):
                break
            chosen.append(best)
            parts = codes(zip(parts, best.values, strict=True))
    return chosen


def _n_parts(parts: Sequence[int], factor: Factor) -> int:
    return len(set(zip(parts, factor.values, strict=True)))


def names_of(factors: Sequence[Factor], n_trials: int) -> list[str]:
    """Return each trial's name; different values of the factors give different names."""
    if not factors:
        return [ALONE] * n_trials
    ends = [factor.key.rpartition(".")[2] for factor in factors]
    labels = [end if ends.count(end) == 1 else factor.key for end, factor in zip(ends, factors, strict=True)]
    columns = [_texts(factor, label) for factor, label in zip(factors, labels, strict=True)]
    values = list(zip(*(factor.values for factor in factors), strict=True))
    names: dict[tuple[Hashable, ...], str] = {}
    for value, parts in zip(values, zip(*columns, strict=True), strict=True):
        if value not in names:
            name = ", ".join(part for part in parts if part) or f"no {labels[0]}"
            again = sum(other == name or other.startswith(f"{name} #") for other in names.values())
            names[value] = f"{name} #{again + 1}" if again else name
    return [names[value] for value in values]


def _texts(factor: Factor, label: str) -> list[str]:
    """Return each trial's value as part of a name."""
    texts = short_texts(factor)
    if factor.is_group:
        return [f"no {label}" if value == MISSING else texts[value] for value in factor.values]
    return ["" if value == MISSING else f"{label} {texts[value]}" for value in factor.values]


def short_texts(factor: Factor) -> dict[Hashable, str]:
    """Return a text for each value of a factor, shortened unless that makes two values equal."""
    distinct = set(factor.values)
    short = {value: _short(value) for value in distinct}
    return short if len(set(short.values())) == len(distinct) else {each: text_of(each) for each in distinct}


def _short(value: Hashable) -> str:
    text = text_of(value)
    if isinstance(value, float) and len(text) > 12:  # keeps 0.999999999
        return f"{value:.6g}"
    return text if len(text) <= 32 else f"...{text[-29:]}"


def text_of(value: Hashable) -> str:
    """Return a setting as typed on the command line.

    >>> text_of(None), text_of(True), text_of((16, 32)), text_of(0.999999)
    ('null', 'true', '[16,32]', '0.999999')
    """
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f"[{','.join(map(text_of, value))}]" if isinstance(value, tuple) else str(value)
