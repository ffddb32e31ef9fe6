"""DIRECT: samples near the place where each class ends in a row of all samples.

Axes: M the samples of a graph, P the pool, which comes first among them, C the classes, O the places of a row
without a label.

Source: Nuggehalli, Zhang, Jain & Nowak, Improved algorithm for deep active learning under imbalance via
optimal separation, ICML 2025 (arXiv 2312.09196), algorithms 1 and 2, and the authors' code (LabelBench).
There, samples are labelled one after another, or a few at a time. Here all answers to a question come
together. Until then, a selected sample counts as labelled with its predicted class.
"""

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from alframe.core.records import Labelled, PoolScores
from alframe.core.selection import lowest
from alframe.query.class_graphs import class_graphs
from alframe.query.clustering import one_thread
from alframe.query.pool_ranking import Subset


@dataclass(frozen=True, kw_only=True)
class Direct(Subset):
    """Asks samples near the end of a class in its row. For classes of unequal size, and wrong labels.

    The row of a class has all samples, the most likely ones of the class first (`class_graphs`). The class
    ends where the other classes begin. One half of the samples searches for this place: they are drawn from
    the interval that contains it, which shrinks after each sample. The other half are the samples nearest to
    the place that agrees with most labels. In each half, every class gets the same number of samples. If the
    number cannot be divided by the classes, those with the fewest labels get one more.

    Attributes:
        max_candidates: at least 1, the size of the random part of the pool that is looked at; None takes all.

    Source: Nuggehalli, Zhang, Jain & Nowak, ICML 2025, arXiv 2312.09196, algorithms 1 and 2.
    """

    needs: frozenset[str] = field(default=frozenset({"log_probs", "labelled_log_probs"}), init=False)

    @one_thread()
    def select(self, scores: PoolScores, labelled: Labelled, n: int, generator: torch.Generator) -> Tensor:
        """Return (min(n, P),) int64, the data-set indices to ask."""
        graphs, n = class_graphs(scores, labelled), min(n, len(scores))
        n_classes, label_M = graphs.log_probs_MC.shape[1], graphs.label_M.clone()
        answer_M = torch.cat([scores.predicted_P, label_M[len(scores) :]])
        rarest_first = (
            torch.bincount(label_M[label_M >= 0], minlength=n_classes).argsort(stable=True).tolist()
        )
        asked = [torch.empty(0, dtype=torch.int64)]
        for narrows in (True, False):
            n_half = n // 2 if narrows else n - sum(map(len, asked))
            for turn, k in enumerate(rarest_first[:n_half]):
                n_of_class = (n_half + n_classes - 1 - turn) // n_classes
                order_M = graphs.order(k)
                sign_M = _signs(label_M[order_M], k)
                if narrows:
                    answers_M = _signs(answer_M[order_M], k)
                    places = narrowing(sign_M, answers_M, n_of_class, generator)
                else:
                    places = nearest_to_end(sign_M, n_of_class)
                asked.append(order_M[places])
                label_M[asked[-1]] = answer_M[asked[-1]]
        return scores.index_P[torch.cat(asked)]


def _signs(label_M: Tensor, k: int) -> Tensor:
    """Return (M,) int64: 1 for a label of class k, -1 for another label, 0 without a label."""
    return torch.where(label_M < 0, 0, torch.where(label_M == k, 1, -1))


def narrowing(sign_M: Tensor, answer_M: Tensor, n: int, generator: torch.Generator) -> Tensor:
    """Return up to n places without a label, in the order of the choice: fewer if the interval has fewer.

    Each place is drawn from the interval in which the class ends. After each draw the interval shrinks, at
    most by the factor after which n draws leave one place.

    Args:
        sign_M: (M,) int64, the row: 1 for a label of the class, -1 for another label, 0 without a label.
        answer_M: (M,) int64, what a place counts as after it is selected.
    """
    sign_M, left_O = sign_M.clone(), interval(sign_M)
    factor = len(left_O) ** (1 / max(n, 1))
    chosen: list[Tensor] = []
    while len(chosen) < n and len(left_O):
        chosen.append(left_O[torch.randint(len(left_O), (), generator=generator)])
        sign_M[chosen[-1]] = answer_M[chosen[-1]]
        left_O = left_O[left_O != chosen[-1]]
        left_O = likeliest_part(sign_M, left_O, math.ceil(len(left_O) / factor))
    return torch.stack(chosen) if chosen else left_O


def interval(sign_M: Tensor) -> Tensor:
    """Return (O,) int64, the places without a label in the interval in which the class ends.

    The interval begins at the last label of the class that comes before all other labels. It ends at the
    first other label that comes after all labels of the class. If there is no such label, the interval
    begins at the first place, or ends at the last.

    >>> interval(torch.tensor([0, 1, 0, -1, 0, 1, 0, -1, 0])).tolist()
    [2, 4, 6]
    """
    of_class, others = (sign_M == 1).nonzero().flatten(), (sign_M == -1).nonzero().flatten()
    before = of_class[of_class < others[0]] if len(others) else of_class
    after = others[others > of_class[-1]] if len(of_class) else others
    first, end = int(before[-1]) if len(before) else 0, int(after[0]) if len(after) else len(sign_M)
    return first + (sign_M[first:end] == 0).nonzero().flatten()


def likeliest_part(sign_M: Tensor, left_O: Tensor, n: int) -> Tensor:
    """Return at least n consecutive places of those that are left: the most likely ends of the class.

    Of the first and the last place, the one that agrees with fewer labels as an end of the class is dropped,
    again and again, until n are left. If no place agrees with more labels than both of them, none is dropped;
    the authors' code then drops one of the two at random.

    Args:
        sign_M: as in `narrowing`. left_O: (O,) int64, ascending, without a label. n: at most O.

    >>> likeliest_part(torch.tensor([1, 0, 1, 0, 0, -1, 0, -1]), torch.tensor([1, 3, 4, 6]), 1).tolist()
    [3, 4]
    """
    agree_O = agreement(sign_M)[left_O].tolist()
    first, last, best = 0, len(agree_O) - 1, max(agree_O, default=0)
    while last - first + 1 > n and min(agree_O[first], agree_O[last]) < best:
        worse = agree_O[first] <= agree_O[last]
        first, last = (first + 1, last) if worse else (first, last - 1)
    return left_O[first : last + 1]


def nearest_to_end(sign_M: Tensor, n: int) -> Tensor:
    """Return the n places without a label that are nearest to the end of the class, on both sides in turn.

    If several ends agree with equally many labels, the middle one is taken. The authors' code takes the
    first.

    >>> nearest_to_end(torch.tensor([1, 0, 0, 0, 0, -1]), 3).tolist()
    [2, 3, 1]
    """
    end, places = middle_of_best(agreement(sign_M)), (sign_M == 0).nonzero().flatten()
    turn = torch.where(places < end, 2 * (end - 1 - places), 2 * (places - end) + 1)
    return places[lowest(turn, n)]


def agreement(sign_M: Tensor) -> Tensor:
    """Return (M + 1,) int64: how many labels agree if the class ends after 0, 1, ... M places.

    A label agrees if it is a label of the class before the end, or another label after the end. A constant is
    left out of all counts.
    """
    return torch.cat([sign_M.new_zeros(1), sign_M.cumsum(0)])


def middle_of_best(value: Tensor) -> int:
    """Return the position of the largest value, of several the middle one.

    >>> middle_of_best(torch.tensor([0, 1, 0, 1, 2, 2, 2, 1]))
    5
    """
    best = (value == value.max()).nonzero().flatten()
    return int(best[len(best) // 2])
