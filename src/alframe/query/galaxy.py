"""GALAXY: for each class, samples half way between labels of this class and labels of other classes.

Axes: M the samples of a graph, P the pool, which comes first among them, C the classes, A the samples with an
answer, R the ends of runs of samples without one.

Source: Zhang, Katz-Samuels & Nowak, GALAXY: graph-based active learning at the extreme, ICML 2022, algorithm
2, and the authors' code (LabelBench). There, each sample is labelled before the next one is selected. Here
all answers to a question come together. Until then, a selected sample counts as labelled with its predicted
class.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from alframe.core.records import Labelled, PoolScores
from alframe.query.class_graphs import ClassGraphs, class_graphs
from alframe.query.clustering import one_thread
from alframe.query.pool_ranking import Subset


@dataclass(frozen=True, kw_only=True)
class Galaxy(Subset):
    """Asks samples half way between labels of a class and other labels. For classes of unequal size.

    For each sample to ask, a class is drawn at random. Its row has all samples, the most likely ones of the
    class first (`class_graphs`). The strategy takes the shortest run of unlabelled samples between a label of
    the class and another label, and asks the sample in its middle. If there is no such run, it asks the
    sample that is nearest to labels of both kinds. If there are labels of one kind only, it asks a random
    sample.

    Attributes:
        max_candidates: at least 1, the size of the random part of the pool that is looked at; None takes all.

    Source: Zhang, Katz-Samuels & Nowak, ICML 2022, algorithm 2.
    """

    needs: frozenset[str] = field(default=frozenset({"log_probs", "labelled_log_probs"}), init=False)

    @one_thread()
    def select(self, scores: PoolScores, labelled: Labelled, n: int, generator: torch.Generator) -> Tensor:
        """Return (min(n, P),) int64, the data-set indices to ask, in the order of the choice."""
        graphs = class_graphs(scores, labelled)
        n = min(n, len(scores))
        class_Q = torch.randint(max(1, graphs.log_probs_MC.shape[1]), (n,), generator=generator)
        return scores.index_P[bisections(graphs, class_Q.tolist(), scores.predicted_P, generator)]


def bisections(
    graphs: ClassGraphs, classes: list[int], answer_P: Tensor, generator: torch.Generator
) -> Tensor:
    """Return (len(classes),) int64 positions, in the order of the choice.

    Args:
        graphs: the rows of the classes. classes: the class whose row is used, for each sample to ask.
        answer_P: (P,) int64, the class that a sample counts as after it is selected.
        generator: draws a sample if the labels are of one kind only.
    """
    place_of = {k: _places(graphs.order(k)) for k in set(classes)}
    known_A = torch.cat([(graphs.label_M >= 0).nonzero().flatten(), torch.zeros(len(classes)).long()])
    label_M, n_known = graphs.label_M.clone(), len(known_A) - len(classes)
    for k in classes:
        order_M, place_M = place_of[k]
        place_A, by_place = place_M[known_A[:n_known]].sort()
        place = next_place(place_A, label_M[known_A[:n_known]][by_place] == k, len(label_M))
        if place is None:
            open_P = (label_M < 0).nonzero().flatten()
            position = int(open_P[torch.randint(len(open_P), (), generator=generator)])
        else:
            position = int(order_M[place])
        known_A[n_known], n_known = position, n_known + 1
        label_M[position] = answer_P[position]
    return known_A[len(known_A) - len(classes) :]


def _places(order_M: Tensor) -> tuple[Tensor, Tensor]:
    """Return a row and, for each position, its place in it."""
    place_M = torch.empty_like(order_M)
    place_M[order_M] = torch.arange(len(order_M))
    return order_M, place_M


def next_place(place_A: Tensor, of_class_A: Tensor, n_places: int) -> int | None:
    """Return the place to ask about, or None if all answers are of one kind.

    It is the middle of the shortest run of places without an answer between two answers of different kinds.
    If there is no such run, each free place beside an answer has a distance to the nearest answer of each
    kind, and the place whose larger distance is the smallest is returned. Ties go to the lowest place.

    Args:
        place_A: (A,) int64 in [0, n_places), ascending, the places with an answer; not all places.
        of_class_A: (A,) bool, True for an answer that names the class.

    >>> next_place(torch.tensor([0, 5, 8]), torch.tensor([True, True, False]), 10)
    6
    >>> next_place(torch.tensor([0, 5, 6]), torch.tensor([True, True, False]), 10)
    4
    """
    if len(place_A) == 0 or bool((of_class_A == of_class_A[0]).all()):
        return None
    n_between = place_A.diff() - 1
    n_between[(of_class_A[1:] == of_class_A[:-1]) | (n_between == 0)] = n_places
    shortest = int(n_between.argmin())
    if int(n_between[shortest]) < n_places:
        return int(place_A[shortest] + place_A[shortest + 1]) // 2
    ends_R = torch.cat([place_A - 1, place_A + 1])
    ends_R = ends_R[(ends_R >= 0) & (ends_R < n_places) & ~torch.isin(ends_R, place_A)].sort().values
    both = (_to_nearest(ends_R, place_A[of_class_A]), _to_nearest(ends_R, place_A[~of_class_A]))
    return int(ends_R[torch.maximum(*both).argmin()])


def _to_nearest(place_R: Tensor, place_A: Tensor) -> Tensor:
    """Return (R,) int64, the distance of each place to the nearest of `place_A`, which ascends."""
    after_R = torch.searchsorted(place_A, place_R)
    right_R = place_A[after_R.clamp_max(len(place_A) - 1)] - place_R
    left_R = place_R - place_A[(after_R - 1).clamp_min(0)]
    return torch.minimum(right_R.abs(), left_R.abs())
