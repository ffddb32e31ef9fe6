"""ProbCover: queries that cover the pool with balls, for trials with few labels.

Axes: P the pool (its candidates), O those that no label covers, L the labelled, D the features, J the samples
whose balls decide the radius, B and R blocks of the samples.

Source: Yehuda, Dekel, Hacohen & Weinshall, Active learning through a covering lens, NeurIPS 2022, algorithm 1
(ProbCover) and its choice of the radius. There the features are those of a network trained without labels.
Here they are the input of the last layer of the round's classifier, so the radius is chosen anew each round.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from alframe.core.records import Labelled, PoolScores
from alframe.query.clustering import k_means
from alframe.query.distances import (
    ROUNDING_32,
    directions,
    middle,
    nearest,
    square_norms,
    squared_distances,
)
from alframe.query.neighbours import half_blocks
from alframe.query.pool_ranking import Subset, finite

MAX_GRAPH = 2**16  # samples in the graph, which has a byte for each pair: at most 4 GB
JUDGED = 2048  # random samples whose balls decide the radius, each compared with all candidates


@dataclass(frozen=True, kw_only=True)
class ProbCover(Subset):
    """Asks samples whose balls cover most of the pool outside the balls of labelled samples. For few labels.

    Attributes:
        max_candidates: at least 1, the size of the random part of the pool that is looked at. It is 65,536 at
            most, and if it is None, because the graph has a byte for each pair of candidates.
        purity: in (0, 1); all balls have the largest radius at which this share of them is pure, that is,
            without a sample of another k-means cluster. k is the number of classes among the labels and the
            predictions; no truth is used.
        device: where distances are computed; the trial passes it.

    Source: Yehuda, Dekel, Hacohen & Weinshall, Active learning through a covering lens, NeurIPS 2022,
    algorithm 1.
    """

    purity: float
    needs: frozenset[str] = field(default=frozenset({"features", "labelled_features"}), init=False)

    def candidates(self, scores: PoolScores, n: int, generator: torch.Generator) -> Tensor:
        """Return int64 data-set indices, a random part of the pool whose graph fits into memory."""
        most = Subset(max_candidates=min(self.max_candidates or MAX_GRAPH, MAX_GRAPH))
        return most.candidates(scores, n, generator)

    def select(self, scores: PoolScores, labelled: Labelled, n: int, generator: torch.Generator) -> Tensor:
        """Return (min(n, P),) int64, the data-set indices to ask, in the order of the choice."""
        features_PD = directions(finite(scores, "features_PD"))
        labelled_LD = directions(finite(labelled, "features_LD"))
        if len(scores) == 0 or n == 0:
            return scores.index_P[:0]
        n_classes = len(torch.cat([labelled.label_L, scores.predicted_P]).unique())
        pseudo_P = k_means(features_PD, n_classes, generator)
        features_PD, labelled_LD = features_PD.to(self.distance_device), labelled_LD.to(self.distance_device)
        radius = largest_pure_radius(features_PD, pseudo_P, self.purity, generator)
        covered_P = nearest(features_PD, labelled_LD) < radius
        order_P, n_open = covered_P.byte().argsort(stable=True), int((~covered_P).sum())
        graph_OP = ball_graph(features_PD, radius, order_P, n_open)
        return scores.index_P[greedy_cover(graph_OP, order_P, n, generator)]


def largest_pure_radius(
    features_PD: Tensor, pseudo_P: Tensor, purity: float, generator: torch.Generator
) -> float:
    """Return the largest squared radius at which a share `purity` of the balls is pure.

    An open ball is pure if its radius is at most the distance to the nearest sample of another cluster, so
    the radius is a quantile of those distances, over at most JUDGED random samples. It is infinite if there
    is a single cluster.

    Args:
        features_PD: (P, D) float, P > 0. pseudo_P: (P,) int64, the clusters. purity: in (0, 1).
    """
    judged_J = torch.randperm(len(features_PD), generator=generator)[:JUDGED]
    pseudo_P = pseudo_P.to(features_PD.device)
    groups = (pseudo_P[judged_J], pseudo_P)
    distances = nearest(features_PD[judged_J], features_PD, groups).sort().values
    return float(distances[impure_at_most(len(distances), purity)])


def impure_at_most(n_balls: int, purity: float) -> int:
    """Return how many of the balls may be impure, at most n_balls - 1.

    >>> impure_at_most(100, 0.95), impure_at_most(19, 0.95), impure_at_most(1, 0.95)
    (5, 0, 0)
    """
    return min(n_balls - 1, int(n_balls * (1 - purity) + 1e-9))


def ball_graph(features_PD: Tensor, radius: float, order_P: Tensor, n_open: int) -> Tensor:
    """Return (O, P) bool, True where the squared distance is below `radius`, and for a sample and itself.

    Distances are computed in float32, and those so near to the radius that rounding decides again in float64.

    Args:
        features_PD: (P, D) float64. radius: >= 0, squared.
        order_P: (P,) int64, all positions in the order of the columns. Those of the rows come first.
        n_open: O, the number of rows.
    """
    middle_D = middle(features_PD)
    x_PD = torch.cat([(features_PD[part] - middle_D).float() for part in order_P.split(4096)])
    graph_OP = torch.empty(n_open, len(x_PD), dtype=torch.bool, device=features_PD.device)
    unsure = 2 * ROUNDING_32 * float(square_norms(x_PD).max())
    for rows, columns, squared_BR in half_blocks(x_PD, n_open):
        near_BR = squared_BR < radius
        first, second = (squared_BR.sub_(radius).abs_() <= unsure).nonzero().T
        rows_BD, columns_RD = features_PD[order_P[rows]], features_PD[order_P[columns]]
        if len(first) > near_BR.numel() // 64:
            near_BR = squared_distances(rows_BD, columns_RD) < radius
        else:
            near_BR[first, second] = square_norms(rows_BD[first] - columns_RD[second]) < radius
        graph_OP[rows, columns] = near_BR
        graph_OP[columns, rows] = near_BR.T[: len(graph_OP[columns])]
    graph_OP.diagonal().fill_(True)
    return graph_OP


def greedy_cover(graph_OP: Tensor, order_P: Tensor, n: int, generator: torch.Generator) -> Tensor:
    """Return (min(n, P),) int64 positions on the CPU; each covers most of the samples not yet covered.

    When all samples are covered, the rest is random, because all samples then have the same coverage. Ties go
    to the lowest position. Each row of the graph is read once, when its sample is covered.

    Args:
        graph_OP: (O, P) bool, which samples cover each of the samples that no label covers.
        order_P: (P,) int64, the positions of the columns. n: how many.
    """
    n, open_O = min(n, len(order_P)), torch.ones(len(graph_OP), dtype=torch.bool, device=graph_OP.device)
    gain_P = torch.zeros(len(order_P), dtype=torch.int64, device=graph_OP.device)
    for rows_BP in graph_OP.split(1024):
        gain_P[order_P] += rows_BP.sum(dim=0)
    column_P = order_P.argsort()
    chosen: list[int] = []
    while len(chosen) < n and int(gain_P.max()) > 0:
        chosen.append(int(gain_P.argmax()))
        newly = (graph_OP[:, column_P[chosen[-1]]] & open_O).nonzero().flatten()
        open_O[newly] = False
        for rows in newly.split(1024):
            gain_P[order_P] -= graph_OP[rows].sum(dim=0)
    left_P = torch.ones(len(order_P), dtype=torch.bool)
    left_P[chosen] = False
    rest_P = left_P.nonzero().flatten()
    rest_P = rest_P[torch.randperm(len(rest_P), generator=generator)[: n - len(chosen)]]
    return torch.cat([torch.tensor(chosen, dtype=torch.int64), rest_P])
