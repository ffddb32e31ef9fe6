"""BatchBALD: queries whose labels together carry most information about which committee member is right.

Greedy: each sample is the one that adds most to I(y_1, ..., y_b; member), which is at least 1 - 1/e of the
best batch's, since the mutual information is submodular. Adding x to the batch A gains

    H[y_x | y_A] - mean_k H[y_x | k]     with  H[y_x | y_A] = sum_s p(y_A = s) H[p(y_x | y_A = s)].

All C^b configurations s of a batch's labels are used while there are at most `configurations`. For longer
batches, `configurations` of them are drawn from their joint distribution, as published. Only the first
`joint` samples are chosen jointly and the rest as by `power_bald`: in a longer batch too few configurations
estimate the conditional entropies, and a committee of K members carries at most log K nats of information.

Axes: P the pool, K the members, C the classes, S the configurations of the labels of the batch so far, B a
block.

Source: Kirsch, van Amersfoort & Gal, BatchBALD, NeurIPS 2019. A sample's gain can only shrink as the batch
grows, so an old gain bounds the new one from above: "lazy" greedy, Minoux 1978.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from alframe.core.records import Labelled, PoolScores
from alframe.query.disagreement import bald, entropies
from alframe.query.pool_ranking import Subset, finite
from alframe.query.power import power_draw

BLOCK = 2**20  # probabilities of one block of candidates at once: 8 MB in float64


@dataclass(frozen=True, kw_only=True)
class BatchBald(Subset):
    """Asks samples whose labels together carry most information about which committee member is right.

    Attributes:
        max_candidates: at least 1, the size of the random part of the pool that is looked at; None takes all.
        joint: at least 1, how many samples are chosen jointly; the rest are drawn as by `PowerBald`.
        configurations: at least 1, how many configurations of the batch's labels are used: all of them while
            there are no more, otherwise a draw from their joint distribution.
        beta: at least 0, the power for the rest, as in `PowerBald`.

    Source: Kirsch, van Amersfoort & Gal, BatchBALD, NeurIPS 2019, algorithm 1.
    """

    joint: int
    configurations: int
    beta: float
    needs: frozenset[str] = field(default=frozenset({"members"}), init=False)

    def select(self, scores: PoolScores, labelled: Labelled, n: int, generator: torch.Generator) -> Tensor:
        """Return (min(n, P),) int64, the data-set indices to ask: the jointly chosen first, in order."""
        members_PKC = finite(scores, "members_PKC")
        bald_P = bald(members_PKC)
        n_joint = min(n, self.joint, len(scores))
        joint_Q = greedy_batch(members_PKC, bald_P, n_joint, self.configurations, generator)
        left_P = torch.ones(len(scores), dtype=torch.bool)
        left_P[joint_Q] = False
        rest_P = left_P.nonzero().flatten()
        rest_Q = rest_P[power_draw(bald_P[rest_P].log(), n - n_joint, self.beta, generator)]
        return scores.index_P[torch.cat([joint_Q, rest_Q])]


class Joint:
    """The configurations s of the labels of a batch.

    Attributes:
        log_likelihood_SK: float64, log p(y_A = s | member k), up to a constant per configuration.
        probability_S: float64, adds up to 1.
    """

    def __init__(self, n_members: int) -> None:
        """Begin with the one configuration of no labels."""
        self.log_likelihood_SK = torch.zeros(1, n_members, dtype=torch.float64)
        self.probability_S = torch.ones(1, dtype=torch.float64)

    def conditional_entropies(self, probs_BKC: Tensor) -> Tensor:
        """Return (B,) float64, H[y_x | y_A] for each x of a block of probabilities (B, K, C)."""
        posterior_SK = self.log_likelihood_SK.softmax(dim=1)
        n_block, n_members, n_classes = probs_BKC.shape
        columns_KX = probs_BKC.transpose(0, 1).reshape(n_members, n_block * n_classes)
        total_B = torch.zeros(n_block, dtype=torch.float64)
        for part in torch.arange(len(posterior_SK)).split(max(1, BLOCK // max(1, columns_KX.shape[1]))):
            probs_SX = posterior_SK[part] @ columns_KX
            entropy_SB = entropies(probs_SX.reshape(len(part), n_block, n_classes))
            total_B += self.probability_S[part] @ entropy_SB
        return total_B

    def add(self, log_probs_KC: Tensor, most: int, generator: torch.Generator) -> None:
        """Add a sample to the batch; if that makes more than `most` configurations, draw `most` of them."""
        n_configurations, n_members = self.log_likelihood_SK.shape
        log_probs_CK = log_probs_KC.double().T
        given_SC = self.log_likelihood_SK.softmax(dim=1) @ log_probs_CK.exp().T
        grown_SCK = self.log_likelihood_SK[:, None, :] + log_probs_CK[None]
        probability_SC = self.probability_S[:, None] * given_SC
        self.log_likelihood_SK = grown_SCK.reshape(n_configurations * len(log_probs_CK), n_members)
        self.probability_S = probability_SC.flatten() / probability_SC.sum()
        if len(self.probability_S) > most:
            drawn = stratified_draw(self.probability_S, most, generator)
            self.log_likelihood_SK = self.log_likelihood_SK[drawn]
            self.probability_S = torch.full((most,), 1 / most, dtype=torch.float64)


def greedy_batch(
    members_PKC: Tensor, bald_P: Tensor, n: int, configurations: int, generator: torch.Generator
) -> Tensor:
    """Return (n,) int64 positions, in the order of the choice.

    Args:
        members_PKC: (P, K, C) float, log-probabilities. bald_P: (P,) float64, their BALD scores.
        n: at most P. configurations: at least 1, as in `BatchBald`. generator: draws configurations.
    """
    bound_P = bald_P.clone()
    batch: list[int] = []
    joint = Joint(members_PKC.shape[1] if members_PKC.dim() == 3 else 1)
    for _ in range(n):
        position = _largest_gain(members_PKC, bound_P, joint, first=not batch)
        batch.append(position)
        bound_P[position] = -torch.inf
        if len(batch) < n:
            joint.add(members_PKC[position], configurations, generator)
    return torch.tensor(batch, dtype=torch.int64)


def _largest_gain(members_PKC: Tensor, bound_P: Tensor, joint: Joint, *, first: bool) -> int:
    """Return the position with the largest gain; lower the bounds of the samples that were looked at."""
    if first:
        return int(bound_P.argmax())
    best, best_position = -1.0, -1
    for part in bound_P.argsort(descending=True, stable=True).split(_block(members_PKC, joint)):
        open_part = part[bound_P[part] > -torch.inf]
        if len(open_part) == 0 or bound_P[open_part[0]] <= best:
            break
        gain_B = information_gain(members_PKC[open_part], joint)
        bound_P[open_part] = torch.minimum(bound_P[open_part], gain_B)
        top = open_part[bound_P[open_part].argmax()]
        if float(bound_P[top]) > best:
            best, best_position = float(bound_P[top]), int(top)
    return best_position


def _block(members_PKC: Tensor, joint: Joint) -> int:
    """Return how many candidates to look at together: few, since few are needed in most cases."""
    return max(64, BLOCK // (len(joint.probability_S) * members_PKC.shape[2]))


def information_gain(members_BKC: Tensor, joint: Joint) -> Tensor:
    """Return (B,) float64 >= 0, nats: how much each sample adds to the mutual information."""
    probs_BKC = members_BKC.double().exp()
    mean_entropy_B = entropies(probs_BKC).mean(dim=1)
    return (joint.conditional_entropies(probs_BKC) - mean_entropy_B).clamp_min_(0)


def stratified_draw(probability_S: Tensor, n: int, generator: torch.Generator) -> Tensor:
    """Return (n,) int64 positions drawn with these probabilities, one from each n-th of their sum.

    The draws within the n-ths are independent. If all probabilities are 1/n, each position is drawn once.

    >>> stratified_draw(torch.tensor([0.25, 0.75]), 4, torch.Generator().manual_seed(0)).tolist()
    [0, 1, 1, 1]
    """
    within_n = torch.rand(n, dtype=torch.float64, generator=generator)
    points_n = (torch.arange(n, dtype=torch.float64) + within_n) / n
    upto_S = probability_S.double().cumsum(0)
    return torch.searchsorted(upto_S / upto_S[-1], points_n, right=True).clamp_max(len(probability_S) - 1)
