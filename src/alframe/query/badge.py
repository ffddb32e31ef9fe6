"""BADGE: queries that are uncertain and different from each other, by k-means++ on gradient embeddings.

The gradient of the cross-entropy of the predicted class y with respect to the last layer's weights is
g = a (x) h with a = p - onehot(y) and h the layer's input. Its C * D numbers are never written down:
<g_i, g_j> = <a_i, a_j> <h_i, h_j>, so squared distances take C + D numbers per sample.

Axes: P the pool, C the classes, D the features.

Source: Ash, Zhang, Krishnamurthy, Langford & Agarwal, BADGE, ICLR 2020, algorithm 1. The paper seeds
k-means++ as Arthur & Vassilvitskii 2007 do. Its published code takes the embedding with the largest norm as
the first centre instead of a random one; this module does the same.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from alframe.core.records import Labelled, PoolScores
from alframe.query.plus_plus import Embeddings, plus_plus
from alframe.query.pool_ranking import Subset, finite


@dataclass(frozen=True, kw_only=True)
class Badge(Subset):
    """Asks samples that are uncertain and different from each other, by k-means++ on gradient embeddings.

    Attributes:
        max_candidates: at least 1, the size of the random part of the pool that is looked at; None takes all.
        device: where distances are computed; the trial passes it.

    Source: Ash, Zhang, Krishnamurthy, Langford & Agarwal, BADGE, ICLR 2020, algorithm 1.
    """

    needs: frozenset[str] = field(default=frozenset({"log_probs", "features"}), init=False)

    def select(self, scores: PoolScores, labelled: Labelled, n: int, generator: torch.Generator) -> Tensor:
        """Return (min(n, P),) int64, the data-set indices to ask, in the order of the choice."""
        errors_PC = output_errors(
            finite(scores, "log_probs_PC"), scores.predicted_P, finite(scores, "log_odds_P")
        )
        features_PD = finite(scores, "features_PD").to(self.distance_device)
        errors_PC = errors_PC.to(self.distance_device)
        if len(scores) == 0:
            return scores.index_P
        embeddings = Embeddings.of(errors_PC, features_PD)
        return scores.index_P[plus_plus(embeddings, n, int(embeddings.norm_P.argmax()), generator)]


def output_errors(log_probs_PC: Tensor, predicted_P: Tensor, log_odds_P: Tensor) -> Tensor:
    """Return (P, C) float32, p - onehot(predicted), exact even if the top probability rounds to 1.

    >>> p = torch.tensor([[0.7, 0.2, 0.1]])
    >>> output_errors(p.log(), torch.tensor([0]), torch.tensor([0.7]).logit()).mul(10).round().tolist()
    [[-3.0, 2.0, 1.0]]
    """
    errors_PC = log_probs_PC.exp()
    return errors_PC.scatter_(1, predicted_P[:, None], -torch.sigmoid(-log_odds_P)[:, None])
