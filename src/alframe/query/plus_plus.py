"""K-means++: draws with squared distances to the nearest drawn sample as odds.

The samples are embeddings g = a (x) h of C * D numbers, which are never written down:
<g_i, g_j> = <a_i, a_j> <h_i, h_j>, so squared distances take C + D numbers per sample.

Axes: P the samples, C and D the two factors of an embedding, B a block, N the newest draws.

Source: Arthur & Vassilvitskii, k-means++, SODA 2007.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from alframe.query.distances import square_norms, without_rounding

PENDING = 128  # draws after which all distances are updated by one product
REJECTED = 8  # they are updated too if this many more draws are rejected than kept
PART = 4096  # samples whose distances are computed at once


@dataclass(frozen=True, eq=False)
class Embeddings:
    """Embeddings a (x) h.

    Attributes:
        factor_PC: (P, C) float, a. factor_PD: (P, D) float, h, on the same device.
        norm_P: (P,) float64, the squared norms.
    """

    factor_PC: Tensor
    factor_PD: Tensor
    norm_P: Tensor

    @classmethod
    def of(cls, factor_PC: Tensor, factor_PD: Tensor) -> "Embeddings":
        """Return the embeddings with their norms."""
        parts = zip(factor_PC.split(PART), factor_PD.split(PART), strict=True)
        norms = [square_norms(a_BC.double()) * square_norms(h_BD.double()) for a_BC, h_BD in parts]
        return cls(factor_PC, factor_PD, torch.cat(norms))

    def squared_distances(self, rows: slice | list[int], to: list[int]) -> Tensor:
        """Return (rows, to) float64, in float64, since differences may be small against the norms."""
        inner_BN = self.factor_PC[rows].double() @ self.factor_PC[to].double().T
        inner_BN *= self.factor_PD[rows].double() @ self.factor_PD[to].double().T
        norms_BN = self.norm_P[rows, None] + self.norm_P[to]
        return without_rounding(norms_BN - 2 * inner_BN, norms_BN)


def plus_plus(embeddings: Embeddings, n: int, first: int, generator: torch.Generator) -> Tensor:
    """Return (min(n, P),) int64 positions on the CPU: `first`, then draws with squared distances as odds.

    If every remaining embedding equals a drawn one, the rest is drawn uniformly.

    Distances only shrink as samples are drawn. So a sample is drawn with odds of an earlier time, and kept
    with probability distance / earlier distance. That is a draw with the present odds. All distances are
    updated by one product for many draws, in a tenth of the time of one product for each draw.

    Args:
        embeddings: P > 0 of them. n: how many. first: the first position.
        generator: two float64 draws for each sample that is kept or rejected. The first one becomes a sample
            by the cumulated squared distances in the order of the pool.
    """
    n, distance_P = min(n, len(embeddings.norm_P)), torch.full_like(embeddings.norm_P, torch.inf)
    chosen, new = [first], [first]
    while new and len(chosen) < n:
        for start in range(0, len(distance_P), PART):
            rows = slice(start, start + PART)
            nearest_B = embeddings.squared_distances(rows, new).amin(dim=1)
            torch.minimum(distance_P[rows], nearest_B, out=distance_P[rows])
        distance_P[chosen] = 0
        new = _drawn_until_stale(embeddings, distance_P, n - len(chosen), generator)
        chosen += new
    rest = torch.ones(len(distance_P), dtype=torch.bool).index_fill_(0, torch.tensor(chosen), False).nonzero()
    uniform = torch.randperm(len(rest), generator=generator)[: max(0, n - len(chosen))]
    return torch.cat([torch.tensor(chosen[:n], dtype=torch.int64), rest[uniform, 0]])


def _drawn_until_stale(
    embeddings: Embeddings, distance_P: Tensor, n: int, generator: torch.Generator
) -> list[int]:
    """Return the next 1 to n draws, none if all distances are 0.

    Args:
        distance_P: (P,) float64, squared distances to the nearest of the samples that were drawn before.
    """
    upto_P = distance_P.cumsum(0)
    drawn: list[int] = []
    rejected = 0
    while float(upto_P[-1]) > 0 and len(drawn) < min(n, PENDING) and rejected < len(drawn) + REJECTED:
        draw, keep = torch.rand(2, dtype=torch.float64, generator=generator).tolist()
        position = _drawn(distance_P, upto_P, draw)
        present = [float(distance_P[position])]
        if drawn:
            present.append(float(embeddings.squared_distances([position], drawn).amin()))
        if position not in drawn and keep * present[0] < min(present):
            drawn.append(position)
        else:
            rejected += 1
    return drawn


def _drawn(weight_P: Tensor, upto_P: Tensor, draw: float) -> int:
    """Return a position with odds `weight_P`, whose sum up to each position is `upto_P`."""
    point = (draw * upto_P[-1]).reshape(1)
    position = int(torch.searchsorted(upto_P, point, right=True).clamp_max(len(upto_P) - 1))
    if float(weight_P[position]) > 0:
        return position
    return int(weight_P.nonzero()[-1])  # the draw rounded up to the total
