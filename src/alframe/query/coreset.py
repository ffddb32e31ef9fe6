"""Core-set: each query is the sample that is farthest from all labelled and all asked samples.

Axes: P the pool, L the labelled, D the features, T the samples at the top of the pool.

Source: Sener & Savarese, Active learning for convolutional neural networks: a core-set approach, ICLR 2018,
algorithm 1 (k-center greedy; without the mixed integer program of algorithm 2). Features are the input of the
classifier's last layer, as there.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from alframe.core.records import Labelled, PoolScores
from alframe.query.distances import middle, nearest, square_norms, without_rounding
from alframe.query.pool_ranking import Subset, finite, highest

TOP = 512  # samples whose distances are updated after every choice


@dataclass(frozen=True, kw_only=True)
class Coreset(Subset):
    """Asks the sample that is farthest, in features, from all labelled and all asked samples.

    Auto-labels count as labelled.

    Attributes:
        max_candidates: at least 1, the size of the random part of the pool that is looked at; None takes all.
        device: where distances are computed; the trial passes it.

    Source: Sener & Savarese, Active learning for convolutional neural networks: a core-set approach, ICLR
    2018, algorithm 1 (k-center greedy).
    """

    needs: frozenset[str] = field(default=frozenset({"features", "labelled_features"}), init=False)

    def select(self, scores: PoolScores, labelled: Labelled, n: int, generator: torch.Generator) -> Tensor:
        """Return (min(n, P),) int64, the data-set indices to ask, in the order of the choice.

        If nothing is labelled, the first is random.
        """
        features_PD = finite(scores, "features_PD").to(self.distance_device)
        labelled_LD = finite(labelled, "features_LD").to(self.distance_device)
        if len(scores) and len(labelled_LD) == 0:
            first = torch.randint(len(scores), (1,), generator=generator)
            distance_P = nearest(features_PD, features_PD[first])
            distance_P[first] = torch.inf
        else:
            distance_P = nearest(features_PD, labelled_LD)
        return scores.index_P[farthest_first(features_PD, distance_P, n)]


def farthest_first(features_PD: Tensor, distance_P: Tensor, n: int) -> Tensor:
    """Return (min(n, P),) int64 positions on the CPU, in the order of the choice.

    Distances only shrink as samples are chosen, so an old distance bounds the new one from above. The TOP
    farthest samples are updated after every choice. As long as the farthest of them is at least as far as the
    old distances of the others, it is the farthest of all. The others are updated by one product for many
    choices.

    Args:
        features_PD: (P, D) float, finite.
        distance_P: (P,) squared distance to the nearest labelled sample, infinite if there is none.
        n: how many. Ties go to the lowest position.
    """
    distance_P, chosen = distance_P.clone(), torch.empty(0, dtype=torch.int64, device=distance_P.device)
    n = min(n, len(features_PD))
    while len(chosen) < n:
        new = _choose_from_top(features_PD, distance_P, n - len(chosen))
        chosen = torch.cat([chosen, new])
        distance_P = torch.minimum(distance_P, nearest(features_PD, features_PD[new]))
        distance_P[chosen] = -1.0
    return chosen.cpu()


def _choose_from_top(features_PD: Tensor, distance_P: Tensor, n: int) -> Tensor:
    """Return the next 1 to n choices, as positions."""
    top_T = highest(distance_P.cpu(), TOP + 1).to(distance_P.device)
    # Positions ascend, so that ties go to the lowest; the first one below the top bounds all others.
    bound = float(distance_P[top_T[-1]]) if len(top_T) > TOP else -torch.inf
    top_T = top_T[:TOP].sort().values
    apart_TD, distance_T = features_PD[top_T].double() - middle(features_PD[top_T]), distance_P[top_T]
    norm_T = square_norms(apart_TD)
    chosen: list[int] = []
    while len(chosen) < min(n, len(top_T)):
        farthest = int(distance_T.argmax())
        if chosen and float(distance_T[farthest]) <= bound:
            break
        chosen.append(farthest)
        norms_T = norm_T + norm_T[farthest]
        new_T = torch.addmv(norms_T, apart_TD, apart_TD[farthest], alpha=-2)
        distance_T = torch.minimum(distance_T, without_rounding(new_T, norms_T))
        distance_T[chosen] = -1.0
    return top_T[torch.tensor(chosen, device=top_T.device)]
