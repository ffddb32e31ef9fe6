"""Greedy coverage by a kernel: each choice covers most of what no label and no earlier choice covers yet.

The coverage of a set L is sum_n w_n max_{l in L} k(x_n, x_l) with the kernel k = exp(-(d / h)^2), where d is
the distance and h the bandwidth. Only pairs that are closer than the first one's nearest label can gain
anything. They are few if there are labels: about P * P / (L + 1). They are found by one pass over all pairs
of samples, and gains are then exact without the P x P matrix.

Computed as gaps 1 - k, so that nothing is lost where all samples are close.

Axes: P the samples, S some of them, E the pairs of close samples, T some candidates, D the features.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from alframe.query.neighbours import close_pairs, float32_distances
from alframe.query.pool_ranking import highest

NEVER = 16.6  # exp(-16.6) is float32's precision: kernels below it count as 0
MOST_PAIRS = 2**23  # pairs in memory, each of 32 bytes while they are sorted
MATRIX = 2**26  # numbers of the matrix from which the first choices are made while there are more pairs
LOOKED_AT = 256  # samples whose pairs are counted
AT_ONCE = 64  # candidates whose gains are computed again at once


@dataclass(frozen=True, kw_only=True, eq=False)
class Coverage:
    """What is to be covered.

    Attributes:
        x_PD: (P, D) float32, near the origin.
        weight_P: (P,) float32 >= 0, what each sample counts.
        bandwidth: > 0, h.
    """

    x_PD: Tensor
    weight_P: Tensor
    bandwidth: float

    def gaps(self, squared: Tensor) -> Tensor:
        """Return 1 - exp(-squared / h^2), of the shape and type of the squared distances; 1 if infinite."""
        return (squared / -max(self.bandwidth**2, 1e-30)).expm1_().neg_()

    def greedy(self, squared_P: Tensor, n: int, generator: torch.Generator) -> Tensor:
        """Return (min(n, P),) int64 positions on the CPU, in the order of the choice.

        Ties go to the lowest position, but for rounding. When everything is covered, the rest is random.

        Args:
            squared_P: (P,) float32, the squared distance to the nearest label, infinite if there is none.
            n: how many.
            generator: draws the samples that the first choices are made for, and the rest.
        """
        n, limit_P = min(n, len(self.x_PD)), squared_P.clamp_max(NEVER * max(self.bandwidth**2, 1e-30))
        chosen, limit_P = self._while_many_are_close(limit_P, n, generator)
        if len(chosen) < n:
            chosen += self._by_pairs(limit_P, n - len(chosen), chosen)
        open_P = torch.ones(len(limit_P), dtype=torch.bool)
        open_P[chosen] = False
        rest = open_P.nonzero().flatten()
        rest = rest[torch.randperm(len(rest), generator=generator)[: n - len(chosen)]]
        return torch.cat([torch.tensor(chosen, dtype=torch.int64), rest])

    def _by_pairs(self, limit_P: Tensor, n: int, taken: list[int]) -> list[int]:
        """Return up to n positions with exact gains, fewer if everything is covered."""
        pairs = close_pairs(self.x_PD, limit_P)
        gap_P, weight_P = self.gaps(limit_P.cpu().double()), self.weight_P.cpu().double()
        gap_E = self.gaps(pairs.squared_E)
        covered_by, start_P = _starts(pairs.second_E, len(gap_P))
        _, own_P = _starts(pairs.first_E, len(gap_P))
        gain_P = torch.zeros(len(gap_P), dtype=torch.float64)
        for some_E in torch.arange(len(gap_E)).split(2**20):
            first_S = pairs.first_E[some_E]
            gain_S = weight_P[first_S] * (gap_P[first_S] - gap_E[some_E])
            gain_P.index_add_(0, pairs.second_E[some_E], gain_S)
        gain_P[taken] = 0
        chosen: list[int] = []
        least = float(gain_P.max()) * 1e-9
        while len(chosen) < n and float(gain_P.max()) > least:
            chosen.append(int(gain_P.argmax()))
            by_E = covered_by[start_P[chosen[-1]] : start_P[chosen[-1] + 1]]
            by_E = by_E[gap_E[by_E] < gap_P[pairs.first_E[by_E]]]
            first_S, new_S = pairs.first_E[by_E], gap_E[by_E].double()
            size_S = own_P[first_S + 1] - own_P[first_S]
            lost_E = _ranges(own_P[first_S], size_S)
            old_E = gap_P[first_S].repeat_interleave(size_S) - gap_E[lost_E]
            new_E = new_S.repeat_interleave(size_S) - gap_E[lost_E]
            lost = weight_P[first_S].repeat_interleave(size_S) * (old_E.clamp_min_(0) - new_E.clamp_min_(0))
            gain_P.index_add_(0, pairs.second_E[lost_E], lost, alpha=-1)
            gap_P[first_S] = new_S
            gain_P[chosen] = 0
        return chosen

    def _while_many_are_close(
        self, limit_P: Tensor, n: int, generator: torch.Generator
    ) -> tuple[list[int], Tensor]:
        """Return choices until the pairs fit into memory, and the limits after them.

        Their gains are those for a random part of the samples, as large as MATRIX allows.
        """
        n_samples, n_pairs = len(limit_P), len(limit_P) ** 2
        if n_pairs <= MOST_PAIRS:
            return [], limit_P
        some_S = torch.randperm(n_samples, generator=generator)[: MATRIX // n_samples].to(limit_P.device)
        few_S = some_S[:LOOKED_AT]
        close = float32_distances(self.x_PD[few_S], self.x_PD) < limit_P[few_S, None]
        if float(close.float().mean()) * n_pairs <= MOST_PAIRS:
            return [], limit_P
        gap_PS = torch.cat(
            [self.gaps(float32_distances(x, self.x_PD[some_S])) for x in self.x_PD.split(1024)]
        )
        gap_S, weight_S = self.gaps(limit_P[some_S]), self.weight_P[some_S]
        chosen: list[int] = []
        gain_P = torch.full_like(limit_P, torch.inf)
        while (
            len(chosen) < n
            and float((gap_PS[:, :LOOKED_AT] < gap_S[:LOOKED_AT]).float().mean()) * n_pairs > MOST_PAIRS
        ):
            chosen.append(_best(gain_P, gap_PS, gap_S, weight_S))
            gain_P[chosen] = -torch.inf
            torch.minimum(gap_S, gap_PS[chosen[-1]], out=gap_S)
            squared_P = float32_distances(self.x_PD, self.x_PD[chosen[-1], None])[:, 0]
            limit_P = torch.minimum(limit_P, squared_P)
        return chosen, limit_P


def _best(gain_P: Tensor, gap_PS: Tensor, gap_S: Tensor, weight_S: Tensor) -> int:
    """Return the position with the largest gain. Earlier gains bound present ones; some are updated here."""
    fresh_P = torch.zeros(len(gain_P), dtype=torch.bool, device=gain_P.device)
    while not bool(fresh_P[gain_P.argmax()]):
        top_T = highest(gain_P.masked_fill(fresh_P, -torch.inf).cpu(), AT_ONCE).to(gain_P.device)
        gain_P[top_T] = (gap_S - gap_PS[top_T]).clamp_min_(0) @ weight_S
        fresh_P[top_T] = True
    return int(gain_P.argmax())


def _starts(position_E: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """Return the order of the pairs by a position, and (n + 1,) where each position's pairs begin in it."""
    start = torch.zeros(n + 1, dtype=torch.int64)
    torch.cumsum(torch.bincount(position_E, minlength=n), dim=0, out=start[1:])
    return position_E.argsort(stable=True), start


def _ranges(start_S: Tensor, size_S: Tensor) -> Tensor:
    """Return start, start + 1, ... start + size - 1 of each, one after another.

    >>> _ranges(torch.tensor([5, 9]), torch.tensor([2, 3])).tolist()
    [5, 6, 9, 10, 11]
    """
    before_S = size_S.cumsum(0) - size_S
    return torch.arange(int(size_S.sum())) + (start_S - before_S).repeat_interleave(size_S)
