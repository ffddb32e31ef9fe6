"""What trials are called: by what differs between them, found from their configs, and by nothing else.

A factor is a config group (its choice names a trial: "margin") or a setting ("threshold 0.9"). Trials that
differ in nothing but their seed are a group; the fewest factors that tell the groups apart name them.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from alframe.directory import identity
from alframe.errors import UserError
from alframe.report.trials import Trial

_MISSING: Hashable = object()  # the value of a setting that a trial does not have
_NOT_NAMED = ("tracker",)  # config groups that no label depends on
ALONE = "all trials"


@dataclass(frozen=True, kw_only=True, eq=False)
class Factor:
    """What may tell trials apart: its key as typed, and each trial's value of it."""

    key: str
    values: Sequence[Hashable]
    is_group: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class Naming:
    """Trials by name.

    Attributes:
        keys: of the factors that name them; empty for a single group.
        groups: trials by name, each list in the order of its seeds, without repeats.
        same: (key, value) of what is the same in all, config groups first.
        warnings: what a reader must know of how they were named, a sentence each.
    """

    keys: tuple[str, ...]
    groups: dict[str, list[Trial]]
    same: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]


def name_trials(trials: Sequence[Trial], by: Sequence[str] = ()) -> Naming:
    """Return the trials in named groups.

    Args:
        trials: at least one.
        by: config groups ("query"), the last part of a longer group's name ("policy" for sweep/policy), or
            settings ("auto_label.keep") that name them; found from what differs where empty.

    Raises:
        UserError: a key that the trials do not have, or two different trials of one name that share a seed.
    """
    settings = [_settings(trial) for trial in trials]
    kinds = _codes([tuple(sorted(each.items(), key=lambda item: item[0])) for each in settings])
    kept, repeats = _first_of_each(trials, kinds)
    trials = [trials[k] for k in kept]
    settings, kinds = [settings[k] for k in kept], [kinds[k] for k in kept]
    groups, leaves = _group_factors(trials), _leaf_factors(settings)
    chosen = [_asked(trials, groups, leaves, key) for key in by] or _telling(kinds, groups, leaves)
    named: dict[str, list[int]] = {}
    for k, name in enumerate(_names(chosen, len(trials))):
        named.setdefault(name, []).append(k)
    for name, members in named.items():
        members.sort(key=lambda k: trials[k].seed)
        _check_seeds(name, [trials[k] for k in members], [settings[k] for k in members])
    return Naming(
        keys=tuple(factor.key for factor in chosen),
        groups={name: [trials[k] for k in members] for name, members in named.items()},
        same=_same([*groups, *leaves]),
        warnings=(*repeats, *_mixtures(named, settings)),
    )


def _settings(trial: Trial) -> dict[str, Hashable]:
    """Return every setting that a label can depend on, but for the seed, by its key as typed."""
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


def _codes(values: Iterable[Hashable]) -> list[int]:
    """Return a number for each value, the same for equal ones.

    >>> _codes(["a", "b", "a"])
    [0, 1, 0]
    """
    numbers: dict[Hashable, int] = {}
    return [numbers.setdefault(value, len(numbers)) for value in values]


def _first_of_each(trials: Sequence[Trial], kinds: Sequence[int]) -> tuple[list[int], list[str]]:
    """Return the positions of trials that repeat none before them, and a warning about those that do."""
    first: dict[tuple[int, int], int] = {}
    repeats = []
    for k, trial in enumerate(trials):
        if first.setdefault((kinds[k], trial.seed), k) != k:
            repeats.append(k)
    if not repeats:
        return list(first.values()), []
    repeat = repeats[0]
    original = trials[first[kinds[repeat], trials[repeat].seed]].directory
    more = f" (and {len(repeats) - 1} more such)" if len(repeats) > 1 else ""
    return list(first.values()), [
        f"{trials[repeat].directory} has the settings and the seed of {original}, which is taken{more}."
    ]


