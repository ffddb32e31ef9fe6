"""DIRECT: questions around the place that best separates each class from the others.

Axes: M the samples of a graph, P the pool, which comes first among them, C the classes, Q the queried.

Source: Nuggehalli, Zhang, Jain & Nowak, Improved algorithm for deep active learning under imbalance via
optimal separation, ICML 2025 (arXiv 2312.09196), algorithms 1 and 2, and the authors' code (LabelBench). The
number of people who answer in parallel is a parameter there. Here all answers come together, as with as many
people as questions: the interval is then not narrowed within a question.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from alframe.core.records import Labelled, PoolScores
from alframe.core.selection import lowest
from alframe.query.class_graphs import ClassGraphs, class_graphs
from alframe.query.pool_ranking import Subset

Choose = Callable[[Tensor, Tensor, int], Tensor]


@dataclass(frozen=True, kw_only=True)
class Direct(Subset):
    """Asks samples where a class ends in its row of samples. For classes of unequal size, and wrong labels.

    Half of a question is drawn, for each class, from the interval that the class must end in if its labels
    are to be trusted. The other half is nearest to the place that separates most labels of the class from
    most others. If a half cannot be divided by the classes, those with the fewest labels get one more.

    Attributes:
        max_candidates: at least 1, the size of the random part of the pool that is looked at; None takes all.

    Source: Nuggehalli, Zhang, Jain & Nowak, ICML 2025, arXiv 2312.09196, algorithms 1 and 2.
    """

    needs: frozenset[str] = field(default=frozenset({"log_probs", "labelled_log_probs"}), init=False)

    def select(self, scores: PoolScores, labelled: Labelled, n: int, generator: torch.Generator) -> Tensor:
        """Return (min(n, P),) int64, the data-set indices to ask."""
        graphs, n = class_graphs(scores, labelled), min(n, len(scores))
        open_M = graphs.label_M < 0
        drawn = _of_each_class(graphs, open_M, n // 2, partial(drawn_from_interval, generator=generator))
        near = _of_each_class(graphs, open_M, n - len(drawn), nearest_to_end)
        return scores.index_P[torch.cat([drawn, near])]


def _of_each_class(graphs: ClassGraphs, open_M: Tensor, n: int, choose: Choose) -> Tensor:
    """Return the positions of up to n samples, an equal number for each class; they are no longer open."""
    chosen = [torch.empty(0, dtype=torch.int64)]
    n_classes = graphs.log_probs_MC.shape[1]
    n_labels_C = torch.bincount(graphs.label_M[graphs.label_M >= 0], minlength=n_classes)
    for turn, k in enumerate(n_labels_C.argsort(stable=True)[:n].tolist()):
        order_M = graphs.order(k)
        label_M = graphs.label_M[order_M]
        sign_M = torch.where(label_M < 0, 0, torch.where(label_M == k, 1, -1))
        n_of_class = (n + n_classes - 1 - turn) // n_classes
        chosen.append(order_M[choose(sign_M, open_M[order_M], n_of_class)])
        open_M[chosen[-1]] = False
    return torch.cat(chosen)


def drawn_from_interval(sign_M: Tensor, open_M: Tensor, n: int, generator: torch.Generator) -> Tensor:
    """Return up to n random open places of the interval in which the class ends.

    The interval is from the last label of the class before all other labels to the first other label after
    all those of the class; without such a label, from the first place or to the last.

    Args:
        sign_M: (M,) int64, the row: 1 for a label of the class, -1 for another label, 0 without a label.
        open_M: (M,) bool, True for places that can be chosen.
    """
    of_class, others = (sign_M == 1).nonzero().flatten(), (sign_M == -1).nonzero().flatten()
    before = of_class[of_class < others[0]] if len(others) else of_class
    after = others[others > of_class[-1]] if len(of_class) else others
    inside_M = open_M.clone()
    inside_M[: before[-1] if len(before) else 0] = False
    inside_M[after[0] if len(after) else len(sign_M) :] = False
    inside = inside_M.nonzero().flatten()
    return inside[torch.randperm(len(inside), generator=generator)[:n]]


def nearest_to_end(sign_M: Tensor, open_M: Tensor, n: int) -> Tensor:
    """Return the n open places nearest to the place where the class ends, in turns before and after it.

    Args:
        sign_M, open_M: as in `drawn_from_interval`.

    >>> sign = torch.tensor([1, 0, 0, 0, 0, -1])
    >>> nearest_to_end(sign, sign == 0, 3).tolist()
    [2, 3, 1]
    """
    end, places = best_end(sign_M), open_M.nonzero().flatten()
    turn = torch.where(places < end, 2 * (end - 1 - places), 2 * (places - end) + 1)
    return places[lowest(turn, n)]


def best_end(sign_M: Tensor) -> int:
    """Return how many places come before the end of the class that agrees with most labels.

    A label agrees if it is of the class and before the end, or if it is another one and after the end. In
    the authors' code, the first of several such ends is taken. Here it is the middle one, because the labels
    of a question come too late to narrow them.

    >>> best_end(torch.tensor([1, -1, 1, 1, 0, 0, -1]))
    5
    """
    agree = torch.cat([sign_M.new_zeros(1), sign_M.cumsum(0)])  # up to a constant
    best = (agree == agree.max()).nonzero().flatten()
    return int(best[len(best) // 2])
