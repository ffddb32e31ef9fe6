"""What differs between groups of trials, shown by their names or not."""

from collections.abc import Hashable, Sequence

from alframe.report.naming.factors import MISSING, Factor, short_texts

MOST_VALUES = 3  # of one setting in a cell, where trials of one group differ in it


def varying(
    kinds: Sequence[int], groups: Sequence[Factor], leaves: Sequence[Factor], chosen: Sequence[Factor]
) -> list[Factor]:
    """Return the factors that have several values and say something of their own, groups before settings.

    What a config group decides is left out beside it: the settings below it ("query.spread" beside "query"),
    and all that follows from a group without settings of its own ("experiment") which names the trials.
    A choice that differs between trials of the same settings is left out too.

    Args:
        kinds: of each trial, the same for the same settings. groups, leaves: the factors that there are.
        chosen: those that name the trials, always kept.
    """
    nodes = {leaf.key.partition(".")[0] for leaf in leaves}
    above = [each for each in chosen if each.is_group and each.key not in nodes]
    kept: list[Factor] = []
    for each in groups:
        told = len(set(each.values)) > 1 and _is_decided(each, kinds)
        if each in chosen or (told and not _follows(each, above)):
            kept.append(each)
    own = {each.key: each for each in kept if each.is_group}
    for each in leaves:
        deciding = [*above, *([own[node]] if (node := each.key.partition(".")[0]) in own else [])]
        if each in chosen or (len(set(each.values)) > 1 and not _follows(each, deciding)):
            kept.append(each)
    return kept


def _follows(factor: Factor, deciding: Sequence[Factor]) -> bool:
    return any(_is_decided(factor, each.values) for each in deciding)


def _is_decided(factor: Factor, by: Sequence[Hashable]) -> bool:
    """Return whether trials that are the same in `by` have the same value of a factor."""
    return len(set(zip(by, factor.values, strict=True))) == len(set(by))


def text_of_each(factor: Factor) -> list[str]:
    """Return a factor's value in each trial, as names write it; empty where a trial has none."""
    texts = short_texts(factor)
    return ["" if value == MISSING else texts[value] for value in factor.values]


def joined(texts: Sequence[str]) -> str:
    """Return the values of one group's trials in a cell, nearly always one.

    >>> joined(["5", "5"]), joined(["1", "2", "3", "4"])
    ('5', '1; 2; 3; 1 more')
    """
    distinct = list(dict.fromkeys(texts))
    more = f"; {len(distinct) - MOST_VALUES} more" if len(distinct) > MOST_VALUES else ""
    return "; ".join(distinct[:MOST_VALUES]) + more
