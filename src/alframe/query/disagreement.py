"""Queries by the disagreement of a committee: of several networks, or of one network with dropout.

Axes: P the pool, K the members, C the classes.

Sources: variation ratio, Freeman 1965; vote entropy, Dagan & Engelson, ICML 1995; BALD, Houlsby et al. 2011
(arXiv 1112.5745), with dropout as the committee: Gal, Islam & Ghahramani, ICML 2017.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from alframe.core.records import Labelled, PoolScores
from alframe.query.distances import blocks
from alframe.query.pool_ranking import Subset, finite, soonest


@dataclass(frozen=True, kw_only=True)
class VariationRatio(Subset):
    """Asks samples on whose class the fewest members agree: 1 - (votes of the class with most) / K.

    K members give at most K different values, so that many samples tie. Ties go to the least confident.

    Attributes:
        max_candidates: at least 1, the size of the random part of the pool that is looked at; None takes all.

    Source: Freeman, Elementary applied statistics, 1965.
    """

    needs: frozenset[str] = field(default=frozenset({"members"}), init=False)

    def select(self, scores: PoolScores, labelled: Labelled, n: int, generator: torch.Generator) -> Tensor:
        """Return (min(n, P),) int64, the data-set indices to ask."""
        return soonest(-variation_ratio(finite(scores, "members_PKC")), scores, n)


@dataclass(frozen=True, kw_only=True)
class VoteEntropy(Subset):
    """Asks samples with the largest entropy of the members' votes; ties go to the least confident.

    Attributes:
        max_candidates: at least 1, the size of the random part of the pool that is looked at; None takes all.

    Source: Dagan & Engelson, Committee-based sampling for training probabilistic classifiers, ICML 1995.
    """

    needs: frozenset[str] = field(default=frozenset({"members"}), init=False)

    def select(self, scores: PoolScores, labelled: Labelled, n: int, generator: torch.Generator) -> Tensor:
        """Return (min(n, P),) int64, the data-set indices to ask."""
        return soonest(-vote_entropy(finite(scores, "members_PKC")), scores, n)


@dataclass(frozen=True, kw_only=True)
class Bald(Subset):
    """Asks samples whose label carries most information about which member is right (BALD).

    The score is H[mean p] - mean H[p] over the members. Ties go to the least confident.

    Attributes:
        max_candidates: at least 1, the size of the random part of the pool that is looked at; None takes all.

    Source: Houlsby et al. 2011, arXiv 1112.5745; with dropout as the committee, Gal, Islam & Ghahramani, ICML
    2017.
    """

    needs: frozenset[str] = field(default=frozenset({"members"}), init=False)

    def select(self, scores: PoolScores, labelled: Labelled, n: int, generator: torch.Generator) -> Tensor:
        """Return (min(n, P),) int64, the data-set indices to ask."""
        return soonest(-bald(finite(scores, "members_PKC")), scores, n)


def votes(members_PKC: Tensor) -> Tensor:
    """Return (P, C) int64, how many members vote for each class; ties go to the lowest class."""
    n_pool, _, n_classes = members_PKC.shape
    votes_PC = torch.zeros(n_pool, n_classes, dtype=torch.int64)
    vote_PK = members_PKC.argmax(dim=2)
    return votes_PC.scatter_add_(1, vote_PK, torch.ones_like(vote_PK))


def variation_ratio(members_PKC: Tensor) -> Tensor:
    """Return (P,) float64 in [0, 1), the share of members that do not vote for the class with most votes.

    Args:
        members_PKC: (P, K, C) float, log-probabilities.

    >>> variation_ratio(torch.tensor([[[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.7, 0.3]]]).log()).tolist()
    [0.25]
    """
    if len(members_PKC) == 0:
        return torch.empty(0, dtype=torch.float64)
    return 1 - votes(members_PKC).amax(dim=1).double() / members_PKC.shape[1]


def vote_entropy(members_PKC: Tensor) -> Tensor:
    """Return (P,) float64 >= 0, nats: the entropy of the shares of the votes.

    Args:
        members_PKC: (P, K, C) float, log-probabilities.

    >>> round(vote_entropy(torch.tensor([[[0.9, 0.1], [0.2, 0.8]]]).log()).item(), 4)
    0.6931
    """
    if len(members_PKC) == 0:
        return torch.empty(0, dtype=torch.float64)
    # Sorted, so that the same counts for other classes give the same sum to the last bit.
    share_PC = votes(members_PKC).sort(dim=1).values.double() / members_PKC.shape[1]
    return -torch.xlogy(share_PC, share_PC).sum(dim=1)


def bald(members_PKC: Tensor) -> Tensor:
    """Return (P,) float64 >= 0, nats: H[mean p] - mean H[p] over the members.

    Computed in float64: if members agree, both terms are large and their difference is small.

    Args:
        members_PKC: (P, K, C) float, log-probabilities.

    Source: Houlsby et al. 2011; Gal, Islam & Ghahramani 2017.

    >>> round(bald(torch.tensor([[[1.0, 1e-9], [1e-9, 1.0]]]).log()).item(), 4)
    0.6931
    """
    bald_P = torch.zeros(len(members_PKC), dtype=torch.float64)
    for rows in blocks(len(members_PKC), members_PKC[:1].numel()):
        probs_BKC = members_PKC[rows].double().exp()
        mean_entropy_B = entropies(probs_BKC).mean(dim=1)
        bald_P[rows] = entropies(probs_BKC.mean(dim=1)) - mean_entropy_B
    return bald_P.clamp_min_(0)


def entropies(probs_C: Tensor) -> Tensor:
    """Return the entropies in nats of probabilities along the last axis, 0 * log 0 as 0."""
    return -torch.xlogy(probs_C, probs_C).sum(dim=-1)
