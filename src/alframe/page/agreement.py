"""Who has answered how much and how fast, and how well people agree.

The votes of two people on the same image are compared. Reviews are none: they decide between votes.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from itertools import chain, combinations
from typing import Any

from alframe.core.answer_counting import TAKEN_BACK, counted, differ, is_on_page, votes
from alframe.oracle.answer_records import Answer
from alframe.page.pace import grid_errors, median_seconds
from alframe.page.queue import goes_to_two

MOST_SHOWN = 200  # images on which people differ, in one reply

Pair = tuple[int, int]  # the answers of two people to the same image


def people(rows: Mapping[int, Sequence[Answer]], both_share: float = 0.0) -> dict[str, Any]:
    """Return what the one in charge sees, as the page shows it.

    Args:
        rows: all answers by sample, each in the order of time.
        both_share: of the samples that two people answer, in [0, 1].
    """
    by_sample = {
        index: {name: row.answer for name, row in votes(each).items()}
        for index, each in rows.items()
        if len(each) > 1
    }
    pairs = _pairs(by_sample)
    both = list(chain.from_iterable(pairs.values()))
    errors = grid_errors(chain.from_iterable(rows.values()))
    different = [index for index in by_sample if differ(rows[index])]
    decided = [
        index for index in by_sample if len(set(by_sample[index].values())) > 1 and not differ(rows[index])
    ]
    return {
        "people": [_person(name, each) for name, each in sorted(_by_person(rows).items())],
        "pairs": sum(len(given) > 1 for given in by_sample.values()),
        "kappa": mean_kappa(pairs.values()),
        "by_class": [
            {"class": number, "agreement": share, "n": n}
            for number, (share, n) in sorted(agreement_by_answer(both).items())
        ],
        "n_differ": len(different),
        "differ": [{"index": index, "answers": by_sample[index]} for index in different[:MOST_SHOWN]],
        "n_decided": len(decided),
        "decided": [
            {"index": index, "answers": by_sample[index], "label": _label(rows[index])}
            for index in decided[:MOST_SHOWN]
        ],
        "second": _second(rows, both_share),
        "grids": {**asdict(errors), "share": errors.share},
    }


def kappa(pairs: Sequence[Pair]) -> float | None:
    """Return Cohen's kappa of two people: 1 if they always agree, 0 if only as often as by chance.

    None without a pair, or if both always give the same answer.

    Source: Cohen, A coefficient of agreement for nominal scales, 1960.

    >>> kappa([(0, 0), (0, 0), (1, 1), (1, 0)])  # they agree on 0.75, by chance on 0.5
    0.5
    """
    n = len(pairs)
    one, other = Counter(a for a, _ in pairs), Counter(b for _, b in pairs)
    by_chance = sum(one[answer] * other[answer] for answer in one)  # times n * n
    if n == 0 or by_chance == n * n:
        return None
    agreed = sum(a == b for a, b in pairs)
    return (n * agreed - by_chance) / (n * n - by_chance)


def mean_kappa(pairs: Iterable[Sequence[Pair]]) -> float | None:
    """Return the mean of the kappas of each two people, weighted by their common images; None without one.

    Args:
        pairs: of each two people.
    """
    found = [(value, len(each)) for each in pairs if (value := kappa(each)) is not None]
    n = sum(weight for _, weight in found)
    return sum(value * weight for value, weight in found) / n if n else None


def agreement_by_answer(pairs: Iterable[Pair]) -> dict[int, tuple[float, int]]:
    """Return by answer how likely the other person gives it too, in [0, 1], and in how many pairs it is.

    This is the proportion of specific agreement.

    >>> agreement_by_answer([(0, 0), (0, 1), (1, 1), (1, 1)])
    {0: (0.6666666666666666, 2), 1: (0.8, 3)}
    """
    given: Counter[int] = Counter()
    agreed: Counter[int] = Counter()
    for a, b in pairs:
        given.update((a, b))
        if a == b:
            agreed[a] += 1
    return {
        answer: (2 * agreed[answer] / given[answer], given[answer] - agreed[answer])
        for answer in sorted(given)
    }


def _label(rows: Sequence[Answer]) -> int | None:
    found = counted(rows)
    return None if found is None else found.answer


def _second(rows: Mapping[int, Sequence[Answer]], both_share: float) -> dict[str, int]:
    """Return how many answered samples are meant for two people, and how many two have answered."""
    n_voters = [
        len(votes(each))
        for index, each in rows.items()
        if goes_to_two(index, both_share) and is_on_page(each[-1].way)
    ]
    return {"wanted": sum(n > 0 for n in n_voters), "given": sum(n > 1 for n in n_voters)}


def _pairs(by_sample: Mapping[int, Mapping[str, int]]) -> dict[tuple[str, str], list[Pair]]:
    """Return the pairs of answers of each two people."""
    found: dict[tuple[str, str], list[Pair]] = {}
    for given in by_sample.values():
        for one, other in combinations(sorted(given), 2):
            found.setdefault((one, other), []).append((given[one], given[other]))
    return found


def _by_person(rows: Mapping[int, Sequence[Answer]]) -> dict[str, list[Answer]]:
    found: dict[str, list[Answer]] = {}
    for row in chain.from_iterable(rows.values()):
        if is_on_page(row.way) and row.answer != TAKEN_BACK:
            found.setdefault(row.who, []).append(row)
    return found


def _person(name: str, rows: Sequence[Answer]) -> dict[str, Any]:
    return {
        "name": name,
        "answers": len(rows),
        "median_seconds": median_seconds(rows),
        "grids": len({row.grid for row in rows if row.grid is not None}),
    }
