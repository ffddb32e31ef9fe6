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
        gains = _ExactGains(self, limit_P)
        gains.gain_P[taken] = 0
        chosen: list[int] = []
        least = float(gains.gain_P.max()) * 1e-9
        while len(chosen) < n and float(gains.gain_P.max()) > least:
            chosen.append(int(gains.gain_P.argmax()))
            gains.cover(chosen[-1])
            gains.gain_P[chosen] = 0
        return chosen

    def _while_many_are_close(
        self, limit_P: Tensor, n: int, generator: torch.Generator
    ) -> tuple[list[int], Tensor]:
        """Return choices until the pairs fit into memory, and the limits after them."""
        n_samples = len(limit_P)
        if n_samples**2 <= MOST_PAIRS:
            return [], limit_P
        some_S = torch.randperm(n_samples, generator=generator)[: MATRIX // n_samples].to(limit_P.device)
        few_S = some_S[:LOOKED_AT]
        close = float32_distances(self.x_PD[few_S], self.x_PD) < limit_P[few_S, None]
        return self._by_part(limit_P, some_S, n) if _are_many(close, n_samples) else ([], limit_P)

    def _by_part(self, limit_P: Tensor, some_S: Tensor, n: int) -> tuple[list[int], Tensor]:
        """Return choices by their gains for some samples until the pairs fit, and the limits after them.

        Args:
            some_S: int64, positions of random samples, as many as MATRIX allows.
        """
        gap_PS = torch.cat(
            [self.gaps(float32_distances(x, self.x_PD[some_S])) for x in self.x_PD.split(1024)]
        )
        gap_S, weight_S = self.gaps(limit_P[some_S]), self.weight_P[some_S]
        chosen: list[int] = []
        gain_P = torch.full_like(limit_P, torch.inf)
        while len(chosen) < n and _are_many(gap_PS[:, :LOOKED_AT] < gap_S[:LOOKED_AT], len(limit_P)):
            chosen.append(_best(gain_P, gap_PS, gap_S, weight_S))
            gain_P[chosen] = -torch.inf
            torch.minimum(gap_S, gap_PS[chosen[-1]], out=gap_S)
            squared_P = float32_distances(self.x_PD, self.x_PD[chosen[-1], None])[:, 0]
            limit_P = torch.minimum(limit_P, squared_P)
        return chosen, limit_P


class _ExactGains:
    """The gain of each sample, from the pairs of close samples.

    Attributes:
        gain_P: (P,) float64 on the CPU, what each sample would add to the coverage.
    """

    def __init__(self, coverage: Coverage, limit_P: Tensor) -> None:
        """Find the pairs that are closer than the limits, (P,) float32, squared distances."""
        pairs = close_pairs(coverage.x_PD, limit_P)
        self._first_E, self._second_E = pairs.first_E, pairs.second_E
        self._gap_E = coverage.gaps(pairs.squared_E)
        self._gap_P = coverage.gaps(limit_P.cpu().double())
        self._weight_P = coverage.weight_P.cpu().double()
        self._covered_by, self._start_P = _starts(self._second_E, len(limit_P))
        _, self._own_P = _starts(self._first_E, len(limit_P))
        self.gain_P = torch.zeros(len(limit_P), dtype=torch.float64)
        for some_E in torch.arange(len(self._gap_E)).split(2**20):
            first_S = self._first_E[some_E]
            gain_S = self._weight_P[first_S] * (self._gap_P[first_S] - self._gap_E[some_E])
            self.gain_P.index_add_(0, self._second_E[some_E], gain_S)

    def cover(self, position: int) -> None:
        """Choose a sample: lower the gaps of those that it covers, and the gains of all that cover these."""
        by_E = self._covered_by[self._start_P[position] : self._start_P[position + 1]]
        by_E = by_E[self._gap_E[by_E] < self._gap_P[self._first_E[by_E]]]
        first_S, new_S = self._first_E[by_E], self._gap_E[by_E].double()
        size_S = self._own_P[first_S + 1] - self._own_P[first_S]
        lost_E = _ranges(self._own_P[first_S], size_S)
        old_E, new_E = (
            (gap_S.repeat_interleave(size_S) - self._gap_E[lost_E]).clamp_min_(0)
            for gap_S in (self._gap_P[first_S], new_S)
        )
        lost = self._weight_P[first_S].repeat_interleave(size_S) * (old_E - new_E)
        self.gain_P.index_add_(0, self._second_E[lost_E], lost, alpha=-1)
        self._gap_P[first_S] = new_S


def _are_many(close: Tensor, n_samples: int) -> bool:
    """Return True if the close pairs do not fit into memory; `close`, bool, tells which of some are."""
    return float(close.float().mean()) * n_samples**2 > MOST_PAIRS


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