def _group_factors(trials: Sequence[Trial]) -> list[Factor]:
    """Return a factor for each config group: Hydra's choices, or classes where a trial has none of those."""
    if all(trial.choices for trial in trials):
        keys = dict.fromkeys(key for trial in trials for key in trial.choices)
        return [
            Factor(key=key, values=[trial.choices.get(key, _MISSING) for trial in trials], is_group=True)
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


def _class(trial: Trial, key: str) -> Hashable:
    node = trial.config.get(key)
    target = node.get("_target_") if isinstance(node, Mapping) else None
    return str(target).rpartition(".")[2] if target else _MISSING


def _leaf_factors(settings: Sequence[Mapping[str, Hashable]]) -> list[Factor]:
    keys = dict.fromkeys(key for each in settings for key in each)
    return [Factor(key=key, values=[each.get(key, _MISSING) for each in settings]) for key in keys]


def _telling(kinds: Sequence[int], groups: Sequence[Factor], leaves: Sequence[Factor]) -> list[Factor]:
    """Return factors that tell all kinds of trials apart: the most telling first, groups before settings.

    One that says no more than those before it is left out, and so is a choice that differs within a kind.
    """
    n_kinds = len(set(kinds))
    chosen: list[Factor] = []
    parts = [0] * len(kinds)
    for factors in (groups, leaves):
        left = [each for each in factors if _n_parts(kinds, each) == n_kinds and len(set(each.values)) > 1]
        while left and len(set(parts)) < n_kinds:
            best = max(left, key=lambda factor: _n_parts(parts, factor))  # the first of equal ones
            if _n_parts(parts, best) == len(set(parts)):
                break
            chosen.append(best)
            parts = _codes(zip(parts, best.values, strict=True))
    return chosen


def _n_parts(parts: Sequence[int], factor: Factor) -> int:
    return len(set(zip(parts, factor.values, strict=True)))


def _asked(trials: Sequence[Trial], groups: Sequence[Factor], leaves: Sequence[Factor], key: str) -> Factor:
    """Return the factor of a key as typed after --by."""
    ends = [each for each in groups if each.key.rpartition("/")[2] == key]
    exact = [each for each in (*groups, *leaves) if each.key == key]
    found = [each for each in (*exact, *ends) if _MISSING not in each.values]
    if found:
        return found[0]
    lacking = next(
        (k for each in (*exact, *ends) for k, value in enumerate(each.values) if value == _MISSING), 0
    )
    raise UserError(
        f"--by {key}: expected a config group or setting of every trial, but {trials[lacking].directory} has "
        "none."
    )


def _names(factors: Sequence[Factor], n_trials: int) -> list[str]:
    """Return each trial's name; different values of the factors have different names."""
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
    """Return what each trial's value reads like in a name: short, unless that made two values the same."""
    distinct = set(factor.values)
    short = {value: _short(value) for value in distinct}
    texts = short if len(set(short.values())) == len(distinct) else {each: text_of(each) for each in distinct}
    if factor.is_group:
        return [f"no {label}" if value == _MISSING else texts[value] for value in factor.values]
    return ["" if value == _MISSING else f"{label} {texts[value]}" for value in factor.values]


def _short(value: Hashable) -> str:
    text = text_of(value)
    if isinstance(value, float) and len(text) > 12:  # 0.999999999 is left as it is
        return f"{value:.6g}"
    return text if len(text) <= 32 else f"...{text[-29:]}"


def text_of(value: Hashable) -> str:
    """Return a setting as it is typed.

    >>> text_of(None), text_of(True), text_of((16, 32)), text_of(0.999999)
    ('null', 'true', '[16,32]', '0.999999')
    """
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f"[{','.join(map(text_of, value))}]" if isinstance(value, tuple) else str(value)


def _check_seeds(name: str, members: Sequence[Trial], settings: Sequence[Mapping[str, Hashable]]) -> None:
    for (one, its), (other, others) in pairwise(zip(members, settings, strict=True)):
        if one.seed == other.seed:
            raise UserError(
                f"--by: expected one trial a seed for each name, got two of seed {one.seed} for {name}: "
                f"{one.directory} and {other.directory}. They differ in {_some(_differing([its, others]))}; "
                "name what tells them apart too."
            )


def _mixtures(named: Mapping[str, Sequence[int]], settings: Sequence[Mapping[str, Hashable]]) -> list[str]:
    """Return a warning for each name under which trials differ in more than their seed."""
    told = []
    for name, members in named.items():
        differing = _differing([settings[k] for k in members])
        if differing:
            told.append(f"{name} takes together trials that differ in {_some(differing)}.")
    return told


def _differing(settings: Sequence[Mapping[str, Hashable]]) -> list[str]:
    keys = dict.fromkeys(key for each in settings for key in each)
    first = settings[0]
    return [
        key for key in keys if any(each.get(key, _MISSING) != first.get(key, _MISSING) for each in settings)
    ]


def _some(keys: Sequence[str]) -> str:
    more = f" and {len(keys) - 3} more settings" if len(keys) > 3 else ""
    return ", ".join(keys[:3]) + more


def _same(factors: Sequence[Factor]) -> tuple[tuple[str, str], ...]:
    return tuple(
        (factor.key, text_of(factor.values[0]))
        for factor in factors
        if len(set(factor.values)) == 1 and factor.values[0] != _MISSING
    )
