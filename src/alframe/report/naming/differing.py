"""The settings that differ between groups of trials, shown in their names or not."""

from collections.abc import Hashable, Sequence

from alframe.report.naming.factors import MISSING, Factor, short_texts

MOST_VALUES = 3  # of one setting in a cell, if trials of one group differ in it


def varying(
    kinds: Sequence[int], groups: Sequence[Factor], leaves: Sequence[Factor], chosen: Sequence[Factor]
) -> list[Factor]:
    """Return the factors that have several values and do not follow from another factor, groups first.

    Left out are settings that follow from their config group ("query.spread" from "query"), factors that
    follow from a group without settings of its own ("experiment") if it names the trials, and choices that
    differ between trials with the same settings.

    Args:
        kinds: a number for each trial, equal for equal settings.
        groups, leaves: all config groups and all settings.
        chosen: the factors that name the trials, always kept.
    """
    nodes = {leaf.key.partition(".")[0] for leaf in leaves}
    above = [each for each in chosen if each.is_group and each.key not in nodes]
    kept: list[Factor] = []
    for each in groups:
        differs = len(set(each.values)) > 1 and _is_decided(each, kinds)
        if each in chosen or (differs and not _follows(each, above)):
            kept.append(each)
    deciding_groups = {each.key: each for each in kept if each.is_group}
    for each in leaves:
        deciding = [
            *above,
            *([deciding_groups[node]] if (node := each.key.partition(".")[0]) in deciding_groups else []),
        ]
        if each in chosen or (len(set(each.values)) > 1 and not _follows(each, deciding)):
            kept.append(each)
    return kept


def _follows(factor: Factor, deciding: Sequence[Factor]) -> bool:
    return any(_is_decided(factor, each.values) for each in deciding)


def _is_decided(factor: Factor, by: Sequence[Hashable]) -> bool:
    """Return whether trials with equal values in `by` have equal values of a factor."""
    return len(set(zip(by, factor.values, strict=True))) == len(set(by))


def text_of_each(factor: Factor) -> list[str]:
    """Return a factor's value in each trial, as in names; empty if a trial lacks it."""
    texts = short_texts(factor)
    return ["" if value == MISSING else texts[value] for value in factor.values]


def joined(texts: Sequence[str]) -> str:
    """Return the distinct values of a group's trials in one cell, usually a single one.

    >>> joined(["5", "5"]), joined(["1", "2", "3", "4"])
    ('5', '1; 2; 3; 1 more')
    """
    distinct = list(dict.fromkeys(texts))
    more = f"; {len(distinct) - MOST_VALUES} more" if len(distinct) > MOST_VALUES else ""
    return "; ".join(distinct[:MOST_VALUES]) + more
