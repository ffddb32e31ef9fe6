"""MaxHerding and UHerding: queries that cover the pool, or what is uncertain of it, by a smooth kernel.

Axes: P the pool (its candidates), L the labelled, D the features, B and R blocks of the labelled.

Sources: Bae, Noh & Sutherland, Generalized coverage for more robust low-budget active learning, ECCV 2024
(arXiv 2407.12212), algorithm 1 (MaxHerding); Bae, Oliveira & Sutherland, Uncertainty herding, ICLR 2025
(arXiv 2412.20644). As in the authors' code (BorealisAI/uherding), features are divided by their norms, the
kernel is exp(-(d / bandwidth)^2), the candidates are a random part of a large pool, and the uncertainty
belongs to the sample that is covered. There, features are those of a network that was trained without labels.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from alframe.core.records import Labelled, PoolScores
from alframe.query.coverage import Coverage
from alframe.query.distances import LOOKED_AT, ROUNDING_32, directions, middle, square_norms
from alframe.query.neighbours import half_blocks, nearest_squares
from alframe.query.pool_ranking import Subset, finite
from alframe.query.power import log_closeness


@dataclass(frozen=True, kw_only=True)
class _Herding(Subset):
    bandwidth: float

    def select(self, scores: PoolScores, labelled: Labelled, n: int, generator: torch.Generator) -> Tensor:
        """Return (min(n, P),) int64, the data-set indices to ask, in the order of the choice."""
        features_PD, features_LD = finite(scores, "features_PD"), finite(labelled, "features_LD")
        weight_P = self._weight(scores)
        if len(scores) == 0 or n == 0:
            return scores.index_P[:0]
        every = -(-len(scores) // LOOKED_AT)
        middle_D = middle(directions(features_PD[::every]))
        x_PD, y_LD = (
            torch.cat(
                [(directions(part) - middle_D).float().to(self.distance_device) for part in x.split(4096)]
            )
            for x in (features_PD, features_LD.reshape(-1, features_PD.shape[1]))
        )
        bandwidth = self._bandwidth(y_LD[labelled.hand_L.to(y_LD.device)])
        coverage = Coverage(x_PD=x_PD, weight_P=weight_P.float().to(x_PD.device), bandwidth=bandwidth)
        return scores.index_P[coverage.greedy(nearest_squares(x_PD, y_LD), n, generator)]

    def _weight(self, scores: PoolScores) -> Tensor:
        return torch.ones(len(scores))

    def _bandwidth(self, hand_HD: Tensor) -> float:
        return self.bandwidth


@dataclass(frozen=True, kw_only=True)
class MaxHerding(_Herding):
    """Asks samples that cover most of the pool by a smooth kernel, where labels do not. For few labels.

    The coverage is mean_n max_{l in L} k(x_n, x_l), with the kernel k(x, y) = exp(-|x - y|^2 / bandwidth^2)
    of features of norm 1. L are the labelled and the asked samples; auto-labels count as labelled.

    Attributes:
        max_candidates: at least 1, the size of the random part of the pool that is looked at, both to be
            asked and to be covered; None takes all.
        bandwidth: above 0, the distance at which the kernel is 1 / e; two features are at most 2 apart.
        device: where distances are computed; the trial passes it.

    Source: Bae, Noh & Sutherland, Generalized coverage for more robust low-budget active learning, ECCV 2024,
    algorithm 1.
    """

    needs: frozenset[str] = field(default=frozenset({"features", "labelled_features"}), init=False)


@dataclass(frozen=True, kw_only=True)
class UHerding(_Herding):
    """Asks samples that cover most of what is uncertain: MaxHerding, each covered sample weighted.

    The weight is 1 - (p_1st - p_2nd) of the sample that is covered, not of the one that is asked. The
    bandwidth is the smallest distance between two hand labels that differ. So it shrinks as labels are added,
    and the choice comes closer to that of `margin`.

    Attributes:
        max_candidates: as for `MaxHerding`.
        bandwidth: above 0, the bandwidth while there are no two different hand labels.
        device: where distances are computed; the trial passes it.

    Source: Bae, Oliveira & Sutherland, Uncertainty herding: one active learning method for all label budgets,
    ICLR 2025.
    """

    needs: frozenset[str] = field(default=frozenset({"margin", "features", "labelled_features"}), init=False)

    def _weight(self, scores: PoolScores) -> Tensor:
        log_P = log_closeness(finite(scores, "log_odds_P"), finite(scores, "margin_P"))
        # Relative to the largest, so that a classifier that is sure of everything still makes a difference.
        return log_P.sub(log_P.max()).exp() if len(log_P) else log_P

    def _bandwidth(self, hand_HD: Tensor) -> float:
        smallest = smallest_distance(hand_HD)
        return self.bandwidth if smallest == torch.inf else smallest


def smallest_distance(x_LD: Tensor) -> float:
    """Return the smallest distance above 0 between two rows, infinite if there is none.

    >>> smallest_distance(torch.tensor([[0.0], [3.0], [3.0], [5.0]]))
    2.0
    """
    norm_L, smallest = square_norms(x_LD), torch.inf
    for rows, columns, squared_BR in half_blocks(x_LD):
        equal_BR = squared_BR <= ROUNDING_32 * (norm_L[rows, None] + norm_L[columns])
        smallest = min(smallest, float(squared_BR.masked_fill_(equal_BR, torch.inf).amin()))
    return smallest**0.5
