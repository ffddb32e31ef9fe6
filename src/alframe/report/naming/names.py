"""Names of trials, made only from the settings that differ between them.

A factor is a config group (its choice is the name: "margin") or a setting ("threshold 0.9"). Trials that
differ only in their seed are a group. Groups are named by a small set of factors that distinguishes them.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from alframe.core.errors import UserError
from alframe.report.formatting import some
from alframe.report.load.trials import FinishedTrial
from alframe.report.naming.differing import text_of_each, varying
from alframe.report.naming.factors import (
    MISSING,
    Factor,
    codes,
    distinguishing,
    group_factors,
    leaf_factors,
    names_of,
    settings_of,
    text_of,
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Naming:
    """Trials by name.

    Attributes:
        keys: of the factors in the names; empty for a single group.
        groups: trials by name, each list sorted by seed, without repeats.
        differing: for each factor that differs between groups, its value by directory of a trial.
        hidden: the keys in `differing` that no name shows.
        same: (key, value) of the settings that all trials share, config groups first.
        warnings: sentences about the naming.
    """

    keys: tuple[str, ...]
    groups: dict[str, list[FinishedTrial]]
    differing: Mapping[str, Mapping[Path, str]]
    hidden: tuple[str, ...]
    same: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]


def name_trials(trials: Sequence[FinishedTrial], by: Sequence[str] = ()) -> Naming:
    """Return the trials in named groups.

    Args:
        trials: at least one.
        by: the factors in the names: config groups ("query"), the last part of a longer group's name
            ("policy" for sweep/policy), or settings ("auto_label.keep"); if empty, those that differ.

    Raises:
        UserError: the trials lack a key, or two different trials have the same name and the same seed.
    """
    settings = [settings_of(trial) for trial in trials]
    kinds = codes([tuple(sorted(each.items(), key=lambda item: item[0])) for each in settings])
    kept, repeats = _first_of_each(trials, kinds)
    trials = [trials[k] for k in kept]
    settings, kinds = [settings[k] for k in kept], [kinds[k] for k in kept]
    groups, leaves = group_factors(trials), leaf_factors(settings)
    chosen = [_asked(trials, groups, leaves, key) for key in by] or distinguishing(kinds, groups, leaves)
    named: dict[str, list[int]] = {}
    for k, name in enumerate(names_of(chosen, len(trials))):
        named.setdefault(name, []).append(k)
    for name, members in named.items():
        members.sort(key=lambda k: trials[k].seed)
        _check_seeds(name, [trials[k] for k in members], [settings[k] for k in members])
    texts_of = {each.key: text_of_each(each) for each in varying(kinds, groups, leaves, chosen)}
    differing = {
        key: dict(zip((trial.directory for trial in trials), texts, strict=True))
        for key, texts in texts_of.items()
        if len({frozenset(texts[k] for k in members) for members in named.values()}) > 1
    }
    hidden = tuple(key for key in differing if key not in {factor.key for factor in chosen})
    return Naming(
        keys=tuple(factor.key for factor in chosen),
        differing=differing,
        hidden=hidden,
        groups={name: [trials[k] for k in members] for name, members in named.items()},
        same=_same([*groups, *leaves]),
        warnings=(*repeats, *_hidden(hidden), *_mixtures(named, settings)),
    )


def _first_of_each(trials: Sequence[FinishedTrial], kinds: Sequence[int]) -> tuple[list[int], list[str]]:
    """Return the positions of trials that are not repeats, and a warning about repeats."""
    first: dict[tuple[int, int], int] = {}
    repeats = []
    for k, trial in enumerate(trials):
        if first.setdefault((kinds[k], trial.seed), k) != k:
            repeats.append(k)
    if not repeats:
        return list(first.values()), []
    repeat = repeats[0]
    original = trials[first[kinds[repeat], trials[repeat].seed]].directory
    more = f" ({len(repeats)} repeats in all)" if len(repeats) > 1 else ""
    return list(first.values()), [
        f"{trials[repeat].directory} has the same settings and seed as {original} and is left out{more}."
    ]


def _asked(
    trials: Sequence[FinishedTrial], groups: Sequence[Factor], leaves: Sequence[Factor], key: str
) -> Factor:
    """Return the factor with a key as typed after --by."""
    ends = [each for each in groups if each.key.rpartition("/")[2] == key]
    exact = [each for each in (*groups, *leaves) if each.key == key]
    found = [each for each in (*exact, *ends) if MISSING not in each.values]
    if found:
        return found[0]
    lacking = next(
        (k for each in (*exact, *ends) for k, value in enumerate(each.values) if value == MISSING), 0
    )
    raise UserError(
        f"--by {key}: expected a config group or setting of every trial, got none in "
        f"{trials[lacking].directory}."
    )


def _check_seeds(
    name: str, members: Sequence[FinishedTrial], settings: Sequence[Mapping[str, Hashable]]
) -> None:
    for (one, its), (other, others) in pairwise(zip(members, settings, strict=True)):
        if one.seed == other.seed:
            raise UserError(
                f"--by: expected one trial for each name and seed, got two of seed {one.seed} for {name}: "
                f"{one.directory} and {other.directory}. They differ in {_some(_differing([its, others]))}. "
                "Add one of these keys to --by."
            )


def _hidden(keys: Sequence[str]) -> list[str]:
    """Return a warning if the names do not show all differing settings."""
    if not keys:
        return []
    return [f"Groups also differ in {_some(keys, 5)}, which their names do not show."]


def _mixtures(named: Mapping[str, Sequence[int]], settings: Sequence[Mapping[str, Hashable]]) -> list[str]:
    """Return a warning for each group whose trials differ in more than their seed."""
    warnings = []
    for name, members in named.items():
        differing = _differing([settings[k] for k in members])
        if differing:
            warnings.append(f"{name} combines trials that differ in {_some(differing)}.")
    return warnings


def _differing(settings: Sequence[Mapping[str, Hashable]]) -> list[str]:
    keys = dict.fromkeys(key for each in settings for key in each)
    first = settings[0]
    return [
        key for key in keys if any(each.get(key, MISSING) != first.get(key, MISSING) for each in settings)
    ]


def _some(keys: Sequence[str], n: int = 3) -> str:
    return some(keys, n, "more settings")


def _same(factors: Sequence[Factor]) -> tuple[tuple[str, str], ...]:
    return tuple(
        (factor.key, text_of(factor.values[0]))
        for factor in factors
        if len(set(factor.values)) == 1 and factor.values[0] != MISSING
    )
